"""Probes of our dependencies, for GET /ready: each asks one for a sign of life."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import ClientError

from chalicelib.domain.board import DependencyState
from chalicelib.domain.refusals import BackendUnavailable

from .breakers import BreakerStatus
from .dynamodb.breaker_board import BreakerBoard
from .dynamodb.values import text_key
from .redis.connection import RedisConnection
from .redis.keys import Keys

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_ses import SESClient
    from mypy_boto3_sqs import SQSClient


class PingableGateway(Protocol):
    """A payment gateway that can be asked for a sign of life."""

    def ping(self) -> None:
        """Checks that the gateway answers. Raises an error, of any type, if the gateway does not."""
        ...


@dataclass(frozen=True)
class TimedProbe:
    """A probe of one dependency. Calls `ask`. Reports how long the call took and, if it failed, the type of the error.

    `breaker` gives the status of the dependency's breaker, or None if it is unknown. `required` is true if nothing can
    be booked while the dependency is out. If `required` is false, an outage only makes bookings slower, or makes emails
    and refunds come later.
    """

    name: str
    required: bool
    ask: Callable[[], object]
    breaker: Callable[[], BreakerStatus | None] = lambda: None

    def __call__(self) -> DependencyState:
        started = perf_counter()
        try:
            self.ask()
        except Exception as error:  # noqa: BLE001 - whatever it is, the answer is "down", with its name
            return self._state_since(started, up=False, reason=type(error).__name__)
        return self._state_since(started, up=True, reason="")

    def _state_since(self, started: float, *, up: bool, reason: str) -> DependencyState:
        latency_ms = round((perf_counter() - started) * 1000, 1)
        breaker = self.breaker()
        state, trips = (breaker.state, breaker.trips) if breaker else ("", 0)
        return DependencyState(
            name=self.name,
            required=self.required,
            up=up,
            latency_ms=latency_ms,
            reason=reason,
            breaker=state,
            trips=trips,
        )


def new_dynamodb_probe(client: "DynamoDBClient", table_name: str) -> TimedProbe:
    """Makes a probe that reads an item of the table."""
    key = text_key(id="ready")
    return TimedProbe(name="dynamodb", required=True, ask=lambda: client.get_item(TableName=table_name, Key=key))


def new_sqs_probe(client: "SQSClient", queue_name: str) -> TimedProbe:
    """Makes a probe that asks SQS for the URL of the queue."""
    return TimedProbe(name="sqs", required=False, ask=lambda: client.get_queue_url(QueueName=queue_name))


def new_redis_probe(connection: RedisConnection, keys: Keys) -> TimedProbe:
    """Makes a probe that runs a script on one node of Redis, as buyers' requests do, and pings every node."""
    return TimedProbe(
        name="redis",
        required=False,
        ask=lambda: connection.ask_one_and_ping_all_nodes(keys),
        breaker=connection.combined_breaker_status,
    )


def new_ses_probe(client: "SESClient", breakers: BreakerBoard) -> TimedProbe:
    """Makes a probe that asks SES for the sending quota."""
    return TimedProbe(
        name="ses", required=False, ask=lambda: _ask_for_quota(client), breaker=_status_reader(breakers, "ses")
    )


def new_payments_probe(gateway: PingableGateway, breakers: BreakerBoard) -> TimedProbe:
    """Makes a probe that pings the payment gateway."""
    return TimedProbe(name="payments", required=False, ask=gateway.ping, breaker=_status_reader(breakers, "payments"))


def _ask_for_quota(client: "SESClient") -> None:
    """Asks SES for the sending quota. A throttled answer counts as success: SES allows this call once a second."""
    try:
        client.get_send_quota()
    except ClientError as error:
        if error.response["Error"]["Code"] != "Throttling":
            raise


def _status_reader(breakers: BreakerBoard, name: str) -> Callable[[], BreakerStatus | None]:
    """Makes a function that reads the last reported status of a breaker. The function gives None if the read fails."""

    def read() -> BreakerStatus | None:
        try:
            return breakers.read_effective_status_or_closed(name)
        except BackendUnavailable:
            return None

    return read
