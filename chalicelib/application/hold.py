"""Holding seats: one write decides, one counts the hold against the user's limit, one remembers.

    buyer ──► row: hold A1, A2 if free ──► limit: room for one? ──► reservation: remember, if the id is new ──► 201
                   │ taken                     │ no                       │ known already
                   ▼                           ▼                          ▼
              my own id stands there?     give back what I took      give back what I took
              no: SeatsUnavailable        TooManyHolds               the same request? the earlier answer
                                                                     another request?  IdempotencyKeyReused

With an idempotency key the id is derived from user and key, so that a resend meets its own seats. The row is asked
first all the same: a hold with a key costs the calls of one without, and who loses the race for a seat costs only one.
"""

from dataclasses import dataclass
from datetime import timedelta

from chalicelib.domain.ports import Clock, Ids, Reservations, Rows, Sessions
from chalicelib.domain.refusals import (
    IdempotencyKeyReused,
    Refusal,
    ReservationCancelled,
    ReservationExpired,
    SalesClosed,
    SeatsUnavailable,
    SessionCancelled,
    TooManyHolds,
    TooManySeats,
)
from chalicelib.domain.reservations import Contact, Held, HoldHasEnded, Reservation, RowsClosed, SeatsTaken, Sold, State

from .live_holds import CountLiveHold


@dataclass(frozen=True, slots=True)
class HoldSeats:
    session_id: str
    user_id: str
    seat_numbers: tuple[str, ...]
    idempotency_key: str | None = None
    contact: Contact | None = None
    source: str = ""
    """The network that it comes from, if that is known."""


@dataclass(frozen=True)
class PlaceHold:
    sessions: Sessions
    rows: Rows
    count_live_hold: CountLiveHold
    reservations: Reservations
    clock: Clock
    ids: Ids
    hold_seconds: int
    max_seats: int
    sales_end: timedelta = timedelta(0)
    """How long after its start seats of a screening are held; before it, where that is negative."""

    def __call__(self, command: HoldSeats) -> Reservation:
        """Raises SessionNotFound, SessionCancelled, SalesClosed, SeatsNotFound, TooManySeats, SeatsUnavailable,
        TooManyHolds, IdempotencyKeyReused; ReservationExpired and ReservationCancelled when what it asks for has ended
        since.
        """
        reservation = self._drafted(command)
        try:
            self.rows.hold(reservation.hold, reservation.created_at)
        except RowsClosed as closed:
            raise SessionCancelled(reservation.session_id) from closed
        except SeatsTaken as taken:
            return self._when_taken(reservation, taken)
        return self._made(reservation)

    def _drafted(self, command: HoldSeats) -> Reservation:
        session = self.sessions.get(command.session_id)
        if session.cancelled_at:
            raise SessionCancelled(session.id)
        now = self.clock()
        if now >= session.starts_at + self.sales_end:
            raise SalesClosed(session.id, session.starts_at + self.sales_end)
        seats = session.seats_named(command.seat_numbers)
        if len(seats) > self.max_seats:
            raise TooManySeats(asked=len(seats), limit=self.max_seats)
        return Reservation(
            id=self.ids.reservation(command.user_id, command.idempotency_key),
            session_id=session.id,
            movie_title=session.movie_title,
            user_id=command.user_id,
            seats=seats,
            amount=session.price_of(seats),
            fingerprint=self._fingerprint(command, seats) if command.idempotency_key is not None else "",
            created_at=now,
            expires_at=now + timedelta(seconds=self.hold_seconds),
            contact=command.contact,
            source=command.source,
        )

    def _fingerprint(self, command: HoldSeats, seats: tuple[str, ...]) -> str:
        address = (command.contact.email,) if command.contact else ()
        return self.ids.fingerprint(command.session_id, command.user_id, *seats, *address)

    def _made(self, reservation: Reservation) -> Reservation:
        """The seats are held: what is left to do."""
        try:
            self.count_live_hold(reservation)
        except (TooManyHolds, IdempotencyKeyReused) as refusal:
            return self._given_back(reservation, refusal)
        return self._remembered(reservation)

    def _given_back(self, reservation: Reservation, refusal: Refusal) -> Reservation:
        """Of twins, one may be refused and the other let in, if there was room only when the second asked.

        refused:  bar the hold ──► release        One item decides: who comes second to it finds the other. So no
        let in:   remember the hold ──► 201       twin is promised seats which its twin gives back.
        """
        stored = self.reservations.bar(reservation.hold) if reservation.fingerprint else None
        if stored:
            return self._settled(stored, reservation)
        self.rows.release(reservation.hold, self.clock())
        raise refusal

    def _finished(self, earlier: Reservation) -> Reservation:
        """What a twin began. Refused, we leave its seats alone: it gives them back itself, or was let in meanwhile."""
        self.count_live_hold(earlier)
        return self._remembered(earlier)

    def _remembered(self, reservation: Reservation) -> Reservation:
        try:
            return self._settled(self.reservations.add(reservation), reservation)
        except HoldHasEnded as ended:
            self.rows.release(reservation.hold, self.clock())
            raise self._ended(reservation) from ended

    def _ended(self, reservation: Reservation) -> Refusal:
        """Barred because it has lapsed, perhaps by another instance's clock; else by its twin, which was refused."""
        now = self.clock()
        if reservation.may_have_lapsed(now):
            return ReservationExpired(reservation.id, min(reservation.expires_at, now))
        return ReservationCancelled(reservation.id)

    def _when_taken(self, reservation: Reservation, taken: SeatsTaken) -> Reservation:
        earlier = _earlier_attempt(reservation, taken)
        may_be_stored = reservation.fingerprint and not taken.id_is_new
        stored = self.reservations.find(reservation.id) if may_be_stored else None
        if stored:
            return self._settled(stored, earlier) if earlier else self._answered(stored, reservation)
        if earlier:
            return self._finished(earlier) if earlier.fingerprint else self._made(earlier)
        own = taken.entries_of(reservation.id)
        if any(isinstance(entry, Sold) or entry.fingerprint != reservation.fingerprint for entry in own.values()):
            raise IdempotencyKeyReused
        raise SeatsUnavailable(seats=taken.seats_of_others(reservation.id) or tuple(own) or reservation.seats)

    def _settled(self, stored: Reservation, held: Reservation) -> Reservation:
        """What is stored under the id decides. If it is not what we hold seats for, or ended already, they go back."""
        now = self.clock()
        if stored.hold != held.hold or stored.state_at(now) is not State.PENDING:
            self.rows.release(held.hold, now)
        return self._answered(stored, held)

    def _answered(self, stored: Reservation, asked: Reservation) -> Reservation:
        if stored.fingerprint != asked.fingerprint:
            raise IdempotencyKeyReused
        if stored.state_at(self.clock()) in (State.EXPIRED, State.CANCELLED):
            raise self._over(stored)
        return stored

    def _over(self, reservation: Reservation) -> Refusal:
        """Who asks too late is told what has become of it."""
        if reservation.state_at(self.clock()) is State.EXPIRED:
            return ReservationExpired(reservation.id, reservation.expires_at)
        return ReservationCancelled(reservation.id)


def _earlier_attempt(reservation: Reservation, taken: SeatsTaken) -> Reservation | None:
    """This very request, if it holds all its seats already.

    Either the answer to our own write was lost and the client library sent it again, or a twin with the same key is
    between its two writes, or died there. Its hold is as good as ours: finish the work, with its expiry.
    """
    entry = taken.occupancy.get(reservation.seats[0])
    if not isinstance(entry, Held):
        return None
    earlier = reservation.until(entry.expires_at)
    mine = [found for found in taken.occupancy.values() if isinstance(found, Held) and found.is_of(earlier.hold)]
    return earlier if len(mine) == len(reservation.seats) else None
