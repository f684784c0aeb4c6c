"""Wiring of what every request to the API uses: the rate limiters, and the counter of refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.domain.refusals import BackendUnavailable
from chalicelib.infrastructure.redis.rate_limits import ProcessRateLimiter, RedisRateLimiter
from chalicelib.infrastructure.redis.refusal_counts import NoRefusalCounts, RedisRefusalCounts
from chalicelib.settings import SettingInvalid

from .shared.process import clock, once_per_settings, settings
from .shared.redis import redis

if TYPE_CHECKING:
    from chalicelib.domain.ports import RateLimiter, RefusalCountsByCode


@once_per_settings
def rate_limiter() -> RateLimiter:
    """Gives the rate limiter, which counts in Redis for all instances together. Without Redis, each instance counts
    separately."""
    connection, alone = redis(), instance_rate_limiter()
    return RedisRateLimiter(connection, alone, settings().table_prefix) if connection else alone


@once_per_settings
def instance_rate_limiter() -> RateLimiter:
    """Gives the rate limiter that counts in the memory of this instance of the function."""
    return ProcessRateLimiter()


def refusal_counts() -> RefusalCountsByCode:
    """Gives the counter of refusals.

    Without Redis, or if the setting REDIS_URL can't be read, gives a counter that counts nothing.
    """
    try:
        return _redis_or_no_refusal_counts()
    except (BackendUnavailable, SettingInvalid):
        return NoRefusalCounts()


@once_per_settings
def _redis_or_no_refusal_counts() -> RefusalCountsByCode:
    connection = redis()
    return RedisRefusalCounts(connection, settings().table_prefix, clock) if connection else NoRefusalCounts()
