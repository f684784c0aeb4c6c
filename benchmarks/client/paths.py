"""The paths that are measured: one write of a hold by each client, and a whole hold by our use case."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Any

import boto3
from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

from chalicelib.application.hold import HoldSeatsCommand, PlaceHold
from chalicelib.application.live_holds import CountUserHoldInSessionOrRefuse
from chalicelib.domain.sessions import Session
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.dynamodb import connection, tables
from chalicelib.infrastructure.dynamodb.live_holds import DynamoHoldsCountedUntilExpiry
from chalicelib.infrastructure.dynamodb.reservations import DynamoReservations
from chalicelib.infrastructure.dynamodb.rows import DynamoRows
from chalicelib.infrastructure.ids import RandomOrDerivedIds
from chalicelib.settings import LOCAL_SECRET, load

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

STOCK, PYNAMODB, BY_BOTOCORE, OURS, HOLD = NAMES = (
    "stock boto3",
    "stock pynamodb",
    "our options alone",
    "our client",
    "our hold",
)
CALLS = dict.fromkeys(NAMES, 1) | {HOLD: 3}
"""How many calls of DynamoDB each path makes."""


def make_paths() -> dict[str, Callable[[], object]]:
    """Makes the paths to measure: each writes the same as a hold of one seat."""
    made = (
        update_with(boto3.client("dynamodb")),
        pynamodb_update(),
        update_with(connection.new_dynamodb_client(lean=False)),
        update_with(connection.new_dynamodb_client()),
        hold(),
    )
    return dict(zip(NAMES, made, strict=True))


WRITE: dict[str, Any] = {
    "TableName": "bench-rows",
    "Key": {"id": {"S": "550e8400-e29b-41d4-a716-446655440000#A"}},
    "UpdateExpression": "SET seats.#s0 = :new, #event = :event ADD version :one",
    "ConditionExpression": "attribute_not_exists(#closed) AND (attribute_not_exists(seats.#s0) OR"
    " seats.#s0.z < :expires OR seats.#s0.x <= :now)",
    "ExpressionAttributeNames": {"#s0": "A1", "#closed": "closed", "#event": "event"},
    "ExpressionAttributeValues": {
        ":now": {"N": "1795756800000"},
        ":expires": {"N": "1795756830000"},
        ":new": {"M": {"r": {"S": "res-7d4f0a2b9c8e4f1a"}, "x": {"N": "1795756830000"}}},
        ":event": {"M": {"type": {"S": "ReservationCreated"}, "at": {"N": "1795756800000"}}},
        ":one": {"N": "1"},
    },
    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
}
"""The write that holds a seat."""


def update_with(client: "DynamoDBClient") -> Callable[[], object]:
    return lambda: client.update_item(**WRITE)


class Row(Model):
    """A row as a stranger would declare it for pynamodb."""

    class Meta:
        table_name = "bench-rows"

    id = UnicodeAttribute(hash_key=True)
    holder = UnicodeAttribute(null=True)
    expires = NumberAttribute(null=True)
    version = NumberAttribute(null=True)


def pynamodb_update() -> Callable[[], object]:
    """Makes an update by a model of pynamodb with its own session: a hold of one seat in a row of one."""
    row = Row("550e8400-e29b-41d4-a716-446655440000#A1")
    return lambda: row.update(
        actions=[Row.holder.set("res-7d4f0a2b9c8e4f1a"), Row.expires.set(1795756830000), Row.version.add(1)],
        condition=Row.holder.does_not_exist() | (Row.expires <= 1795756800000),
    )


@dataclass(frozen=True)
class OneSession:
    """The port of sessions, with one session that is never read from anywhere."""

    session: Session

    def get(self, _: str) -> Session:
        return self.session


def hold() -> Callable[[], object]:
    """Makes the use case that holds a seat: three calls, as the tests of the budgets assert."""
    tables.set_table_names("bench")
    now, client = utc_now(), connection.new_dynamodb_client()
    session = Session("550e8400", "Oppenheimer", now + timedelta(days=1), "A1", 100, 10, Decimal("25.00"), now)
    sessions: Any = OneSession(session)
    reservations = DynamoReservations(client, "bench-reservations")
    count_live_hold = CountUserHoldInSessionOrRefuse(
        DynamoHoldsCountedUntilExpiry(client, "bench-live-holds"), reservations, limit=2
    )
    ids = RandomOrDerivedIds(LOCAL_SECRET.encode())
    rows = DynamoRows(client, "bench-rows")
    place = PlaceHold(sessions, rows, count_live_hold, reservations, utc_now, ids, load({"STAGE": "test"}))
    users, wish = count(), HoldSeatsCommand(session.id, "", ("A1",))
    return lambda: place(replace(wish, user_id=f"buyer-{next(users)}"))
