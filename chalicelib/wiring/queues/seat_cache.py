"""Wiring of the consumer that updates the seat cache after an event."""

from collections.abc import Callable

from chalicelib.application.consumers.cached_seats import RemoveStaleEntriesAndMarkUsedIdsInCache, ignore_without_cache
from chalicelib.domain.events import Event
from chalicelib.wiring.shared.redis import seat_cache


def seat_cache_updater_or_noop() -> Callable[[Event], None]:
    """Gives the consumer that updates the seat cache. Without Redis, gives one that does nothing."""
    cache = seat_cache()
    return RemoveStaleEntriesAndMarkUsedIdsInCache(cache) if cache else ignore_without_cache
