"""How often each refusal was answered, in Redis: one hash for each five minutes, which forgets itself.

    cinema-prod:refusals:1708023600     SEAT_ALREADY_RESERVED 4711, RESERVATION_EXPIRED 12, …
                         └ beginning of the five minutes, in seconds

A refusal costs one round trip for its count, after the decision and outside of the database; behind the breaker, so
that a Redis that is dead or frozen costs no more than the gate has paid already. The fields are codes of the
contract: nobody can make them many.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chalicelib.domain.analytics import bucket_of
from chalicelib.domain.board import WINDOW, RefusalCounts
from chalicelib.domain.ports import Clock

from . import answers
from .connection import RedisConnection, RedisUnavailable

if TYPE_CHECKING:
    from redis import Redis

KEPT_SECONDS = 2 * round(WINDOW.total_seconds())


@dataclass(frozen=True)
class RedisRefusals:
    connection: RedisConnection
    prefix: str
    clock: Clock

    def add(self, code: str) -> None:
        key = self._key(bucket_of(self.clock()))
        with suppress(RedisUnavailable):
            self.connection.ask(lambda redis: _add(redis, key, code), answers.receipts)

    def counts_in(self, buckets: Sequence[datetime]) -> RefusalCounts | None:
        keys = [self._key(bucket) for bucket in buckets]
        try:
            hashes = self.connection.ask(lambda redis: _all(redis, keys), _all_counts)
        except RedisUnavailable:
            return None
        return {bucket: counts for bucket, counts in zip(buckets, hashes, strict=True) if counts}

    def _key(self, bucket: datetime) -> str:
        return f"{self.prefix}:refusals:{round(bucket.timestamp())}"


@dataclass(frozen=True)
class NotCounted:
    """Without Redis."""

    def add(self, code: str) -> None:
        pass

    def counts_in(self, buckets: Sequence[datetime]) -> RefusalCounts | None:
        return None


def _add(redis: "Redis", key: str, code: str) -> list[Any]:
    with redis.pipeline(transaction=False) as both:
        both.hincrby(key, code, 1)
        both.expire(key, KEPT_SECONDS)
        return list(both.execute())


def _all_counts(answer: Sequence[Any]) -> list[dict[str, int]]:
    return [answers.counts(each) for each in answer]


def _all(redis: "Redis", keys: Sequence[str]) -> list[Any]:
    with redis.pipeline(transaction=False) as pipeline:
        for key in keys:
            pipeline.hgetall(key)
        return list(pipeline.execute())
