"""Holding seats: one write decides, one counts the hold against the user's limit, one remembers it.

    buyer ──► row: hold A1, A2 if free ──► limit: room for one? ──► reservation: store, if the id is new ──► 201
                   │ taken                     │ no                       │ known already
                   ▼                           ▼                          ▼
              are they held by my id?     release what I took        release what I took
              no: SeatsUnavailable        TooManyHoldsInSession               the same request? the earlier answer
                                                                     another request?  IdempotencyKeyReused

This file is the way to the right. The ways down are in resend.py: twins with one idempotency key, and lost answers.

With an idempotency key the id is made from user and key, so that a resend finds its own seats in the row. The row is
still written first: a hold with a key costs no more calls than one without, and a lost race for a seat costs only one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from chalicelib.domain.refusals import (
    IdempotencyKeyReused,
    SalesClosed,
    SessionCancelled,
    TooManyHoldsInSession,
    TooManySeats,
)
from chalicelib.domain.reservations import Contact, Reservation, RowsOfCancelledSession, SeatsTakenOrHoldEnded
from chalicelib.domain.sessions import Session

from .live_holds import CountUserHoldInSessionOrRefuse
from .resend import AnswerRepeatedHoldRequests

if TYPE_CHECKING:
    from chalicelib.domain.ports import Clock, IdMaker, Reservations, Rows, Sessions


@dataclass(frozen=True, slots=True)
class HoldSeatsCommand:
    session_id: str
    user_id: str
    seat_numbers: tuple[str, ...]
    idempotency_key: str | None = None
    contact: Contact | None = None
    source_network: str = ""
    """The network from which the request comes, if that is known."""


class HoldSettings(Protocol):
    """The settings for holds. The fields have the names of settings.py."""

    @property
    def hold_seconds(self) -> int: ...

    @property
    def max_seats_per_hold(self) -> int: ...

    @property
    def sales_end_minutes_after_start(self) -> int:
        """Gives the minutes between the session's start and the end of sales.

        Negative if sales end before the start.
        """
        ...


@dataclass(frozen=True)
class PlaceHold:
    sessions: Sessions
    rows: Rows
    count_live_hold: CountUserHoldInSessionOrRefuse
    reservations: Reservations
    clock: Clock
    ids: IdMaker
    rules: HoldSettings

    def __call__(self, command: HoldSeatsCommand) -> Reservation:
        """Holds the seats and gives the pending reservation.

        Raises SessionNotFound, SessionCancelled, SalesClosed, SeatsNotFound, TooManySeats, SeatsUnavailable,
        TooManyHoldsInSession, IdempotencyKeyReused.

        Raises ReservationExpired or ReservationCancelled if the reservation that was made with this key has ended.
        """
        reservation = self._draft(command)
        try:
            self.rows.hold(reservation.hold, reservation.created_at)
        except RowsOfCancelledSession as closed:
            raise SessionCancelled(reservation.session_id) from closed
        except SeatsTakenOrHoldEnded as taken:
            return self._resends.finish_or_answer_repeat_or_refuse(reservation, taken)
        return self._keep(reservation)

    def _keep(self, held: Reservation) -> Reservation:
        """Counts a hold that has just got its seats in the rows, and stores its reservation. If the user is at the
        limit, releases the seats."""
        try:
            self.count_live_hold(held)
        except (TooManyHoldsInSession, IdempotencyKeyReused) as refusal:
            return self._resends.answer_admitted_twin_or_release_and_refuse(held, refusal)
        return self._resends.store_or_answer_earlier_or_release_barred(held)

    def _draft(self, command: HoldSeatsCommand) -> Reservation:
        """Makes the reservation for the command. Raises the refusals that don't depend on the rows."""
        session, now = self._session_on_sale(command.session_id)
        seats = session.distinct_seats_in_hall_order(command.seat_numbers)
        if len(seats) > self.rules.max_seats_per_hold:
            raise TooManySeats(asked=len(seats), limit=self.rules.max_seats_per_hold)
        return Reservation(
            id=self.ids.reservation_id(command.user_id, command.idempotency_key),
            session_id=session.id,
            movie_title=session.movie_title,
            user_id=command.user_id,
            seats=seats,
            amount=session.price_of(seats),
            fingerprint=self._fingerprint(command, seats),
            created_at=now,
            expires_at=now + timedelta(seconds=self.rules.hold_seconds),
            contact=command.contact,
            source_network=command.source_network,
        )

    def _session_on_sale(self, session_id: str) -> tuple[Session, datetime]:
        """Gives the session and the current time. Raises SessionNotFound, SessionCancelled, SalesClosed."""
        session = self.sessions.get(session_id)
        if session.cancelled_at:
            raise SessionCancelled(session.id)
        now = self.clock()
        sales_end_at = session.starts_at + timedelta(minutes=self.rules.sales_end_minutes_after_start)
        if now >= sales_end_at:
            raise SalesClosed(session.id, sales_end_at)
        return session, now

    def _fingerprint(self, command: HoldSeatsCommand, seats: tuple[str, ...]) -> str:
        """Makes the fingerprint of the request, by which a repeated request is recognized.

        Empty without an idempotency key.
        """
        if command.idempotency_key is None:
            return ""
        address = (command.contact.email,) if command.contact else ()
        return self.ids.keyed_fingerprint(command.session_id, command.user_id, *seats, *address)

    @property
    def _resends(self) -> AnswerRepeatedHoldRequests:
        return AnswerRepeatedHoldRequests(self.rows, self.count_live_hold, self.reservations, self.clock)
