"""Rate limiters: in this process, in a real Redis and in fakeredis they admit and refuse the very same requests."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

import fakeredis
import pytest
import redis as driver
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.domain.ports import RateLimiter
from chalicelib.domain.rate_limits import Quota, Verdict
from chalicelib.infrastructure.breakers import POLICIES, Breaker
from chalicelib.infrastructure.dynamodb import connection
from chalicelib.infrastructure.dynamodb.viewer_limits import DynamoRateLimiter
from chalicelib.infrastructure.redis.connection import RedisConnection, RedisUnavailable
from chalicelib.infrastructure.redis.keys import Keys
from chalicelib.infrastructure.redis.rate_limits import (
    MOST_REMEMBERED,
    ProcessRateLimiter,
    RedisRateLimiter,
    requester_digest,
)
from tests.builders import NOW
from tests.redis_machine import past_the_door

TEN_IN_TEN = Quota(10, 10)
PREFIX = "test"


class NoOther:
    """The fallback of a limiter that must not need one: it fails the test."""

    def take_if_all_admit(self, quotas: Mapping[str, Quota], now: datetime) -> Verdict:
        pytest.fail("Redis was not asked, or did not answer")


@dataclass(frozen=True)
class Recording:
    """A connection that records the commands."""

    client: Any
    asked: list[str] = field(default_factory=list)

    def ask(self, key: str, question: Callable[[Any], Any], shape: Callable[[Any], Any]) -> Any:
        recording = self

        class Client:
            def __getattr__(self, name: str) -> Any:
                recording.asked.append(name)
                return getattr(recording.client, name)

        return shape(question(Client()))


@dataclass(frozen=True)
class Dead:
    def ask(self, key: str, question: Callable[[Any], Any], shape: Callable[[Any], Any]) -> Any:
        raise RedisUnavailable


@pytest.fixture(scope="module", params=["process", "redis", "a cluster", "fakeredis", "dynamodb"])
def limiter(request: pytest.FixtureRequest) -> Iterator[RateLimiter]:
    if request.param == "process":
        yield ProcessRateLimiter()
    elif request.param == "fakeredis":
        yield in_redis(fakeredis.FakeRedis())
    elif request.param == "dynamodb":
        prefix = request.getfixturevalue("data_stack")
        with closing(connection.new_dynamodb_client()) as client:
            yield DynamoRateLimiter(client=client, table_name=f"{prefix}-viewers", fallback=NoOther())
    else:
        url = request.getfixturevalue("redis_url" if request.param == "redis" else "redis_cluster_url")
        yield past_the_door(url, in_redis)


def in_redis(client: Any) -> RedisRateLimiter:
    """Makes a limiter without the connection's short timeout, which a busy machine may miss."""
    return RedisRateLimiter(Recording(client), NoOther(), PREFIX)  # type: ignore[arg-type] # does as one


def someone() -> str:
    return f"user-{uuid.uuid4()}"


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def admitted(limiter: RateLimiter, requester: str, times: int, now: datetime = NOW, quota: Quota = TEN_IN_TEN) -> int:
    return sum(limiter.take_if_all_admit({requester: quota}, now).admitted for _ in range(times))


def test_so_many_are_admitted_at_once_and_then_one_in_each_interval(limiter: RateLimiter) -> None:
    ana = someone()

    assert admitted(limiter, ana, 12) == 10
    assert admitted(limiter, ana, 3, later(0.999)) == 0
    assert admitted(limiter, ana, 3, later(1)) == 1
    assert admitted(limiter, ana, 9, later(5)) == 4
    assert admitted(limiter, ana, 99, later(1000)) == 10


def test_a_request_that_weighs_more_takes_more(limiter: RateLimiter) -> None:
    ana = someone()

    assert admitted(limiter, ana, 3, quota=TEN_IN_TEN.with_clamped_weight(4)) == 2
    assert admitted(limiter, ana, 3, quota=TEN_IN_TEN) == 2
    assert admitted(limiter, ana, 1, later(3.999), quota=TEN_IN_TEN.with_clamped_weight(4)) == 0
    assert admitted(limiter, ana, 1, later(4), quota=TEN_IN_TEN.with_clamped_weight(4)) == 1


def test_everybody_is_counted_for_themselves(limiter: RateLimiter) -> None:
    assert admitted(limiter, someone(), 11) == admitted(limiter, someone(), 11) == 10


def test_a_verdict_says_what_is_left_and_when(limiter: RateLimiter) -> None:
    ana = someone()
    (first,) = limiter.take_if_all_admit({ana: TEN_IN_TEN}, NOW).usages
    admitted(limiter, ana, 8)
    (last,) = limiter.take_if_all_admit({ana: TEN_IN_TEN}, NOW).usages
    (refused,) = limiter.take_if_all_admit({ana: TEN_IN_TEN}, later(0.25)).usages

    assert (first.remaining, first.seconds_until_all_free, first.seconds_until_next_admitted_or_zero) == (9, 1, 0)
    assert (last.remaining, last.seconds_until_all_free, last.seconds_until_next_admitted_or_zero) == (0, 10, 1)
    assert (refused.remaining, refused.seconds_until_all_free, refused.seconds_until_next_admitted_or_zero) == (
        0,
        10,
        1,
    )
    assert refused.used_us == 9_750_000


def test_refused_by_one_quota_a_request_takes_from_none(limiter: RateLimiter) -> None:
    ana, home = someone(), someone()
    quotas = {ana: Quota(2, 60), home: Quota(5, 60)}

    verdicts = [limiter.take_if_all_admit(quotas, NOW) for _ in range(9)]

    assert [verdict.admitted for verdict in verdicts] == [True, True, *[False] * 7]
    assert verdicts[-1].tightest.quota == quotas[ana]
    assert admitted(limiter, home, 9, quota=quotas[home]) == 3


def test_a_changed_quota_locks_nobody_out(limiter: RateLimiter) -> None:
    ana = someone()
    assert admitted(limiter, ana, 11, quota=Quota(10, 86_400)) == 10

    assert admitted(limiter, ana, 1) == 0
    assert admitted(limiter, ana, 11, later(10)) == 10


def test_a_clock_that_goes_back_admits_no_more(limiter: RateLimiter) -> None:
    ana = someone()
    admitted(limiter, ana, 10)

    assert admitted(limiter, ana, 3, later(-30)) == 0
    assert admitted(limiter, ana, 3) == 0


def test_many_at_the_same_moment_are_admitted_as_few_as_ever(limiter: RateLimiter) -> None:
    ana = someone()
    with ThreadPoolExecutor(8) as threads:
        verdicts = list(threads.map(lambda _: limiter.take_if_all_admit({ana: TEN_IN_TEN}, NOW).admitted, range(40)))

    assert sum(verdicts) == 10


@pytest.mark.parametrize("requester", ["", "x" * 100_000, "José da Silva", "\ud800", "a b:c\n\0*"])
def test_anybody_can_be_counted(limiter: RateLimiter, requester: str) -> None:
    name = requester + someone()

    assert admitted(limiter, name, 11) == 10


# The reference: a bucket that leaks, in exact fractions.


@dataclass
class Bucket:
    quota: Quota
    level: Fraction = Fraction(0)
    last_us: int = 0

    def take(self, now_us: int) -> bool:
        """Takes from a model of the bucket: its level is in requests, of which one leaks out in each interval."""
        self.level = max(Fraction(0), self.level - Fraction(now_us - self.last_us, self.quota.interval_us))
        self.last_us = now_us
        if self.level + 1 > self.quota.requests:
            return False
        self.level += 1
        return True


QUOTAS = st.builds(Quota, st.integers(1, 20), st.integers(1, 30))
PAUSES_MS = st.lists(st.one_of(st.just(0), st.integers(0, 50), st.integers(0, 5_000)), min_size=1, max_size=60)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(quota=QUOTAS, pauses=PAUSES_MS)
def test_it_admits_exactly_what_the_bucket_admits_and_never_more_than_burst_and_rate(
    limiter: RateLimiter, quota: Quota, pauses: list[int]
) -> None:
    ana, now, bucket, moments = someone(), NOW, Bucket(quota), list[datetime]()
    for pause in pauses:
        now += timedelta(milliseconds=pause)
        expected = bucket.take(round((now - NOW) / timedelta(microseconds=1)))

        assert limiter.take_if_all_admit({ana: quota}, now).admitted is expected

        moments += [now] * expected
    for first, start in enumerate(moments):
        for last in range(first, len(moments)):
            elapsed_us = (moments[last] - start) / timedelta(microseconds=1)
            assert last - first + 1 <= quota.requests + elapsed_us / quota.interval_us


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(quota=QUOTAS, pauses=PAUSES_MS)
def test_whoever_waits_as_told_is_never_refused(limiter: RateLimiter, quota: Quota, pauses: list[int]) -> None:
    ana, now = someone(), NOW
    for pause in pauses:
        now += timedelta(milliseconds=pause)
        verdict = limiter.take_if_all_admit({ana: quota}, now)
        if not verdict.admitted:
            now += timedelta(seconds=verdict.tightest.seconds_until_next_admitted_or_zero)
            assert limiter.take_if_all_admit({ana: quota}, now).admitted


# What only one of them has.


def test_both_quotas_are_one_round_trip_from_the_first_request_on() -> None:
    connection = Recording(fakeredis.FakeRedis())
    limiter = RedisRateLimiter(connection, NoOther(), PREFIX)  # type: ignore[arg-type] # does as one

    for _ in range(3):
        limiter.take_if_all_admit({someone(): TEN_IN_TEN, someone(): TEN_IN_TEN}, NOW)

    assert connection.asked == ["eval"] * 3


def test_what_redis_remembers_goes_when_the_quota_is_whole_and_tells_nobodys_name(redis_url: str) -> None:
    ana = someone()

    with driver.Redis.from_url(redis_url) as redis:
        in_redis(redis).take_if_all_admit({ana: TEN_IN_TEN}, NOW)

        assert 0 < int(redis.pttl(Keys(PREFIX).rate_limit(requester_digest(ana)))) <= 1000
        assert ana not in requester_digest(ana)


@pytest.mark.parametrize("lie", [b"nonsense", b"", b"1e308", b"-1", b"nan", b"99999999999999999999999"])
def test_lies_in_redis_lock_nobody_out_for_longer_than_the_window(redis_url: str, lie: bytes) -> None:
    ana = someone()
    with driver.Redis.from_url(redis_url) as redis:
        redis.set(Keys(PREFIX).rate_limit(requester_digest(ana)), lie)

        in_redis(redis).take_if_all_admit({ana: TEN_IN_TEN}, NOW)

        assert admitted(in_redis(redis), ana, 11, later(10)) == 10


def test_another_kind_of_value_in_redis_is_as_no_redis(redis_url: str) -> None:
    alone = ProcessRateLimiter()
    limiter = RedisRateLimiter(RedisConnection(redis_url, Breaker("redis", POLICIES["redis"])), alone, PREFIX)
    ana = someone()
    with driver.Redis.from_url(redis_url) as redis:
        redis.lpush(Keys(PREFIX).rate_limit(requester_digest(ana)), "x")

    assert admitted(limiter, ana, 12) == 10


def test_without_redis_the_process_limits_alone() -> None:
    limiter = RedisRateLimiter(Dead(), ProcessRateLimiter(), PREFIX)  # type: ignore[arg-type] # does as one

    assert admitted(limiter, someone(), 12) == 10


def test_a_process_remembers_no_more_than_so_many_and_forgets_the_longest_idle() -> None:
    limiter = ProcessRateLimiter()
    admitted(limiter, "idle", 10)
    admitted(limiter, "busy", 10)
    for number in range(MOST_REMEMBERED - 1):
        limiter.take_if_all_admit({f"other-{number}": TEN_IN_TEN}, NOW)
        if number == MOST_REMEMBERED // 2:
            assert admitted(limiter, "busy", 1, later(1)) == 1

    assert len(limiter.due) == MOST_REMEMBERED
    assert requester_digest("idle") not in limiter.due
    assert requester_digest("busy") in limiter.due


def test_a_process_remembers_as_little_of_a_long_name_as_of_a_short_one() -> None:
    limiter = ProcessRateLimiter()
    admitted(limiter, "x" * 60_000, 1)

    assert [len(key) for key in limiter.due] == [32]


# In DynamoDB.


@pytest.fixture
def table(data_stack: str) -> Iterator[tuple[Any, str]]:
    with closing(connection.new_dynamodb_client()) as client:
        yield client, f"{data_stack}-viewers"


def test_in_dynamodb_what_is_remembered_goes_by_ttl_and_tells_nobodys_name(table: tuple[Any, str]) -> None:
    (client, name), ana = table, someone()
    DynamoRateLimiter(client=client, table_name=name, fallback=NoOther()).take_if_all_admit({ana: TEN_IN_TEN}, NOW)

    key = {"S": f"limit#{requester_digest(ana)}"}
    item = client.get_item(TableName=name, Key={"session_id": key, "viewer_id": key})["Item"]
    assert int(item["ttl"]["N"]) == round(NOW.timestamp()) + 2
    assert ana not in str(item)


def test_without_dynamodb_the_process_limits_alone(emulator: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with closing(connection.new_dynamodb_client()) as nowhere:
        limiter = DynamoRateLimiter(client=nowhere, table_name="viewers", fallback=ProcessRateLimiter())

        assert admitted(limiter, someone(), 2, quota=Quota(1, 10)) == 1
