"""The limit of live holds for each user and session: nobody keeps a hall from the others without paying.

    room? ──yes──► count the hold: one write
      │ no: these count
      ▼
    has one of them ended, sold or released? ──yes──► count the hold in its place, if that is still as it was read
      │ no
      ▼
    TooManyHoldsInSession

The limit is cheap: confirming and cancelling write nothing for it, and ended holds are looked for only without room.

A request may name anybody as the user. So holds are counted by user and network together: a stranger who holds seats
in somebody's name from elsewhere uses up another count than theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from chalicelib.domain.refusals import BackendUnavailable, IdempotencyKeyReused, TooManyHoldsInSession
from chalicelib.domain.reservations import CountedHold, Hold, HoldLimitReachedOrReplacedHoldChanged, Reservation, State

if TYPE_CHECKING:
    from chalicelib.domain.ports import HoldsCountedUntilExpiry, Reservations

ATTEMPTS = 10
"""The largest number of tries to count a hold. The first try does not know the counted holds; each later one has just
read them. So a later try fails only if another hold of the same holder was counted in between."""


@dataclass(frozen=True)
class CountUserHoldInSessionOrRefuse:
    holds_counted_until_expiry: HoldsCountedUntilExpiry
    reservations: Reservations
    limit: int

    def __call__(self, reservation: Reservation) -> None:
        """Counts a reservation's hold against the user's limit in this session. Call it before the reservation is
        stored. Counting the same hold again changes nothing.

        At the limit, raises IdempotencyKeyReused if another live hold with this reservation id is counted already, and
        TooManyHoldsInSession otherwise. Raises BackendUnavailable if the counted holds changed during each of the
        ATTEMPTS tries.
        """
        hold, now = reservation.hold, reservation.created_at
        ended: CountedHold | None = None
        for _ in range(ATTEMPTS):
            try:
                return self.holds_counted_until_expiry.count_hold(_holder(reservation), hold, self.limit, now, ended)
            except HoldLimitReachedOrReplacedHoldChanged as reached:
                ended = self._replaceable_or_refuse(reached.counted, hold, now)
        raise BackendUnavailable("count a hold")

    def _replaceable_or_refuse(self, counted: Sequence[CountedHold], new: Hold, now: datetime) -> CountedHold | None:
        """Gives the oldest hold that has ended among the last `limit` counted ones; the new hold may take its place.
        None if none of these has ended.

        Raises if the number of live counted holds is at the limit or above: IdempotencyKeyReused if one of them has the
        new hold's reservation id, else TooManyHoldsInSession.
        """
        live = [hold for hold in counted if self._is_counted_hold_live(hold, now)]
        if len(live) >= self.limit:
            raise self._refusal_of(new, live)
        ended = [hold for hold in counted if hold.newer_holds < self.limit and hold not in live]
        return ended[-1] if ended else None

    def _refusal_of(self, new: Hold, live: Sequence[CountedHold]) -> TooManyHoldsInSession | IdempotencyKeyReused:
        if any(hold.reservation_id == new.reservation_id for hold in live):
            return IdempotencyKeyReused()
        lapses = sorted(hold.expires_at for hold in live)
        return TooManyHoldsInSession(self.limit, free_at=lapses[len(live) - self.limit])

    def _is_counted_hold_live(self, hold: CountedHold, now: datetime) -> bool:
        """Reads whether the counted hold is live.

        A hold without a stored reservation counts as live, because its request may still store one. If the stored
        reservation has another expiry than the counted hold, it belongs to another hold with the same id. So the
        counted hold was released, or is about to be.
        """
        if hold.expires_at <= now:
            return False
        stored = self.reservations.find(hold.reservation_id)
        return stored is None or (stored.state is State.PENDING and stored.expires_at == hold.expires_at)


def _holder(reservation: Reservation) -> str:
    """Joins the user's id and the network, if the network is known."""
    return f"{reservation.user_id}\0{reservation.source_network}" if reservation.source_network else reservation.user_id
