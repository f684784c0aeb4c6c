"""Wiring for every request to the API: the rate limits, and the count of refusals."""

from chalicelib.domain.ports import RateLimiter, Refusals
from chalicelib.infrastructure.redis.rate_limits import ProcessRateLimiter, SharedRateLimiter
from chalicelib.infrastructure.redis.refusal_counts import NotCounted, RedisRefusals

from .shared.process import clock, once, settings
from .shared.redis import redis


@once
def rate_limiter() -> RateLimiter:
    connection, alone = redis(), ProcessRateLimiter()
    return SharedRateLimiter(connection, alone, settings().table_prefix) if connection else alone


@once
def refusals() -> Refusals:
    connection = redis()
    return RedisRefusals(connection, settings().table_prefix, clock) if connection else NotCounted()
