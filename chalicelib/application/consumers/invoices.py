"""Numbers, prints and files the invoices of sales, in this order. Makes links to the PDFs.

sales ─► numbers: counter and invoices, one write ─► PDF to the files ──► invoice: filed ──► links can be made
         ▲ from here on the number is this sale's    ▲ after a crash on either side, the next delivery goes on from here
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.application.owned import get_owned_reservation
from chalicelib.domain.events import Event, Failures, act_on_each_in_turn
from chalicelib.domain.identity import UNCHECKED, Principal
from chalicelib.domain.invoices import ENGLISH, Bill, Invoice, bill_for
from chalicelib.domain.refusals import InvoiceNotReady, Refusal, ReservationNotFound, ReservationNotPaid
from chalicelib.domain.reservations import State

from .numbering import number_by_series_else_singly

if TYPE_CHECKING:
    from chalicelib.domain.invoices import InvoiceLink
    from chalicelib.domain.ports import Clock, InvoiceFiles, Invoices, Reservations, Sessions


@dataclass(frozen=True)
class IssueInvoicesOfSalesNotFree:
    """Issues the invoices of a batch of sales. Idempotent, also if two batches run at the same time.

    A sale's number is stored once, in one transaction with the counter. A second delivery of the sale uses the stored
    number. The same invoice is printed as the same bytes, and stored under the same name.
    """

    reservations: Reservations
    sessions: Sessions
    invoices: Invoices
    print_pdf: Callable[[Invoice], bytes]
    files: InvoiceFiles
    seller: tuple[str, ...]
    time_zone: str

    def __call__(self, sales: Sequence[Event]) -> Failures:
        """Issues the invoices. Skips sales that were free of charge. Gives the exception of each sale that failed, by
        the sale's position in the batch.

        The exceptions are UnreadableMessage, SessionNotFound, BackendUnavailable.
        """
        bills, unbilled = act_on_each_in_turn(dict(enumerate(sales)), self._draft_bill)
        charged = {position: bill for position, bill in bills.items() if bill}
        numbered, unnumbered = number_by_series_else_singly(
            charged, lambda bill: bill.series, self.invoices.assign_numbers_in_one_series
        )
        invoices = {invoice.bill.reservation_id: invoice for invoice in numbered.values()}  # a sale may occur twice
        _, unfiled = act_on_each_in_turn(invoices, self._print_and_file)
        of_sales = {position: unfiled.get(invoice.bill.reservation_id) for position, invoice in numbered.items()}
        return unbilled | unnumbered | {position: error for position, error in of_sales.items() if error}

    def _print_and_file(self, invoice: Invoice) -> None:
        if not invoice.filed:
            self.files.put_if_absent(invoice, self.print_pdf(invoice))
            self.invoices.mark_pdf_stored(invoice)

    def _draft_bill(self, sale: Event) -> Bill | None:
        """Makes the bill, in the language of the buyer's emails, or else in English.

        None if the sale was free of charge.
        """
        if sale.data.get("amountCents") == 0:
            return None
        reservation = self.reservations.find(sale.reservation_id)
        contact = reservation.contact if reservation else None
        language = contact.language if contact else ENGLISH
        user_id = reservation.user_id if reservation else sale.buyer_pseudonym_or_empty
        return bill_for(sale, self.sessions.get(sale.session_id), user_id, self.seller, self.time_zone, language)


@dataclass(frozen=True)
class LinkToFiledInvoice:
    invoices: Invoices
    files: InvoiceFiles
    reservations: Reservations
    clock: Clock

    def __call__(self, reservation_id: str, asked_by: Principal = UNCHECKED) -> InvoiceLink:
        """Makes a link to the invoice's PDF. Raises InvoiceNotReady, ReservationNotPaid, ReservationNotFound."""
        if not asked_by.may_act_for_all:
            get_owned_reservation(self.reservations, reservation_id, asked_by)
        invoice = self.invoices.find(reservation_id)
        if invoice is None or not invoice.filed:
            raise self._refusal_of_missing(reservation_id)
        return self.files.link(invoice, self.clock())

    def _refusal_of_missing(self, reservation_id: str) -> Refusal:
        reservation = self.reservations.find(reservation_id)
        if reservation is None:
            return ReservationNotFound(reservation_id)
        bought = reservation.state is State.CONFIRMED and not reservation.is_free
        return InvoiceNotReady(reservation_id) if bought else ReservationNotPaid(reservation_id)
