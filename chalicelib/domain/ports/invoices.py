"""Ports of invoices: their numbers, their PDF files, and links to these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from chalicelib.domain.invoices import Bill, Invoice, InvoiceLink

__all__ = ["InvoiceFiles", "Invoices"]


class Invoices(Protocol):
    """The invoices, one for each sale. Each method raises StoreUnavailable."""

    def assign_number(self, bill: Bill) -> Invoice:
        """Gives the sale's invoice. Makes it with the next number of its series, unless the sale has one.

        The numbers of a series are 1, 2, 3, … without gaps or repeats. After StoreUnavailable, ask again.
        """
        ...

    def assign_numbers(self, bills: Sequence[Bill]) -> Sequence[Invoice]:
        """Gives the invoices of sales of one series, like `assign_number`, in fewer writes. A sale may occur twice.

        After StoreUnavailable, some of them may have their numbers.
        """
        ...

    def mark_filed(self, invoice: Invoice) -> None:
        """Marks that the invoice's PDF can be fetched."""
        ...

    def find(self, reservation_id: str) -> Invoice | None:
        """Reads consistently: every earlier write is seen."""
        ...


class InvoiceFiles(Protocol):
    def put(self, invoice: Invoice, pdf: bytes) -> None:
        """Stores the PDF, unless the invoice has one. Raises StoreUnavailable."""
        ...

    def link(self, invoice: Invoice, now: datetime) -> InvoiceLink:
        """Makes a link to the invoice's PDF, which expires some minutes after `now`."""
        ...
