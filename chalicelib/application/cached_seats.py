"""Putting right what the cache of seats was not told by the request itself: it died, or Redis did, at that moment."""

from dataclasses import dataclass

from chalicelib.domain.events import Event, EventType
from chalicelib.domain.ports import SeatCache


@dataclass(frozen=True)
class RefreshSeatCache:
    """Makes the cache forget seats that are free again, and the map of a cancelled screening; and remember ids that
    came from idempotency keys.

    Harmless twice: what is forgotten is gone, what is remembered is there. Harmless late and in any order: only entries
    of the very reservation that gave the seats back are forgotten, never of who has them by now; an entry too many or
    too few costs a question to the rows, which decide.
    """

    cache: SeatCache

    def __call__(self, event: Event) -> None:
        """Raises StoreUnavailable."""
        if event.type is EventType.SEAT_RELEASED:
            self.cache.forget_seats(event.session_id, event.reservation_id, event.seats)
        if event.type is EventType.SESSION_CANCELLED:
            self.cache.invalidate_map(event.session_id)
        if event.type is EventType.RESERVATION_CREATED and event.data.get("fingerprint"):
            self.cache.remember_reservation_id(event.reservation_id)


def without_cache(event: Event) -> None:
    """Where no Redis is configured there is nothing to put right."""
