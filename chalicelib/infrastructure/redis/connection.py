"""The connection to Redis: one for the process, with short timeouts, behind a circuit breaker. Nothing is ever retried.

A Redis that is dead, frozen or slow costs one caller one timeout: to connect, or for a whole answer. After that, only
the breaker's probe waits for Redis, once after each pause. All other calls in this process go on without Redis, and so
does every booking.

    question ──► wire.py: in time, not too long, RESP2 ──► answers.py: of the shape asked for ──► answer
                     │ no                                      │ no
                     └──────► RedisUnavailable: breaker ◄──────┘

Every answer of Redis comes through here, and nonsense counts as no answer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from chalicelib.infrastructure.breakers import Breaker, BreakerOpen

from .answers import Nonsense, Shape
from .driver import load_driver

if TYPE_CHECKING:
    from redis import Redis

T = TypeVar("T")

TIMEOUT_SECONDS = 0.05
MOST_CONNECTIONS = 1000
"""The most connections of this process. Each thread at work needs one: a Lambda function has one thread, a local server
as many as clients. Running out of connections would look like a dead Redis."""


class RedisUnavailable(Exception):
    """Redis did not answer in time, refused, answered nonsense, or was not asked because it has just failed.

    Callers go on without it.
    """


@dataclass(frozen=True)
class RedisConnection:
    """This process's connection to Redis, behind a breaker. Connects on first use.

    `url` is redis://[:password@]host:port/db; rediss:// for TLS.
    """

    url: str
    breaker: Breaker

    def ask(self, question: Callable[["Redis"], Any], shape: Shape[T]) -> T:
        """Calls `question` with the client, checks the answer by `shape`, and gives it. Raises RedisUnavailable.

        The client gives answers as they came, without the driver's conversions: bytes, whole numbers, None, lists.
        """
        driver, client = self._driver_and_client
        try:
            return self.breaker.call(lambda: self._ask_client(client, question, shape), self._failing)
        except (BreakerOpen, Nonsense, driver.RedisError, OSError) as error:
            raise RedisUnavailable(f"{type(error).__name__}: {error}") from error

    def ping(self) -> None:
        """Asks for a sign of life, without the breaker. Raises the driver's errors, and Nonsense."""
        answer: object = self._driver_and_client[1].ping()
        if answer != b"PONG":
            raise Nonsense("no PONG")

    def _ask_client(self, client: "Redis", question: Callable[["Redis"], Any], shape: Shape[T]) -> T:
        try:
            return shape(question(client))
        except Nonsense:
            # Whose answer this was nobody knows, nor what else is under way: no idle connection is used again.
            client.connection_pool.disconnect(inuse_connections=False)
            raise

    @cached_property
    def _driver_and_client(self) -> "tuple[Any, Redis]":
        redis: Any = load_driver()
        from . import wire  # it imports redis-py, too

        pool = wire.pool(
            self.url,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=redis.retry.Retry(redis.backoff.NoBackoff(), 0),
            max_connections=MOST_CONNECTIONS,
            # Nothing is asked before the first question: each handshake would be one more thing to wait for.
            protocol=2,
            driver_info=None,
            maint_notifications_config=redis.maint_notifications.MaintNotificationsConfig(enabled=False),
        )
        client = redis.Redis(connection_pool=pool)
        client.response_callbacks.clear()
        return redis, client

    @cached_property
    def _failing(self) -> tuple[type[BaseException], ...]:
        """Gives the errors that open the breaker. A refusal's error is not among them: a full Redis is alive."""
        driver, _ = self._driver_and_client
        return (driver.ConnectionError, driver.TimeoutError, driver.InvalidResponse, OSError, Nonsense)
