"""So many live holds at most for each user and screening: nobody keeps a hall from the others without paying.

    room? ──yes──► counted: one write
      │ no: these count
      ▼
    has one of them ended, paid for or given back? ──yes──► counted in its place, if that is still as it was read
      │ no
      ▼
    TooManyHolds

Looking only when there is no room is what makes it cheap: confirming and cancelling write nothing for it.

Whoever asks may name anybody as the user. So holds are counted for a user and the network they were asked from
together: a stranger who holds in somebody's name uses up their own count of that name, not the count of who bears it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.ports import LiveHolds, Reservations
from chalicelib.domain.refusals import IdempotencyKeyReused, StoreUnavailable, TooManyHolds
from chalicelib.domain.reservations import CountedHold, Hold, LimitReached, Reservation, State

ATTEMPTS = 10
"""Each try that fails means that another hold of the same user was counted meanwhile: almost always the second is told
that there is no room."""


@dataclass(frozen=True)
class CountLiveHold:
    live_holds: LiveHolds
    reservations: Reservations
    limit: int

    def __call__(self, reservation: Reservation) -> None:
        """Counts the hold of a reservation that is about to be made; once, however often it is asked.

        Raises TooManyHolds, and IdempotencyKeyReused when another request with its key is being counted, too.
        """
        hold, now = reservation.hold, reservation.created_at
        ended: CountedHold | None = None
        for _ in range(ATTEMPTS):
            try:
                return self.live_holds.add(_holder(reservation), hold, self.limit, now, ended)
            except LimitReached as reached:
                ended = self._ended_among(reached.counted, hold, now)
        raise StoreUnavailable("count a hold")

    def _ended_among(self, counted: Sequence[CountedHold], new: Hold, now: datetime) -> CountedHold | None:
        """The oldest that counts no more; None when there is room already."""
        live = [hold for hold in counted if self._is_live(hold, now)]
        if len(live) >= self.limit:
            raise self._refusal(live, new)
        ended = [hold for hold in counted if hold.age < self.limit and hold not in live]
        return ended[-1] if ended else None

    def _refusal(self, live: Sequence[CountedHold], new: Hold) -> TooManyHolds | IdempotencyKeyReused:
        if any(hold.reservation_id == new.reservation_id for hold in live):
            return IdempotencyKeyReused()
        lapses = sorted(hold.expires_at for hold in live)
        return TooManyHolds(self.limit, free_at=lapses[len(live) - self.limit])

    def _is_live(self, hold: CountedHold, now: datetime) -> bool:
        """What is not remembered may be about to be: its request is between its writes, or died there.

        A reservation with another expiry is of another hold under the same id: this one was given back.
        """
        if hold.expires_at <= now:
            return False
        stored = self.reservations.find(hold.reservation_id)
        return stored is None or (stored.state is State.PENDING and stored.expires_at == hold.expires_at)


def _holder(reservation: Reservation) -> str:
    return f"{reservation.user_id}\0{reservation.source}" if reservation.source else reservation.user_id
