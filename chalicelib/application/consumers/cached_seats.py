"""Corrections of the seat cache that a request did not make, because the request died or Redis was down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.domain.events import Event, EventType

if TYPE_CHECKING:
    from chalicelib.domain.ports import SeatCache


@dataclass(frozen=True)
class CorrectSeatCache:
    """Forgets seats that are free again, and the map of a cancelled session. Remembers ids made from idempotency keys.

    Harmless twice: a forgotten entry is gone, a remembered id is there. Harmless late and in any order: entries of a
    later owner are never forgotten. A wrong entry costs one call to DynamoDB: the rows decide.
    """

    cache: SeatCache

    def __call__(self, event: Event) -> None:
        """Makes the event's corrections. Raises StoreUnavailable."""
        if event.type is EventType.SEAT_RELEASED:
            self.cache.forget_seats(event.session_id, event.reservation_id, event.seats)
        if event.type is EventType.SESSION_CANCELLED:
            self.cache.invalidate_map(event.session_id)
        if event.type is EventType.RESERVATION_CREATED and event.data.get("fingerprint"):
            self.cache.remember_reservation_id(event.session_id, event.reservation_id)


def skip_correction(event: Event) -> None:
    """Does nothing: without Redis there is no cache to correct."""
