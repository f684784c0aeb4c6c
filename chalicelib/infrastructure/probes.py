"""Signs of life of what we depend on, for GET /ready."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from chalicelib.domain.ports import DependencyState

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sqs import SQSClient

REDIS_SECONDS = 0.25


@dataclass(frozen=True)
class TimedProbe:
    """Bookings need what is `required`; without the rest they are only slower, or their follow-ups later."""

    name: str
    required: bool
    ask: Callable[[], object]

    def __call__(self) -> DependencyState:
        started = perf_counter()
        try:
            self.ask()
        except Exception as error:  # noqa: BLE001 - whatever it is, the answer is "down", with its name
            return self._state(started, up=False, reason=type(error).__name__)
        return self._state(started, up=True, reason="")

    def _state(self, started: float, *, up: bool, reason: str) -> DependencyState:
        return DependencyState(self.name, self.required, up, round((perf_counter() - started) * 1000, 1), reason)


def dynamodb(client: "DynamoDBClient", table_name: str) -> TimedProbe:
    return TimedProbe("dynamodb", True, lambda: client.get_item(TableName=table_name, Key={"id": {"S": "ready"}}))


def sqs(client: "SQSClient", queue_name: str) -> TimedProbe:
    return TimedProbe("sqs", False, lambda: client.get_queue_url(QueueName=queue_name))


def redis(url: str) -> TimedProbe:
    return TimedProbe("redis", False, lambda: _ping(url))


def _ping(url: str) -> None:
    import redis as driver  # imported where it is used: it is half as heavy as boto3

    with driver.Redis.from_url(url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS) as connection:
        connection.ping()
