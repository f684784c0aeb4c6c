"""The composition root: builds each use case once, on first use. Nothing connects before that."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from chalicelib import settings as configuration
from chalicelib.application import confirm as confirming
from chalicelib.application import hold as holding
from chalicelib.application import queries, reactions
from chalicelib.application import release as releasing
from chalicelib.application import schedule as scheduling
from chalicelib.domain import ports
from chalicelib.infrastructure import dynamodb, probes, queues, streams, tables
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.ids import SecretIds
from chalicelib.infrastructure.queues import SqsExpiryQueue
from chalicelib.infrastructure.reservations import DynamoReservations, forgotten_reservation
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
def expiry_queue() -> ports.ExpiryQueue:
    return SqsExpiryQueue(sqs(), f"{settings().table_prefix}-expiry")


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
def check_readiness() -> queries.CheckReadiness:
    prefix = settings().table_prefix
    asked = [probes.dynamodb(database(), f"{prefix}-sessions"), probes.sqs(sqs(), f"{prefix}-expiry")]
    return queries.CheckReadiness([*asked, probes.redis(settings().redis_url)] if settings().redis_url else asked)


# What a stream or queue record sets off.


@cache
def on_row_record() -> Callable[[Record], None]:
    react = reactions.ReactToRow(expiry_queue(), reservations(), clock())

    def handle(record: Record) -> None:
        event = streams.row_event(record)
        if event:
            react(event)

    return handle


@cache
def on_reservation_record() -> Callable[[Record], None]:
    react = reactions.ReactToForgotten(expire())

    def handle(record: Record) -> None:
        reservation = forgotten_reservation(record)
        if reservation:
            react(reservation)

    return handle


@cache
def on_expiry_record() -> Callable[[Record], None]:
    expire_hold = expire()

    def handle(record: Record) -> None:
        expire_hold(queues.hold_in_message(record))

    return handle
