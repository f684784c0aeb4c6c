"""Counts of the refusals that were answered, in Redis: one hash for each five minutes, which expires.

    {cinema-prod:refusals}:1708023600     SEAT_ALREADY_RESERVED 4711, RESERVATION_EXPIRED 12, …
                           └ beginning of the five minutes, in seconds

Counting costs a refusal one round trip, after the decision and outside of the database. The breaker stands before it: a
dead or frozen Redis costs no more than the cached rows have paid already. The fields are error codes of the contract,
so they stay few.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chalicelib.domain.analytics import bucket_start
from chalicelib.domain.board import WINDOW, RefusalCounts

from . import answers
from .connection import RedisConnection, RedisUnavailable
from .keys import Keys

if TYPE_CHECKING:
    from redis import Redis

    from chalicelib.domain.ports import Clock

KEPT_SECONDS = 2 * round(WINDOW.total_seconds())


@dataclass(frozen=True)
class RedisRefusalCounts:
    """The counts of refusals by error code, in Redis.

    While Redis does not answer, refusals are not counted, and `counts_by_bucket` gives None.
    """

    connection: RedisConnection
    prefix: str
    clock: Clock

    def count_refusal(self, code: str) -> None:
        key = self._key(bucket_start(self.clock()))
        with suppress(RedisUnavailable):
            self.connection.ask(key, lambda redis: _increment(redis, key, code), answers.were_executed)

    def counts_by_bucket(self, buckets: Sequence[datetime]) -> RefusalCounts | None:
        keys = [self._key(bucket) for bucket in buckets]
        try:
            hashes = self.connection.ask(keys[0], lambda redis: _read_hashes(redis, keys), _counts_of_each)
        except RedisUnavailable:
            return None
        return {bucket: counts for bucket, counts in zip(buckets, hashes, strict=True) if counts}

    def _key(self, bucket: datetime) -> str:
        return Keys(self.prefix).refusal_counts(round(bucket.timestamp()))


@dataclass(frozen=True)
class NoRefusalCounts:
    """The port RefusalCountsByCode without Redis: no refusal is counted."""

    def count_refusal(self, code: str) -> None:
        pass

    def counts_by_bucket(self, buckets: Sequence[datetime]) -> RefusalCounts | None:
        return None


def _increment(redis: Redis, key: str, code: str) -> list[Any]:
    with redis.pipeline(transaction=False) as both:
        both.hincrby(key, code, 1)
        both.expire(key, KEPT_SECONDS)
        return list(both.execute())


def _counts_of_each(answer: Sequence[Any]) -> list[dict[str, int]]:
    return [answers.counts_by_name(each) for each in answer]


def _read_hashes(redis: Redis, keys: Sequence[str]) -> list[Any]:
    with redis.pipeline(transaction=False) as pipeline:
        for key in keys:
            pipeline.hgetall(key)
        return list(pipeline.execute())
