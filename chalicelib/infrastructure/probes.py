"""Signs of life of what we depend on, for GET /ready."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import ClientError

from chalicelib.domain.ports import DependencyState
from chalicelib.domain.refusals import StoreUnavailable

from .breakers import BreakerStatus
from .dynamodb.breaker_board import BreakerBoard
from .redis.connection import RedisConnection

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_ses import SESClient
    from mypy_boto3_sqs import SQSClient


class Pinged(Protocol):
    """Any payment gateway."""

    def ping(self) -> None:
        """Raises whatever says why it is taken to be down."""
        ...


@dataclass(frozen=True)
class TimedProbe:
    """Bookings need what is `required`; without the rest they are only slower, or their follow-ups later."""

    name: str
    required: bool
    ask: Callable[[], object]
    breaker: Callable[[], BreakerStatus | None] = lambda: None

    def __call__(self) -> DependencyState:
        started = perf_counter()
        try:
            self.ask()
        except Exception as error:  # noqa: BLE001 - whatever it is, the answer is "down", with its name
            return self._state(started, up=False, reason=type(error).__name__)
        return self._state(started, up=True, reason="")

    def _state(self, started: float, *, up: bool, reason: str) -> DependencyState:
        latency_ms = round((perf_counter() - started) * 1000, 1)
        breaker = self.breaker()
        state, trips = (breaker.state, breaker.trips) if breaker else ("", 0)
        return DependencyState(self.name, self.required, up, latency_ms, reason, state, trips)


def dynamodb(client: "DynamoDBClient", table_name: str) -> TimedProbe:
    return TimedProbe("dynamodb", True, lambda: client.get_item(TableName=table_name, Key={"id": {"S": "ready"}}))


def sqs(client: "SQSClient", queue_name: str) -> TimedProbe:
    return TimedProbe("sqs", False, lambda: client.get_queue_url(QueueName=queue_name))


def redis(connection: RedisConnection) -> TimedProbe:
    return TimedProbe("redis", False, connection.ping, connection.breaker.status)


def ses(client: "SESClient", breakers: BreakerBoard) -> TimedProbe:
    return TimedProbe("ses", False, lambda: _asked_for_quota(client), _told(breakers, "ses"))


def payments(gateway: Pinged, breakers: BreakerBoard) -> TimedProbe:
    return TimedProbe("payments", False, gateway.ping, _told(breakers, "payments"))


def _asked_for_quota(client: "SESClient") -> None:
    """SES answers that once a second; that it won't is an answer, too."""
    try:
        client.get_send_quota()
    except ClientError as error:
        if error.response["Error"]["Code"] != "Throttling":
            raise


def _told(breakers: BreakerBoard, name: str) -> Callable[[], BreakerStatus | None]:
    """Of the breakers of other processes. Without the database nobody knows."""

    def read() -> BreakerStatus | None:
        try:
            return breakers.read(name)
        except StoreUnavailable:
            return None

    return read
