"""Ports of invoices: their numbers, their PDF files, and links to these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from chalicelib.domain.invoices import Bill, Invoice, InvoiceLink

__all__ = ["InvoiceFiles", "Invoices"]


class Invoices(Protocol):
    """The invoices, one for each sale. Each method raises BackendUnavailable."""

    def assign_number(self, bill: Bill) -> Invoice:
        """Gives the sale's invoice. If the sale has none, makes it with the next number of its series.

        The numbers of a series are 1, 2, 3, … without gaps or repeats. After BackendUnavailable, a retry is safe.
        """
        ...

    def assign_numbers_in_one_series(self, bills: Sequence[Bill]) -> Sequence[Invoice]:
        """Assigns numbers of one series to several sales, in fewer writes than `assign_number` would need. Gives their
        invoices. If `bills` contains a sale twice, both of its invoices have the same number.

        After BackendUnavailable, some sales may have their numbers already; a retry is safe.
        """
        ...

    def mark_pdf_stored(self, invoice: Invoice) -> None:
        """Marks the invoice's PDF as stored, so that links to it can be made."""
        ...

    def find(self, reservation_id: str) -> Invoice | None:
        """Reads the sale's invoice, strongly consistent. None if the sale has none."""
        ...


class InvoiceFiles(Protocol):
    """The storage of invoices' PDF files."""

    def put_if_absent(self, invoice: Invoice, pdf: bytes) -> None:
        """Stores the PDF. Does nothing if the invoice's PDF is already stored. Raises BackendUnavailable."""
        ...

    def link(self, invoice: Invoice, now: datetime) -> InvoiceLink:
        """Makes a temporary link to the invoice's PDF. The link expires some minutes after `now`."""
        ...
