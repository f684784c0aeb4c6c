"""A Redis that answers nonsense, without end, or a byte at a time: every request is answered as without Redis."""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from chalice.app import Chalice

from chalicelib.domain.rate_limits import Quota
from chalicelib.infrastructure.breakers import Breaker, BreakerPolicy
from chalicelib.infrastructure.redis import answers
from chalicelib.infrastructure.redis.cluster import MOST_REDIRECTS
from chalicelib.infrastructure.redis.connection import RedisConnection, RedisUnavailable
from chalicelib.infrastructure.redis.rate_limits import ProcessRateLimiter, RedisRateLimiter
from chalicelib.infrastructure.redis.refusal_counts import RedisRefusalCounts
from chalicelib.infrastructure.redis.seat_cache import SeatCache
from chalicelib.infrastructure.redis.wire import MOST_BYTES, READ_BYTES
from infra.local import server
from tests.builders import NOW, a_hold
from tests.conftest import build_anew, other_settings
from tests.effort import mostly_thorough
from tests.fakes import MovableClock
from tests.http_api import Answer, Api
from tests.lying_redis import LIES, LyingRedis, lying_redis

SECONDS_WITHOUT_A_DEADLINE = 5.0
"""Seconds; far more than a busy machine adds to a deadline, far less than what drips or never ends would take."""


@pytest.fixture(scope="module")
def liar() -> Iterator[LyingRedis]:
    with lying_redis() as liar:
        yield liar


# At the door.


def asked(liar: LyingRedis) -> RedisConnection:
    """Makes a connection whose breaker stays closed, so that each question meets the lie."""
    return RedisConnection(
        liar.url, Breaker("redis", BreakerPolicy(failures=1000, pause_seconds=0.01, longest_pause_seconds=0.01))
    )


def cache_of(liar: LyingRedis) -> SeatCache:
    return SeatCache(connection=asked(liar), prefix=f"test-{uuid.uuid4()}", secret=b"for tests")


HOLD = a_hold("A1", "A2")
KEYED = a_hold("A1", fingerprint="f")

CACHE_QUESTIONS: dict[str, Callable[[SeatCache], object]] = {
    "what is known of seats": lambda cache: cache.read_known_seats_and_whether_id_was_seen(HOLD, NOW).occupancy,
    "what is known of seats and a key": lambda cache: (
        cache.read_known_seats_and_whether_id_was_seen(KEYED, NOW).occupancy
    ),
    "seats are held": lambda cache: cache.record_hold(HOLD, NOW),
    "a hold is over": lambda cache: cache.delete_entries_of_hold(HOLD),
    "the map": lambda cache: cache.read_map("session")[1],
    "whose the map is to read": lambda cache: cache.try_to_claim_rebuild_and_read_map("session")[2],
    "giving the map back": lambda cache: cache.release_rebuild("session"),
    "ids are kept": lambda cache: cache.try_mark_ids_complete_since("session", NOW),
}


@pytest.mark.parametrize("lie", LIES)
def test_no_lie_tells_the_cache_anything_nor_raises_anything_but_that_redis_is_not_there(
    liar: LyingRedis, lie: str
) -> None:
    liar.lie = LIES[lie]
    cache = cache_of(liar)
    for name, question in CACHE_QUESTIONS.items():
        before, started = liar.answered, time.monotonic()
        with suppress(RedisUnavailable):
            assert not question(cache), name
        assert time.monotonic() - started < SECONDS_WITHOUT_A_DEADLINE, name
        assert liar.was_asked_since(before), name


@pytest.mark.parametrize("lie", LIES)
def test_no_lie_refuses_or_admits_for_the_rate_limit(liar: LyingRedis, lie: str) -> None:
    liar.lie = LIES[lie]
    limiter = RedisRateLimiter(asked(liar), ProcessRateLimiter(), "test")

    verdicts = [limiter.take_if_all_admit({f"user-{lie}": Quota(2, 60)}, NOW) for _ in range(3)]

    assert [verdict.admitted for verdict in verdicts] == [True, True, False]
    assert verdicts[-1].tightest.seconds_until_next_admitted_or_zero == 30


@pytest.mark.parametrize("lie", LIES)
def test_no_lie_counts_as_refusals(liar: LyingRedis, lie: str) -> None:
    liar.lie = LIES[lie]
    refusals = RedisRefusalCounts(connection=asked(liar), prefix="test", clock=MovableClock(NOW))

    refusals.count_refusal("NOT_FOUND")

    assert not refusals.counts_by_bucket([NOW, NOW])


@dataclass
class CountingQuestion:
    """Asks for a key, and counts the bytes that are received for it."""

    received: int = 0

    def __call__(self, redis: Any) -> Any:
        wire = redis.connection_pool.get_connection()
        self._count_received(wire._parser)
        try:
            wire.send_command("GET", "key")
            return wire.read_response()
        finally:
            redis.connection_pool.release(wire)

    def _count_received(self, parser: Any) -> None:
        receive = parser._receive

        def counting() -> None:
            before = len(parser._unread)
            receive()
            self.received += len(parser._unread) - before

        parser._receive = counting


def test_what_is_endless_is_read_no_further_than_the_bound(liar: LyingRedis) -> None:
    connection = asked(liar)
    for lie in ("a gigabyte of text", "an array of a million", "a line without an end", "answers without an end"):
        liar.lie = LIES[lie]
        question = CountingQuestion()
        with suppress(RedisUnavailable):
            connection.ask("key", question, lambda answer: answer)
        assert question.received <= MOST_BYTES + READ_BYTES, lie


@pytest.mark.parametrize("redirect", ["MOVED", "ASK"])
def test_who_is_sent_in_circles_gives_up(liar: LyingRedis, redirect: str) -> None:
    liar.lie = f"-{redirect} 1 127.0.0.1:{liar.port}\r\n".encode()
    connection, before = asked(liar), liar.answered

    with pytest.raises(RedisUnavailable, match=r"redirects without end|no time is left|Timeout"):
        connection.ask("key", lambda redis: redis.get("key"), answers.value_or_none)

    assert liar.answered - before <= 1 + 2 * MOST_REDIRECTS  # an ASKING goes before each command


# Every path of the API.


@pytest.fixture(scope="module")
def api(app: Chalice, data_stack: str, liar: LyingRedis) -> Iterator[Api]:
    """Gives an API whose breaker is closed before each request."""
    with other_settings(REDIS_URL=liar.url, RATE_LIMITS="*=1000/10s per address"), server.serve_app(app) as url:
        yield Api(url)


@contextmanager
def told_a_lie(liar: LyingRedis, what: str) -> Iterator[None]:
    build_anew()
    before, started = liar.answered, time.monotonic()
    yield
    assert time.monotonic() - started < SECONDS_WITHOUT_A_DEADLINE, what
    assert liar.was_asked_since(before), f"{what}: Redis was not asked"


def ask_the_lied_to(liar: LyingRedis, what: str, request: Callable[[], Answer]) -> Answer:
    with told_a_lie(liar, what):
        return request()


@pytest.mark.parametrize("lie", mostly_thorough(LIES, 4))
def test_every_request_is_answered_as_without_redis(api: Api, liar: LyingRedis, lie: str) -> None:
    liar.lie = LIES[lie]
    session_id, ana, ask = api.schedule(), f"ana-{uuid.uuid4()}", partial(ask_the_lied_to, liar)

    held = ask("hold", lambda: api.hold(session_id, "A1", "A2", user=ana, Idempotency_Key="k"))
    resent = ask("resend", lambda: api.hold(session_id, "A1", "A2", user=ana, Idempotency_Key="k"))
    taken = ask("taken", lambda: api.hold(session_id, "A2", "A3", user="bia"))
    other = ask("other", lambda: api.hold(session_id, "B1", user="bia"))
    shown = ask("map", lambda: api.get(f"/api/sessions/{session_id}/seats"))
    sold = ask("confirm", lambda: api.confirm(held.body["reservationId"]))
    cancelled = ask("cancel", lambda: api.delete(f"/api/reservations/{other.body['reservationId']}"))
    after = ask("map again", lambda: api.get(f"/api/sessions/{session_id}/seats"))
    ready = ask("ready", lambda: api.get("/ready"))
    board = ask("board", lambda: api.get("/api/operations"))

    assert [held.status, resent.body] == [201, held.body]
    assert (taken.status, taken.body["conflictingSeats"]) == (409, ["A2"])
    assert [other.status, shown.status, sold.status, cancelled.status] == [201, 200, 200, 200]
    status = {seat["number"]: seat["status"] for seat in after.body["seats"]}
    assert (status["A1"], status["A2"], status["B1"]) == ("sold", "sold", "available")
    assert ready.status == 200
    assert {each["name"]: each["state"] for each in ready.body["dependencies"]}["redis"] == "down"
    assert board.status == 200
    assert "refusals" not in board.body
