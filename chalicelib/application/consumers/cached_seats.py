"""Corrections of the seat cache that a request did not make, because the request died or Redis was down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.domain.events import Event, EventType

if TYPE_CHECKING:
    from chalicelib.domain.ports import SeatCacheUpdates


@dataclass(frozen=True)
class RemoveStaleEntriesAndMarkUsedIdsInCache:
    """Removes released seats, and maps of cancelled sessions, from the seat cache. Marks as used each reservation id
    that was made from an idempotency key.

    Idempotent, and independent of the order of events: only entries of the event's own reservation are removed. The
    rows decide, so a wrong entry costs only one call to DynamoDB.
    """

    cache: SeatCacheUpdates

    def __call__(self, event: Event) -> None:
        """Makes the corrections for one event. Raises BackendUnavailable."""
        if event.type is EventType.SEAT_RELEASED:
            self.cache.delete_seat_entries_of_reservation(event.session_id, event.reservation_id, event.seats)
        if event.type is EventType.SESSION_CANCELLED:
            self.cache.invalidate_map(event.session_id)
        if event.type is EventType.RESERVATION_CREATED and event.data.get("fingerprint"):
            self.cache.mark_id_from_idempotency_key_used(event.session_id, event.reservation_id)


def ignore_without_cache(event: Event) -> None:
    """Does nothing. Used without Redis, where there is no cache."""
