"""The connection to Redis: the cost of a Redis that does not answer, and its return."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from chalicelib.infrastructure.breakers import Breaker, BreakerPolicy, BreakerState
from chalicelib.infrastructure.redis import answers
from chalicelib.infrastructure.redis.connection import TIMEOUT_SECONDS, RedisConnection, RedisUnavailable

POLICIES = BreakerPolicy(failures=1, pause_seconds=60, longest_pause_seconds=60)
SECONDS_WITHOUT_A_TIMEOUT = 5.0
"""Seconds; far more than a busy machine adds to a time-out, far less than waiting without one lasts."""


def connected(url: str) -> RedisConnection:
    return RedisConnection(url, Breaker("redis", POLICIES))


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that accepts connections and never answers, as a frozen Redis."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def let_in(server: socket.socket) -> int:
    """Counts the connections since the last call."""
    came = 0
    with suppress(BlockingIOError):
        while True:
            server.accept()[0].close()
            came += 1
    return came


@pytest.fixture
def refusing_url() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return f"redis://127.0.0.1:{port}/0"


def seconds_to_give_up(connection: RedisConnection) -> float:
    started = time.perf_counter()
    with pytest.raises(RedisUnavailable):
        connection.ask("key", lambda redis: redis.get("key"), answers.value_or_none)
    return time.perf_counter() - started


def warmed_up(url: str) -> RedisConnection:
    """Imports the driver."""
    connection = connected(url)
    assert connection.combined_breaker_status()
    return connection


def test_it_asks_and_gives_the_answer_as_bytes(any_redis_url: str) -> None:
    connection = connected(any_redis_url)
    assert connection.ask("test:key", lambda redis: redis.set("test:key", "value", px=1000), answers.was_set)

    assert connection.ask("test:key", lambda redis: redis.get("test:key"), answers.value_or_none) == b"value"


def test_a_silent_redis_is_waited_for_once(silent: socket.socket) -> None:
    connection = warmed_up(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")

    assert TIMEOUT_SECONDS <= seconds_to_give_up(connection) < SECONDS_WITHOUT_A_TIMEOUT
    assert connection.breaker.state is BreakerState.OPEN
    for _ in range(100):
        seconds_to_give_up(connection)
    assert let_in(silent) == 1


def test_a_redis_that_refuses_connections_opens_the_breaker_too(refusing_url: str) -> None:
    connection = warmed_up(refusing_url)

    assert seconds_to_give_up(connection) < SECONDS_WITHOUT_A_TIMEOUT
    assert connection.breaker.state is BreakerState.OPEN


def test_a_refused_command_is_an_answer(any_redis_url: str) -> None:
    connection = connected(any_redis_url)
    connection.ask("test:text", lambda redis: redis.set("test:text", "text", px=1000), answers.was_set)

    with pytest.raises(RedisUnavailable, match="ResponseError"):
        connection.ask("test:text", lambda redis: redis.lpush("test:text", "x"), answers.integer)

    assert connection.breaker.state is BreakerState.CLOSED


def test_many_threads_share_it(redis_url: str) -> None:
    connection = connected(redis_url)

    def count(_: int) -> int:
        return connection.ask("test:count", lambda redis: redis.incr("test:count"), answers.integer)

    with ThreadPoolExecutor(16) as threads:
        counts = list(threads.map(count, range(200)))

    connection.ask("test:count", lambda redis: redis.delete("test:count"), answers.integer)
    assert sorted(counts) == list(range(1, 201))


def test_the_driver_is_not_there_before_the_first_question() -> None:
    script = (
        "import sys; from tests.integration.redis.test_redis_connection import connected; connected('redis://x');"
        "print('redis' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
