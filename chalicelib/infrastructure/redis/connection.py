"""The connection to Redis: one for the process, with short timeouts, behind circuit breakers. Nothing is ever retried.

A Redis that is dead, frozen or slow costs one caller one timeout: to connect, or for a whole answer. After that, only
the breaker's probe waits for Redis, once after each pause. All other calls in this process go on without Redis, and so
does every booking.

    question ──► cluster.py: which node ──► wire.py: in time, not too long, RESP2 ──► answers.py: its shape ──► answer
                      │ breaker open             │ no                                    │ no
                      └──────────────────────────┴────► RedisUnavailable ◄───────────────┘

Every answer of Redis comes through here, and nonsense counts as no answer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from chalicelib.infrastructure.breakers import Breaker, BreakerOpen, BreakerStatus

from . import answers
from .answers import MalformedRedisAnswer, Shape
from .driver import load_driver
from .keys import Keys

if TYPE_CHECKING:
    from redis import Redis

    from .cluster import Cluster

T = TypeVar("T")

TIMEOUT_SECONDS = 0.05
MOST_CONNECTIONS = 1000
"""The largest number of connections of this process to one node. Each thread at work needs one. A Lambda function has
one thread, and a local server has one for each client. Running out of connections would look like a dead Redis."""

SIGN_OF_LIFE = "redis.call('SET', KEYS[1], '1', 'PX', 1000) return redis.call('EXISTS', KEYS[1], KEYS[2])"


class RedisUnavailable(Exception):
    """Redis gave no valid answer in time, refused, or was not asked because its breaker is open.

    Callers go on without Redis.
    """


@dataclass(frozen=True)
class RedisConnection:
    """The process's connection to Redis, behind circuit breakers. Connects on first use.

    `url` is redis://[:password@]host:port/db, or rediss:// for TLS. `breaker` is for the server at `url`. If that
    server belongs to a cluster, each other node gets a breaker with the same policy.
    """

    url: str
    breaker: Breaker

    def ask(self, key: str, question: Callable[["Redis"], Any], shape: Shape[T]) -> T:
        """Calls `question` with the client of the node that has `key`. Then calls `shape` with the answer, and gives
        its result.

        All keys of the question must be in the slot of `key`: see keys.py. Raises RedisUnavailable.

        `shape` gets the raw answer, which the driver has not converted. It consists of bytes, whole numbers, None and
        lists.
        """
        driver, cluster = self._driver_and_cluster
        try:
            return cluster.ask(key, question, shape)
        except (BreakerOpen, MalformedRedisAnswer, driver.RedisError, OSError) as error:
            raise RedisUnavailable(f"{type(error).__name__}: {error}") from error

    def ask_one_and_ping_all_nodes(self, keys: Keys) -> None:
        """Pings every node, even those whose breaker is open. On the node of `keys`, also runs a script that writes and
        reads, as requests do: a Redis that only answers PING is not healthy.

        Raises driver errors, MalformedRedisAnswer.
        """
        both = keys.probe_keys_in_one_slot()
        _, cluster = self._driver_and_cluster
        cluster.ask_one_and_ping_all_nodes(
            both[0], lambda redis: redis.eval(SIGN_OF_LIFE, len(both), *both), answers.integer
        )

    def combined_breaker_status(self) -> BreakerStatus:
        """Gives the worst state of all nodes' breakers, and the sum of their trips."""
        return self._driver_and_cluster[1].combined_breaker_status()

    @cached_property
    def _driver_and_cluster(self) -> "tuple[Any, Cluster]":
        redis: Any = load_driver()
        from .cluster import Cluster  # it imports redis-py, too

        options = {
            "socket_timeout": TIMEOUT_SECONDS,
            "socket_connect_timeout": TIMEOUT_SECONDS,
            "retry": redis.retry.Retry(redis.backoff.NoBackoff(), 0),
            "max_connections": MOST_CONNECTIONS,
            # Nothing is asked before the first question: each handshake would be one more thing to wait for.
            "protocol": 2,
            "driver_info": None,
            "maint_notifications_config": redis.maint_notifications.MaintNotificationsConfig(enabled=False),
        }
        return redis, Cluster(self.url, self.breaker, TIMEOUT_SECONDS, options)
