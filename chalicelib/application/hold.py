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

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from chalicelib.domain.ports import Clock, Ids, Reservations, Rows, Sessions
from chalicelib.domain.refusals import (
    IdempotencyKeyReused,
    Refusal,
    SeatsUnavailable,
    SessionCancelled,
    TooManyHolds,
    TooManySeats,
)
from chalicelib.domain.reservations import Contact, Held, Reservation, RowsClosed, SeatsTaken, State

from .live_holds import LimitHolds

FINGERPRINT_CHARACTERS = 12
"""48 bits of SHA-256: it only has to tell the few requests apart that one user sends with one key."""


@dataclass(frozen=True, slots=True)
class HoldSeats:
    session_id: str
    user_id: str
    seat_numbers: tuple[str, ...]
    idempotency_key: str | None = None
    contact: Contact | None = None


@dataclass(frozen=True)
class PlaceHold:
    sessions: Sessions
    rows: Rows
    limit_holds: LimitHolds
    reservations: Reservations
    clock: Clock
    ids: Ids
    hold_seconds: int
    max_seats: int

    def __call__(self, command: HoldSeats) -> Reservation:
        """Raises SessionNotFound, SessionCancelled, SeatsNotFound, TooManySeats, SeatsUnavailable, TooManyHolds,
        IdempotencyKeyReused.
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
        seats = session.seats_named(command.seat_numbers)
        if len(seats) > self.max_seats:
            raise TooManySeats(asked=len(seats), limit=self.max_seats)
        now = self.clock()
        return Reservation(
            id=self.ids.reservation(command.user_id, command.idempotency_key),
            session_id=session.id,
            movie_title=session.movie_title,
            user_id=command.user_id,
            seats=seats,
            amount=session.price_of(seats),
            fingerprint=_fingerprint(command, seats) if command.idempotency_key is not None else "",
            created_at=now,
            expires_at=now + timedelta(seconds=self.hold_seconds),
            contact=command.contact,
        )

    def _made(self, reservation: Reservation) -> Reservation:
        """The seats are held: what is left to do."""
        try:
            self.limit_holds(reservation)
        except (TooManyHolds, IdempotencyKeyReused) as refusal:
            return self._given_back(reservation, refusal)
        return self._remembered(reservation)

    def _given_back(self, reservation: Reservation, refusal: Refusal) -> Reservation:
        self.rows.release(reservation.hold, self.clock())
        stored = self.reservations.find(reservation.id) if reservation.fingerprint else None
        if stored is None:
            raise refusal
        return self._kept(_same_request(stored, reservation), reservation)

    def _finished(self, earlier: Reservation) -> Reservation:
        """What a twin began. Refused, we leave its seats alone: it gives them back itself, or was let in meanwhile."""
        self.limit_holds(earlier)
        return self._kept(self._remembered(earlier), earlier)

    def _kept(self, stored: Reservation, ours: Reservation) -> Reservation:
        """Of twins, one may be refused and the other let in, if there was room only when the second asked.

            refused:  release ──► find                 Whoever comes second sees what the first did, and both make sure
            let in:   add ──────► hold again           that the seats are held: already so, in almost every case.

        Raises SeatsUnavailable when someone else took one in between; then the reservation is closed.
        """
        if not _is_live(stored, ours):
            return stored
        try:
            self.rows.hold(stored.hold, self.clock())
        except SeatsTaken as taken:
            if lost := taken.seats_of_others(stored.id):
                self.reservations.close(stored.hold, State.CANCELLED)
                raise SeatsUnavailable(seats=lost) from taken
        return stored

    def _remembered(self, reservation: Reservation) -> Reservation:
        return self._settled(self.reservations.add(reservation), reservation)

    def _when_taken(self, reservation: Reservation, taken: SeatsTaken) -> Reservation:
        earlier = _earlier_attempt(reservation, taken)
        may_be_stored = reservation.fingerprint and not taken.id_is_new
        stored = self.reservations.find(reservation.id) if may_be_stored else None
        if stored:
            return self._settled(stored, earlier) if earlier else _same_request(stored, reservation)
        if earlier:
            return self._finished(earlier) if earlier.fingerprint else self._made(earlier)
        if taken.entries_of(reservation.id):
            raise IdempotencyKeyReused
        raise SeatsUnavailable(seats=taken.seats_of_others(reservation.id) or reservation.seats)

    def _settled(self, stored: Reservation, held: Reservation) -> Reservation:
        """What is stored under the id decides. If it is not what we hold seats for, or ended already, they go back."""
        if not _is_live(stored, held):
            self.rows.release(held.hold, self.clock())
        return _same_request(stored, held)


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


def _is_live(stored: Reservation, held: Reservation) -> bool:
    return stored.hold == held.hold and stored.state is State.PENDING


def _same_request(stored: Reservation, reservation: Reservation) -> Reservation:
    if stored.fingerprint != reservation.fingerprint:
        raise IdempotencyKeyReused
    return stored


def _fingerprint(command: HoldSeats, seats: tuple[str, ...]) -> str:
    address = (command.contact.email,) if command.contact else ()
    request = "\0".join((command.session_id, command.user_id, *seats, *address))
    return hashlib.sha256(request.encode()).hexdigest()[:FINGERPRINT_CHARACTERS]
