"""The ports of invoices in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chalicelib.domain.invoices import Bill, Invoice, InvoiceLink

__all__ = ["FakeInvoiceFiles", "FakeInvoices"]


@dataclass
class FakeInvoices:
    known: dict[str, Invoice] = field(default_factory=dict)

    def assign_number(self, bill: Bill) -> Invoice:
        place = 1 + sum(invoice.bill.series == bill.series for invoice in self.known.values())
        return self.known.setdefault(bill.reservation_id, Invoice(bill, place))

    def assign_numbers_in_one_series(self, bills: Sequence[Bill]) -> Sequence[Invoice]:
        return list(map(self.assign_number, bills))

    def mark_pdf_stored(self, invoice: Invoice) -> None:
        self.known[invoice.bill.reservation_id] = invoice.marked_filed()

    def find(self, reservation_id: str) -> Invoice | None:
        return self.known.get(reservation_id)


@dataclass
class FakeInvoiceFiles:
    """`puts` has each stored PDF with its number."""

    puts: list[tuple[str, bytes]] = field(default_factory=list)

    def put_if_absent(self, invoice: Invoice, pdf: bytes) -> None:
        self.puts.append((invoice.number, pdf))

    def link(self, invoice: Invoice, now: datetime) -> InvoiceLink:
        return InvoiceLink(invoice.number, f"https://files/{invoice.number}", now + timedelta(minutes=5))
