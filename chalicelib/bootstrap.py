"""The composition root: builds each use case once, on first use. Nothing connects before that."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from chalicelib import settings as configuration
from chalicelib.application import analytics as counting
from chalicelib.application import audit, queries, relay
from chalicelib.application import confirm as confirming
from chalicelib.application import hold as holding
from chalicelib.application import release as releasing
from chalicelib.application import schedule as scheduling
from chalicelib.domain import ports
from chalicelib.domain.events import Event
from chalicelib.infrastructure import dynamodb, envelopes, probes, queues, streams, tables
from chalicelib.infrastructure.analytics import DynamoAnalytics
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.event_log import DynamoEventLog
from chalicelib.infrastructure.ids import SecretIds
from chalicelib.infrastructure.ledger import Ledger
from chalicelib.infrastructure.reservations import DynamoReservations
from chalicelib.infrastructure.rows import DynamoRows
from chalicelib.infrastructure.sessions import DynamoSessions

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sqs import SQSClient

Record = Mapping[str, Any]


@cache
def settings() -> configuration.Settings:
    return configuration.load()


# What the use cases stand on.


@cache
def database() -> "DynamoDBClient":
    tables.bind(settings().table_prefix)
    return dynamodb.client()


@cache
def sqs() -> "SQSClient":
    return queues.client()


@cache
def sessions() -> ports.Sessions:
    return DynamoSessions(database(), f"{settings().table_prefix}-sessions")


@cache
def rows() -> ports.Rows:
    return DynamoRows(database(), f"{settings().table_prefix}-rows")


@cache
def reservations() -> ports.Reservations:
    return DynamoReservations(database(), f"{settings().table_prefix}-reservations")


@cache
def event_log() -> ports.EventLog:
    return DynamoEventLog(database(), f"{settings().table_prefix}-events")


@cache
def analytics() -> ports.Analytics:
    prefix = settings().table_prefix
    ledger = Ledger(database(), f"{prefix}-ledger", "analytics", clock())
    return DynamoAnalytics(database(), f"{prefix}-analytics", ledger)


@cache
def queue_urls() -> queues.QueueUrls:
    return queues.QueueUrls(sqs())


@cache
def outbox() -> ports.Outbox:
    return queues.SqsOutbox(sqs(), settings().table_prefix, queue_urls())


@cache
def redelivery() -> queues.Redelivery:
    return queues.Redelivery(sqs(), queue_urls())


@cache
def ids() -> ports.Ids:
    return SecretIds(settings().id_secret.encode())


def clock() -> ports.Clock:
    return utc_now


# Commands.


@cache
def schedule() -> scheduling.Schedule:
    return scheduling.Schedule(sessions(), clock(), ids())


@cache
def place_hold() -> holding.PlaceHold:
    limits = settings().hold_seconds, settings().max_seats_per_hold
    return holding.PlaceHold(sessions(), rows(), reservations(), clock(), ids(), *limits)


@cache
def confirm() -> confirming.Confirm:
    return confirming.Confirm(rows(), reservations(), clock(), ids())


@cache
def cancel() -> releasing.Cancel:
    return releasing.Cancel(rows(), reservations(), clock())


@cache
def expire() -> releasing.Expire:
    return releasing.Expire(rows(), reservations(), clock())


@cache
def record_event() -> audit.RecordEvent:
    return audit.RecordEvent(event_log())


@cache
def count_event() -> counting.CountEvent:
    return counting.CountEvent(analytics())


# Queries.


@cache
def show_session() -> queries.ShowSession:
    return queries.ShowSession(sessions())


@cache
def list_sessions() -> queries.ListSessions:
    return queries.ListSessions(sessions())


@cache
def show_seats() -> queries.ShowSeats:
    return queries.ShowSeats(sessions(), rows(), clock())


@cache
def show_reservation() -> queries.ShowReservation:
    return queries.ShowReservation(reservations(), clock())


@cache
def list_purchases() -> queries.ListPurchases:
    return queries.ListPurchases(reservations())


@cache
def list_events() -> audit.ListEvents:
    return audit.ListEvents(sessions(), event_log())


@cache
def show_analytics() -> counting.ShowAnalytics:
    return counting.ShowAnalytics(sessions(), analytics(), clock())


@cache
def check_readiness() -> queries.CheckReadiness:
    prefix = settings().table_prefix
    asked = [probes.dynamodb(database(), f"{prefix}-sessions"), probes.sqs(sqs(), f"{prefix}-expiry")]
    return queries.CheckReadiness([*asked, probes.redis(settings().redis_url)] if settings().redis_url else asked)


# What a stream or queue record sets off.


def relay_row() -> Callable[[Record], list[ports.Outgoing]]:
    relay_event = relay.RelayRow(reservations())

    def relay_record(record: Record) -> list[ports.Outgoing]:
        event = streams.row_event(record)
        return relay_event(event) if event else []

    return relay_record


def relay_reservation() -> Callable[[Record], list[ports.Outgoing]]:
    relay_change = relay.RelayReservation(expire())
    return lambda record: relay_change(streams.reservation_change(record))


def send() -> Callable[[Sequence[ports.Outgoing]], set[int]]:
    return lambda messages: outbox().send(messages, clock()())


def expire_held() -> Callable[[Record], None]:
    expire_hold = expire()

    def handle(record: Record) -> None:
        expire_hold(envelopes.hold_in(record))

    return handle


def told(consume: Callable[[Event], None]) -> Callable[[Record], None]:
    """A consumer, as a handler of queue records."""
    return lambda record: consume(envelopes.event_in(record))
