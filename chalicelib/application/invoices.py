"""An invoice for each sale: numbered, printed, filed, in this order; and the way to it.

sale ──► number: counter and invoice, one write ──► PDF to the files ──► invoice: filed ──► the link answers
         ▲ from here on the number is this sale's    ▲ a crash before or after it: the next delivery goes on from here
"""

from collections.abc import Callable
from dataclasses import dataclass

from chalicelib.domain.events import Event
from chalicelib.domain.invoices import ENGLISH, Bill, Invoice, bill_for
from chalicelib.domain.ports import Clock, InvoiceFiles, InvoiceLink, Invoices, Reservations, Sessions
from chalicelib.domain.refusals import InvoiceNotReady, Refusal, ReservationNotFound, ReservationNotPaid
from chalicelib.domain.reservations import State


@dataclass(frozen=True)
class IssueInvoice:
    """Harmless twice, and at the same time: a sale's number is written once, together with the counter, and whoever
    comes later finds it; the same invoice is printed as the same bytes, and filed where it lies already.
    """

    reservations: Reservations
    sessions: Sessions
    invoices: Invoices
    printed: Callable[[Invoice], bytes]
    files: InvoiceFiles
    seller: tuple[str, ...]
    time_zone: str

    def __call__(self, sale: Event) -> None:
        """What was free of charge has no invoice. Raises UnreadableMessage, SessionNotFound, StoreUnavailable."""
        if sale.data.get("amountCents") == 0:
            return
        invoice = self.invoices.assign_number(self._bill(sale))
        if not invoice.filed:
            self.files.put(invoice, self.printed(invoice))
            self.invoices.mark_filed(invoice)

    def _bill(self, sale: Event) -> Bill:
        """In the language in which the buyer wants letters; English where we don't know."""
        reservation = self.reservations.find(sale.reservation_id)
        contact = reservation.contact if reservation else None
        language = contact.language if contact else ENGLISH
        return bill_for(sale, self.sessions.get(sale.session_id), self.seller, self.time_zone, language)


@dataclass(frozen=True)
class LinkInvoice:
    invoices: Invoices
    files: InvoiceFiles
    reservations: Reservations
    clock: Clock

    def __call__(self, reservation_id: str) -> InvoiceLink:
        """Raises InvoiceNotReady, ReservationNotPaid, ReservationNotFound."""
        invoice = self.invoices.find(reservation_id)
        if invoice is None or not invoice.filed:
            raise self._why_there_is_none(reservation_id)
        return self.files.link(invoice, self.clock())

    def _why_there_is_none(self, reservation_id: str) -> Refusal:
        reservation = self.reservations.find(reservation_id)
        if reservation is None:
            return ReservationNotFound(reservation_id)
        bought = reservation.state is State.CONFIRMED and not reservation.is_free
        return InvoiceNotReady(reservation_id) if bought else ReservationNotPaid(reservation_id)
