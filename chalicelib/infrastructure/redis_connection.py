"""The connection to Redis: one for the process, with short timeouts, behind a circuit breaker. Nothing is ever retried.

What a caller may pay for a Redis that is dead, frozen or slow: one timeout to connect or one to read an answer, once;
then nobody in this process waits for it until the breaker's probe does, again once. What it does without Redis is up
to the caller: every booking goes on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from .breakers import Breaker, BreakerOpen

if TYPE_CHECKING:
    from redis import Redis

T = TypeVar("T")

TIMEOUT_SECONDS = 0.05
MOST_CONNECTIONS = 1000
"""One for each thread at work: a Lambda function has one, a local server as many as clients. Running out of them would
look like a dead Redis."""


class RedisUnavailable(Exception):
    """Redis did not answer in time, refused, or was not asked because it has just failed: go on without it."""


@dataclass(frozen=True)
class RedisConnection:
    """`url` as in redis://[:password@]host:port/db; rediss:// for TLS. Connects on first use."""

    url: str
    breaker: Breaker

    def ask(self, question: Callable[["Redis"], T]) -> T:
        """What the question put to the client gives. Answers are bytes. Raises RedisUnavailable."""
        driver, client = self._driver_and_client
        try:
            return self.breaker.call(lambda: question(client), self._failing)
        except (BreakerOpen, driver.RedisError) as error:
            raise RedisUnavailable(f"{type(error).__name__}: {error}") from error

    def ping(self) -> None:
        """Past the breaker: this is how somebody finds out. Raises what the driver raises."""
        self._driver_and_client[1].ping()

    @cached_property
    def _driver_and_client(self) -> "tuple[Any, Redis]":
        import redis  # imported on first use: it is half as heavy as boto3
        from redis.backoff import NoBackoff
        from redis.maint_notifications import MaintNotificationsConfig
        from redis.retry import Retry

        client = redis.Redis.from_url(
            self.url,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
            max_connections=MOST_CONNECTIONS,
            # Nothing is asked before the first question: each handshake would be one more thing to wait for.
            protocol=2,
            driver_info=None,
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
        )
        return redis, client

    @cached_property
    def _failing(self) -> tuple[type[BaseException], ...]:
        """A Redis that refuses a command, being full for one, is alive: that costs no time and opens no breaker."""
        driver, _ = self._driver_and_client
        return (driver.ConnectionError, driver.TimeoutError, OSError)
