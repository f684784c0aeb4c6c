"""Signs of life of what we depend on, for GET /ready."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from chalicelib.domain.ports import DependencyState

from .breakers import Breaker
from .redis_connection import RedisConnection

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sqs import SQSClient


@dataclass(frozen=True)
class TimedProbe:
    """Bookings need what is `required`; without the rest they are only slower, or their follow-ups later."""

    name: str
    required: bool
    ask: Callable[[], object]
    breaker: Breaker | None = None

    def __call__(self) -> DependencyState:
        started = perf_counter()
        try:
            self.ask()
        except Exception as error:  # noqa: BLE001 - whatever it is, the answer is "down", with its name
            return self._state(started, up=False, reason=type(error).__name__)
        return self._state(started, up=True, reason="")

    def _state(self, started: float, *, up: bool, reason: str) -> DependencyState:
        latency_ms = round((perf_counter() - started) * 1000, 1)
        state, trips = (self.breaker.state, self.breaker.trips) if self.breaker else ("", 0)
        return DependencyState(self.name, self.required, up, latency_ms, reason, state, trips)


def dynamodb(client: "DynamoDBClient", table_name: str) -> TimedProbe:
    return TimedProbe("dynamodb", True, lambda: client.get_item(TableName=table_name, Key={"id": {"S": "ready"}}))


def sqs(client: "SQSClient", queue_name: str) -> TimedProbe:
    return TimedProbe("sqs", False, lambda: client.get_queue_url(QueueName=queue_name))


def redis(connection: RedisConnection) -> TimedProbe:
    return TimedProbe("redis", False, connection.ping, connection.breaker)
