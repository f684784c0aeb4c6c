"""Numbers, prints and files the invoice of each sale, in this order. Makes links to the PDFs.

sale ──► number: counter and invoice, one write ──► PDF to the files ──► invoice: filed ──► links can be made
         ▲ from here on the number is this sale's    ▲ after a crash on either side, the next delivery goes on from here
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.application.owned import find_owned
from chalicelib.domain.events import Event
from chalicelib.domain.identity import UNCHECKED, Principal
from chalicelib.domain.invoices import ENGLISH, Bill, Invoice, bill_for
from chalicelib.domain.refusals import InvoiceNotReady, Refusal, ReservationNotFound, ReservationNotPaid
from chalicelib.domain.reservations import State

if TYPE_CHECKING:
    from chalicelib.domain.invoices import InvoiceLink
    from chalicelib.domain.ports import Clock, InvoiceFiles, Invoices, Reservations, Sessions


@dataclass(frozen=True)
class IssueInvoice:
    """Issues the invoice of a sale. Harmless twice, and at the same time.

    The number is written once, together with the counter, and a second delivery finds it. The same invoice is printed
    as the same bytes, and filed in the same place.
    """

    reservations: Reservations
    sessions: Sessions
    invoices: Invoices
    print_pdf: Callable[[Invoice], bytes]
    files: InvoiceFiles
    seller: tuple[str, ...]
    time_zone: str

    def __call__(self, sale: Event) -> None:
        """Issues the invoice; does nothing if the sale was free of charge.

        Raises UnreadableMessage, SessionNotFound, StoreUnavailable.
        """
        if sale.data.get("amountCents") == 0:
            return
        invoice = self.invoices.assign_number(self._draft_bill(sale))
        if not invoice.filed:
            self.files.put(invoice, self.print_pdf(invoice))
            self.invoices.mark_filed(invoice)

    def _draft_bill(self, sale: Event) -> Bill:
        """Makes the bill for the user of the reservation, in the language of the buyer's emails, or else in English."""
        reservation = self.reservations.find(sale.reservation_id)
        contact = reservation.contact if reservation else None
        language = contact.language if contact else ENGLISH
        user_id = reservation.user_id if reservation else sale.buyer
        return bill_for(sale, self.sessions.get(sale.session_id), user_id, self.seller, self.time_zone, language)


@dataclass(frozen=True)
class LinkInvoice:
    invoices: Invoices
    files: InvoiceFiles
    reservations: Reservations
    clock: Clock

    def __call__(self, reservation_id: str, asked_by: Principal = UNCHECKED) -> InvoiceLink:
        """Makes a link to the invoice's PDF. Raises InvoiceNotReady, ReservationNotPaid, ReservationNotFound."""
        if not asked_by.may_act_for_all:
            find_owned(self.reservations, reservation_id, asked_by)
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
