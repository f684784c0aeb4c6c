"""The use cases of tickets: showing, transferring and admitting them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib.domain.consumers import TICKETS
from chalicelib.domain.events import OutgoingMessage, reservation_confirmed_or_ended
from chalicelib.domain.identity import UNCHECKED, Principal
from chalicelib.domain.refusals import (
    AlreadyAdmitted,
    BackendUnavailable,
    ReservationNotFound,
    ReservationNotPaid,
    SessionCancelled,
    TicketNotFound,
    TicketsNotReady,
    TicketTokenInvalid,
    TicketVoid,
    WrongRoom,
)
from chalicelib.domain.reservations import Reservation, State
from chalicelib.domain.tickets.calendar_entry import SaleCalendarEntry, calendar_entry_for
from chalicelib.domain.tickets.checking import IsSigned, verify_token
from chalicelib.domain.tickets.ticket import (
    Admission,
    Ticket,
    VoidReason,
    admission_times,
    check_neither_too_early_nor_over,
)

from .owned import get_owned_reservation

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.domain.pages import Page
    from chalicelib.domain.ports import Clock, Outbox, Reservations, Sessions, TicketKeys, Tickets
    from chalicelib.domain.sessions import Session
    from chalicelib.domain.tickets.ticket import ListedTicket

ISSUED_WITHIN = timedelta(minutes=1)
"""How long a sale may be without tickets before its event is sent again. A sale that is older than the ticket feature
gets its tickets in this way, too."""


@dataclass(frozen=True)
class ResendSaleForMissingTicketsOrTokens:
    """Requests the missing tickets and tokens of a sale, by sending the sale's event again.

    Idempotent: see IssueSoldOrVoidRefundedTickets.
    """

    outbox: Outbox
    clock: Clock

    def __call__(self, sold: Reservation) -> None:
        """Sends the sale's event to the consumer that signs. Raises BackendUnavailable."""
        sale = reservation_confirmed_or_ended(sold, State.CONFIRMED, self.clock())
        if self.outbox.send_and_list_unsent_positions([OutgoingMessage(TICKETS, sale)], self.clock()):
            raise BackendUnavailable("SendMessageBatch")


@dataclass(frozen=True, slots=True)
class ShownTickets:
    session: Session
    tickets: tuple[Ticket, ...]


@dataclass(frozen=True)
class ShowTicketsOrRefuseIfUnsigned:
    tickets: Tickets
    reservations: Reservations
    sessions: Sessions
    ask_for_tokens: ResendSaleForMissingTicketsOrTokens
    clock: Clock

    def __call__(self, reservation_id: str, asked_by: Principal = UNCHECKED) -> ShownTickets:
        """Gives a sale's signed tickets.

        Raises ReservationNotFound, ReservationNotPaid, TicketsNotReady, TicketVoid, SessionCancelled and
        BackendUnavailable.
        """
        reservation = get_owned_reservation(self.reservations, reservation_id, asked_by)
        if reservation.sale is None:
            raise ReservationNotPaid(reservation_id)
        session = _session_taking_place(self.sessions, reservation.session_id)
        return ShownTickets(session, self._signed(reservation, reservation.sale.paid_at))

    def _signed(self, reservation: Reservation, paid_at: datetime) -> tuple[Ticket, ...]:
        sold = self.tickets.find_ticketed_or_voided_sale(reservation.id)
        if sold and sold.void:
            raise TicketVoid(sold.void)
        if sold and all(ticket.token and not ticket.void for ticket in sold.tickets):
            return sold.tickets
        if sold or self.clock() > paid_at + ISSUED_WITHIN:
            self.ask_for_tokens(reservation)
        raise TicketsNotReady(reservation.id)


@dataclass(frozen=True)
class ShowCalendarEntry:
    reservations: Reservations
    sessions: Sessions

    def __call__(self, reservation_id: str, asked_by: Principal = UNCHECKED) -> SaleCalendarEntry:
        """Gives a sale's calendar entry. The entry is marked as cancelled if the session was cancelled, or the sale
        refunded.

        Raises ReservationNotFound, ReservationNotPaid.
        """
        reservation = get_owned_reservation(self.reservations, reservation_id, asked_by)
        return calendar_entry_for(reservation, self.sessions.get(reservation.session_id))


@dataclass(frozen=True)
class TransferTicket:
    """Replaces a ticket by a new one for another holder. The old ticket is void from then on.

    Idempotent: a second call gives the same new ticket, and requests its signature again if the ticket is not signed
    yet.
    """

    tickets: Tickets
    reservations: Reservations
    sessions: Sessions
    ask_for_tokens: ResendSaleForMissingTicketsOrTokens
    clock: Clock
    new_code: Callable[[], str]

    def __call__(self, code: str, asked_by: Principal = UNCHECKED) -> Ticket:
        """Gives the new ticket, which is signed some seconds later.

        Raises TicketNotFound, also for another user's ticket. Raises TicketVoid, AlreadyAdmitted, TooManyTransfers,
        SessionCancelled, BackendUnavailable.
        """
        ticket = self._find(code)
        reservation = self._owned(ticket, asked_by)
        _session_taking_place(self.sessions, ticket.session_id)
        if not (ticket.renewed_as or ticket.void or ticket.admission):
            ticket = self.tickets.try_transfer_and_reread_old(
                ticket, ticket.replacement_or_raise_too_many_transfers(self.new_code(), self.clock())
            )
        if not ticket.renewed_as:
            raise _refusal(ticket)
        renewed = self._find(ticket.renewed_as)
        if renewed.void:
            raise TicketVoid(renewed.void)
        if not renewed.token:
            self.ask_for_tokens(reservation)
        return renewed

    def _find(self, code: str) -> Ticket:
        ticket = self.tickets.find(code)
        if ticket is None:
            raise TicketNotFound(code)
        return ticket

    def _owned(self, ticket: Ticket, asked_by: Principal) -> Reservation:
        try:
            return get_owned_reservation(self.reservations, ticket.reservation_id, asked_by)
        except ReservationNotFound as error:
            raise TicketNotFound(ticket.code) from error


@dataclass(frozen=True, slots=True)
class AdmitTicketCommand:
    """A gate's request to admit a ticket, by its scanned token or its typed code.

    `key` is the idempotency key: a repeated request with the same key is the same admission. Without a key, each
    request is a new one. `admitted_at` is the moment when an offline gate admitted the ticket; None if the gate is
    online.
    """

    gate: str
    room: str
    token: str = ""
    code: str = ""
    key: str = ""
    admitted_at: datetime | None = None

    def admission_time(self, now: datetime) -> datetime:
        """Gives the moment of the admission, but never a moment after `now`, because the gate's clock may be ahead."""
        return min(self.admitted_at or now, now)


@dataclass(frozen=True, slots=True)
class AdmittedTicket:
    ticket: Ticket
    session: Session
    admission: Admission


@dataclass(frozen=True)
class AdmitTicket:
    """Admits a ticket once, by one conditional write, however many gates try at the same time."""

    tickets: Tickets
    keys: TicketKeys
    is_signed: IsSigned
    sessions: Sessions
    admission_opens_before: timedelta
    clock: Clock
    new_idempotency_key: Callable[[], str]

    def __call__(self, command: AdmitTicketCommand) -> AdmittedTicket:
        """Admits the ticket. A repeated request gives the same admission.

        Raises TicketTokenInvalid, TicketNotFound, TicketVoid, SessionCancelled, WrongRoom, AdmissionNotOpenYet,
        AdmissionOver, AlreadyAdmitted, BackendUnavailable.
        """
        at = command.admission_time(self.clock())
        ticket = self._find(command, at)
        session = _session_taking_place(self.sessions, ticket.session_id)
        if ticket.void:
            raise TicketVoid(ticket.void)
        if session.room != command.room:
            raise WrongRoom(session.room)
        check_neither_too_early_nor_over(session.starts_at, self.admission_opens_before, at)
        asked = Admission(at, command.gate, command.key or self.new_idempotency_key())
        stored = self.tickets.try_admit_and_reread(ticket, asked)
        if stored.void or stored.admission is None or not stored.admission.is_same_request_as(asked):
            raise _refusal(stored)
        return AdmittedTicket(stored, session, stored.admission)

    def _find(self, command: AdmitTicketCommand, admitted_at: datetime) -> Ticket:
        """Finds the ticket by its token or its code. A token must be signed with a published key that is not expired at
        `admitted_at`."""
        code, version = command.code, None
        if command.token:
            facts = verify_token(command.token, self.keys.read_unexpired(admitted_at), self.is_signed)
            code, version = facts.code, facts.version
        ticket = self.tickets.find(code)
        if ticket is None:
            raise TicketNotFound(code)
        if version not in (None, ticket.version):
            raise TicketTokenInvalid
        return ticket


@dataclass(frozen=True, slots=True)
class GateListPage:
    """A page of a gate's offline list, read at `as_of`."""

    session: Session
    opens_at: datetime
    closes_at: datetime
    as_of: datetime
    tickets: Page[ListedTicket]


@dataclass(frozen=True)
class ShowGateListPage:
    """Lists a session's tickets for the offline lists of gates, with validity and admissions."""

    tickets: Tickets
    sessions: Sessions
    admission_opens_before: timedelta
    clock: Clock

    def __call__(self, session_id: str, limit: int, cursor: str | None) -> GateListPage:
        """Gives a page of the list. Raises SessionNotFound, SessionCancelled, CursorInvalid, BackendUnavailable."""
        session = _session_taking_place(self.sessions, session_id)
        opens_at, closes_at = admission_times(session.starts_at, self.admission_opens_before)
        now = self.clock()
        return GateListPage(
            session, opens_at, closes_at, now, self.tickets.list_with_void_by_session(session_id, limit, cursor)
        )


def _session_taking_place(sessions: Sessions, session_id: str) -> Session:
    session = sessions.get(session_id)
    if session.cancelled_at:
        raise SessionCancelled(session.id)
    return session


def _refusal(ticket: Ticket) -> Exception:
    """Makes the refusal of a ticket that can be neither transferred nor admitted.

    If nothing on the ticket says why, the tickets of its sale are being voided at this moment.
    """
    if ticket.admission and not ticket.void:
        return AlreadyAdmitted(ticket.admission.admitted_at, ticket.admission.gate)
    return TicketVoid(ticket.void or VoidReason.REFUNDED)
