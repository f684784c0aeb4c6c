"""Resends of a hold: twins with one idempotency key, and requests whose answer was lost on the way.

    the row has my own id ──► on all my seats: finish what the earlier request began ──► 201
                          └─► on others, or for another request: IdempotencyKeyReused
    the id is stored      ──► the same request: the earlier answer ──► 201
                          ├─► another request: IdempotencyKeyReused
                          └─► ended since: ReservationExpired, ReservationCancelled

The reservation stored under the id decides. Seats that are held for anything else are released.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.domain.refusals import (
    IdempotencyKeyReused,
    Refusal,
    ReservationCancelled,
    ReservationExpired,
    SeatsUnavailable,
    TooManyHoldsInSession,
)
from chalicelib.domain.reservations import (
    HeldSeat,
    HoldBarredBeforeStored,
    Reservation,
    SeatsTakenOrHoldEnded,
    SoldSeat,
    State,
)

from .live_holds import CountUserHoldInSessionOrRefuse

if TYPE_CHECKING:
    from chalicelib.domain.ports import Clock, Reservations, Rows


@dataclass(frozen=True)
class AnswerRepeatedHoldRequests:
    """Answers requests for a hold that may repeat an earlier request."""

    rows: Rows
    count_live_hold: CountUserHoldInSessionOrRefuse
    reservations: Reservations
    clock: Clock

    def finish_or_answer_repeat_or_refuse(self, asked: Reservation, taken: SeatsTakenOrHoldEnded) -> Reservation:
        """Answers a request whose seats are taken. If an earlier attempt of the same request holds them all, finishes
        that attempt and gives its reservation. If a reservation is stored under the request's id, answers with that
        one.

        Raises SeatsUnavailable, TooManyHoldsInSession, IdempotencyKeyReused, ReservationExpired, ReservationCancelled.
        """
        earlier = _earlier_attempt(asked, taken)
        may_be_stored = asked.fingerprint and not taken.is_surely_no_resend
        stored = self.reservations.find(asked.id) if may_be_stored else None
        if stored:
            return self._settle_with(stored, earlier) if earlier else self._answer_with(stored, asked)
        if earlier:
            return self._finish(earlier)
        raise _refusal_of_taken(asked, taken)

    def store_or_answer_earlier_or_release_barred(self, held: Reservation) -> Reservation:
        """Stores the reservation of a counted hold. If a reservation is already stored under its id, answers with that
        one.

        If the hold was barred meanwhile, releases its seats, and raises ReservationExpired or ReservationCancelled.
        """
        try:
            return self._settle_with(self.reservations.get_or_add_unless_hold_barred(held), held)
        except HoldBarredBeforeStored as barred:
            self.rows.release(held.hold, self.clock())
            raise self._refusal_of_barred(held) from barred

    def answer_admitted_twin_or_release_and_refuse(self, held: Reservation, refusal: Refusal) -> Reservation:
        """A twin is a request with the same idempotency key at the same time. Without an admitted twin, releases the
        seats of a hold that would exceed the user's limit, and raises `refusal`.

        If a twin was admitted, answers with the twin's reservation, and releases only the seats that the twin does not
        hold. May also raise ReservationExpired, ReservationCancelled or IdempotencyKeyReused.

        Both requests write the same item, because they share the reservation id. So the later one sees what the earlier
        one did. A refused request bars the hold in that item before it releases the seats. An admitted one stores the
        reservation in that item before it answers 201.
        """
        stored = self.reservations.bar_hold_and_earlier_or_read_stored(held.hold) if held.fingerprint else None
        if stored:
            return self._settle_with(stored, held)
        self.rows.release(held.hold, self.clock())
        raise refusal

    def _finish(self, earlier: Reservation) -> Reservation:
        """Counts and stores a hold that an earlier attempt left in the rows. If the user's limit leaves no room for the
        hold, raises the refusal.

        Before it raises, releases the seats of a hold without an idempotency key. Does not release the seats of a hold
        with a key, because another request with this key may be using the hold. If that request is refused, it releases
        the seats.
        """
        try:
            self.count_live_hold(earlier)
        except (TooManyHoldsInSession, IdempotencyKeyReused):
            if not earlier.fingerprint:
                self.rows.release(earlier.hold, self.clock())
            raise
        return self.store_or_answer_earlier_or_release_barred(earlier)

    def _settle_with(self, stored: Reservation, held: Reservation) -> Reservation:
        """Answers with the stored reservation.

        Releases the held seats first, unless the stored reservation is a pending one with this very hold.
        """
        now = self.clock()
        if stored.hold != held.hold or stored.state_at(now) is not State.PENDING:
            self.rows.release(held.hold, now)
        return self._answer_with(stored, held)

    def _answer_with(self, stored: Reservation, asked: Reservation) -> Reservation:
        """Gives the stored reservation. Raises a refusal if it belongs to a different request, or has ended."""
        if stored.fingerprint != asked.fingerprint:
            raise IdempotencyKeyReused
        match stored.state_at(self.clock()):
            case State.EXPIRED:
                raise ReservationExpired(stored.id, stored.expires_at)
            case State.CANCELLED:
                raise ReservationCancelled(stored.id)
        return stored

    def _refusal_of_barred(self, held: Reservation) -> Refusal:
        """Makes the refusal of a hold that was barred and therefore can't be stored any more.

        If the hold may have lapsed, gives ReservationExpired. Otherwise gives ReservationCancelled: an earlier request
        with the hold's key was refused, and the hold was barred then.
        """
        now = self.clock()
        if held.hold_may_have_lapsed_by_some_clock(now):
            return ReservationExpired(held.id, min(held.expires_at, now))
        return ReservationCancelled(held.id)


def _earlier_attempt(asked: Reservation, taken: SeatsTakenOrHoldEnded) -> Reservation | None:
    """Gives the reservation of an earlier attempt of the same request, if that attempt holds all the seats.

    The earlier attempt may be a write of this request itself: the answer was lost, and boto3 sent the write again. Or
    it may be another request with the same key, which is between its two writes or died between them. In both cases
    this request continues with the earlier hold, and with that hold's expiry.
    """
    entry = taken.occupancy.get(asked.seats[0])
    if not isinstance(entry, HeldSeat):
        return None
    earlier = asked.with_expiry(entry.expires_at)
    own = [
        found for found in taken.occupancy.values() if isinstance(found, HeldSeat) and found.is_exactly_of(earlier.hold)
    ]
    return earlier if len(own) == len(asked.seats) else None


def _refusal_of_taken(asked: Reservation, taken: SeatsTakenOrHoldEnded) -> Refusal:
    own = taken.entries_of(asked.id)
    if any(isinstance(entry, SoldSeat) or entry.fingerprint != asked.fingerprint for entry in own.values()):
        return IdempotencyKeyReused()
    return SeatsUnavailable(seats=taken.seats_of_others(asked.id) or tuple(own) or taken.held_meanwhile or asked.seats)
