"""Redis, if it is configured, and the seat cache in Redis. No booking needs Redis; without Redis, reads are slower."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.infrastructure.redis.announced_sessions import SessionsAnnouncedBeforeAdding
from chalicelib.infrastructure.redis.connection import RedisConnection
from chalicelib.infrastructure.redis.keys import Keys
from chalicelib.infrastructure.redis.rows_behind_cache import RowsBehindCache
from chalicelib.infrastructure.redis.seat_cache import SeatCache, derive_seat_cache_signing_key

from .breakers import new_breaker
from .process import clock, once_per_settings, settings, settings_with_secrets
from .tracing import traced_redis_if_on

if TYPE_CHECKING:
    from chalicelib.domain.ports import Rows, Sessions


@once_per_settings
def redis() -> RedisConnection | None:
    """Gives the connection to Redis, with a circuit breaker. None if the setting REDIS_URL is empty."""
    url = settings_with_secrets().redis_url
    return traced_redis_if_on(RedisConnection(url, new_breaker("redis"))) if url else None


def redis_keys() -> Keys:
    return Keys(settings().table_prefix)


@once_per_settings
def seat_cache() -> SeatCache | None:
    """Gives the seat cache. None without Redis."""
    connection = redis()
    if connection is None:
        return None
    return SeatCache(
        connection, settings().table_prefix, derive_seat_cache_signing_key(settings_with_secrets().needed_id_secret)
    )


def with_new_sessions_announced(sessions: Sessions) -> Sessions:
    """Wraps the sessions: storing a new session also announces it to the seat cache.

    Without Redis, gives `sessions` unchanged.
    """
    cache = seat_cache()
    return SessionsAnnouncedBeforeAdding(sessions, cache) if cache else sessions


def with_seat_cache(rows: Rows, sessions: Sessions) -> Rows:
    """Wraps the rows, so that they are read through the seat cache. Without Redis, gives `rows` unchanged."""
    cache = seat_cache()
    return RowsBehindCache(rows, sessions, cache, clock) if cache else rows
