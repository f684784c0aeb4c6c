"""Finds the ids for other commands, by facts that a caller on the telephone knows. Each answer says how it was found.

screenings              index `programme` of sessions, by start
reservation             key of reservations, by its id
buyer                   key of reservations, by the user's id; an address that is no user's: a bounded scan
payment                 key of payments, by the transaction's id; else a bounded scan of reservations
sale                    no index: a bounded scan of reservations
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer

from chalicelib.domain.money import Money
from chalicelib.domain.reservations import buyer_pseudonym_or_empty
from chalicelib.domain.times import from_ms, to_iso
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.dynamodb.tables import PROGRAMME
from chalicelib.infrastructure.ids import buyer_partition_of_user
from infra.ops.connection import Connection, OpsError
from infra.ops.text import Answer, aligned, counted

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]
"""An item's attributes as plain values."""

SCREENINGS = ("SESSION", "STARTS", "ROOM", "FILM", "SEATS", "STATE")
RESERVATIONS = ("RESERVATION", "STATE", "SESSION", "FILM", "SEATS", "AMOUNT", "SALE", "TRANSACTION")
PAYMENTS = ("TRANSACTION", "STATUS", "AMOUNT", "RESERVATION", "SALE", "REASON")
_PLAIN = TypeDeserializer()


@dataclass(frozen=True)
class Found:
    """The items, and how they were found."""

    items: Sequence[Item]
    how: str
    """A sentence that names the key or index, or says how many items were read without one."""
    is_whole: bool = True
    """False when there may be more, in items that were not read."""


@dataclass(frozen=True)
class Records:
    """Finds items in a stage's tables."""

    connection: Connection
    most: int
    """The largest number of items to read without an index."""

    def find_screenings(self, title: str, day: date | None) -> Found:
        """Finds the screenings of one day, in UTC; without a day, those from today on.

        `title` is a part of the film's title. Upper and lower case count the same.
        """
        start = datetime.combine(day, datetime.min.time(), UTC) if day else _today()
        until = start + timedelta(days=1) if day else datetime.max.replace(tzinfo=UTC)
        items = self._query(
            "sessions",
            "programme = :all AND starts_at BETWEEN :start AND :until",
            {":all": PROGRAMME, ":start": to_iso(start), ":until": to_iso(until)},
            IndexName="programme",
        )
        found, read = _read_and_filter(
            items, self.most, lambda item: title.casefold() in item["movie_title"].casefold()
        )
        rest = "" if read < self.most else f", and there may be more: name the --day, or --most {10 * self.most}"
        return Found(found, f"By the index `programme` of sessions, by start: {counted(read, 'screening')} read{rest}.")

    def find_reservation(self, reservation_id: str) -> Found:
        """Finds a reservation by its key. Raises OpsError for an id of another form."""
        buyer = buyer_pseudonym_or_empty(reservation_id)
        if not buyer:
            raise OpsError(f"{reservation_id!r} is no reservation's id: these are res- and 33 characters.")
        return Found(self.get_item("reservations", buyer=buyer, id=reservation_id), "By the key of reservations.")

    def find_buyer(self, user: str) -> Found:
        """Finds the user's known reservations, the newest first. Searches by email if no user has this id."""
        items = self._query("reservations", "buyer = :buyer", {":buyer": buyer_partition_of_user(user)})
        found, _ = _read_and_filter(items, self.most, lambda item: item["user_id"] == user)
        if found or "@" not in user:
            newest = sorted(found, key=lambda item: item["created_at_ms"], reverse=True)
            return Found(newest, "By the key of reservations, by the user's id.")
        return self._scan("reservations", "email = :value", user, "No user has this id; an address has no index")

    def find_payment(self, transaction: str) -> tuple[Found, Found]:
        """Finds a payment, and its reservation."""
        known = Found(self.get_item("payments", transaction_id=transaction), "By the key of payments.")
        for item in known.items:
            if buyer_pseudonym_or_empty(item.get("reservation_id", "")):
                return known, self.find_reservation(item["reservation_id"])
        why = "No such payment is known (yet); a transaction has no index in reservations"
        return known, self._scan("reservations", "transaction_id = :value", transaction, why)

    def find_sale(self, sale: str) -> Found:
        """Finds the sale's reservation by reading the table."""
        return self._scan("reservations", "sale_id = :value", sale, "No index leads from a sale to its reservation")

    def find_payments_of(self, reservation_id: str, transaction: str = "") -> Found:
        """Finds all payments for a reservation: that of the transaction by key, all others by reading the table."""
        known = self.get_item("payments", transaction_id=transaction) if transaction else []
        others = self._scan_whole("payments", "reservation_id = :value", reservation_id)
        found = {item["transaction_id"]: item for item in (*known, *others.items)}
        return replace(others, items=[*found.values()])

    def find_live_holds(self, session_id: str) -> Found:
        """Finds the live holds of all users in a screening.

        A user's own can't be read by key, because the key may have the client's network, which is stored nowhere else.
        """
        return self._scan_whole("live-holds", "session_id = :value", session_id)

    def list_events(self, session_id: str) -> Iterator[Item]:
        """Lists the events in a screening's log, oldest first, in their form on the wire."""
        items = self._query("events", "session_id = :session", {":session": session_id}, ConsistentRead=True)
        return (json.loads(item["event"]) for item in items)

    @property
    def _client(self) -> "DynamoDBClient":
        client: DynamoDBClient = self.connection.client("dynamodb")
        return client

    def get_item(self, table: str, **key: str) -> list[Item]:
        wanted = {name: {"S": value} for name, value in key.items()}
        answer: Any = self._client.get_item(TableName=self._table_name(table), Key=wanted, ConsistentRead=True)
        return [to_plain(answer["Item"])] if "Item" in answer else []

    def _query(self, table: str, condition: str, values: Mapping[str, str], **more: Any) -> Iterator[Item]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table_name(table),
            KeyConditionExpression=condition,
            ExpressionAttributeValues={name: {"S": value} for name, value in values.items()},
            **more,
        )
        return (to_plain(item) for page in pages for item in page["Items"])

    def _scan(self, table: str, condition: str, value: str, why: str) -> Found:
        """Reads the table until something is found, the table ends or `most` items were read."""
        read = 0
        for page in self._scan_pages(table, condition, value):
            read += page["ScannedCount"]
            if page["Items"]:
                return Found(
                    [to_plain(item) for item in page["Items"]], f"{why}: {counted(read, 'item')} of {table} read."
                )
            if read >= self.most:
                rest = (
                    f"{counted(read, 'item')} of {table} read, and there are more: go on with --most {10 * self.most}"
                )
                return Found([], f"{why}: {rest}.")
        return Found([], f"{why}: all {counted(read, 'item')} of {table} read.")

    def _scan_whole(self, table: str, condition: str, value: str) -> Found:
        """Reads the table to its end, or until `most` items were read."""
        found: list[Item] = []
        read = 0
        for page in self._scan_pages(table, condition, value):
            read += page["ScannedCount"]
            found += map(to_plain, page["Items"])
            if read >= self.most and page.get("LastEvaluatedKey"):
                rest = f"{counted(read, 'item')} read, and there are more: go on with --most {10 * self.most}"
                return Found(found, f"{rest}.", is_whole=False)
        return Found(found, f"All {counted(read, 'item')} of {table} read.")

    def _scan_pages(self, table: str, condition: str, value: str) -> Iterator[Any]:
        """Reads the table page by page. Each page has only the items that fit the condition."""
        pages: Any = self._client.get_paginator("scan").paginate(
            TableName=self._table_name(table),
            FilterExpression=condition,
            ExpressionAttributeValues={":value": {"S": value}},
            ConsistentRead=True,
            PaginationConfig={"PageSize": min(self.most, 1000)},
        )
        yield from pages

    def _table_name(self, table: str) -> str:
        return f"{self.connection.prefix}{table}"


def find_screenings(connection: Connection, title: str, day: date | None, most: int) -> Answer:
    return _answer(Records(connection, most).find_screenings(title, day), SCREENINGS, _screening_row)


def find_reservation(connection: Connection, reservation_id: str, most: int) -> Answer:
    return _answer(Records(connection, most).find_reservation(reservation_id), RESERVATIONS, _reservation_row)


def find_buyer(connection: Connection, user: str, most: int) -> Answer:
    return _answer(Records(connection, most).find_buyer(user), RESERVATIONS, _reservation_row)


def find_sale(connection: Connection, sale_id: str, most: int) -> Answer:
    return _answer(Records(connection, most).find_sale(sale_id), RESERVATIONS, _reservation_row)


def find_payment(connection: Connection, transaction: str, most: int) -> Answer:
    money, bought = Records(connection, most).find_payment(transaction)
    answers = _answer(money, PAYMENTS, _payment_row), _answer(bought, RESERVATIONS, _reservation_row)
    data = {"payments": answers[0].data, "reservations": answers[1].data}
    return Answer(data, "\n\n".join(answer.text for answer in answers))


def _answer(found: Found, headings: Sequence[str], row: Callable[[Item], Sequence[object]]) -> Answer:
    table = aligned(headings, map(row, found.items)) if found.items else "Nothing was found."
    return Answer({"found": list(found.items), "how": found.how}, f"{table}\n{found.how}")


def _screening_row(item: Item) -> Sequence[object]:
    state = "cancelled" if item.get("cancelled_at") else "on" if item["starts_at"] > to_iso(utc_now()) else "over"
    return item["id"], item["starts_at"], item["room"], item["movie_title"], item["total_seats"], state


def _reservation_row(item: Item) -> Sequence[object]:
    seats = ",".join(item["seats"])
    known = item.get("sale_id"), item.get("transaction_id")
    return (
        item["id"],
        _reservation_state(item),
        item["session_id"],
        item["movie_title"],
        seats,
        _amount_text(item),
        *known,
    )


def _payment_row(item: Item) -> Sequence[object]:
    status = item.get("fate"), _amount_text(item)
    return item["transaction_id"], *status, item.get("reservation_id"), item.get("sale_id"), item.get("reason")


def _reservation_state(item: Item) -> str:
    """Gives the reservation's state now. A hold is expired after its time, even if its item does not say so yet."""
    if item.get("refunded_at"):
        return "refunded"
    lapsed = item["state"] == "pending" and from_ms(item["expires_at_ms"]) <= utc_now()
    return "expired" if lapsed else str(item["state"])


def _amount_text(item: Item) -> str | None:
    cents = item.get("amount_cents")
    return None if cents is None else Money(int(cents)).format()


def _read_and_filter(items: Iterator[Item], most: int, fits: Callable[[Item], bool]) -> tuple[list[Item], int]:
    """Reads at most `most` items. Gives those that fit, and the number read."""
    read = [item for item, _ in zip(items, range(most), strict=False)]
    return [item for item in read if fits(item)], len(read)


def to_plain(item: Mapping[str, Any]) -> Item:
    return {name: _to_int(_PLAIN.deserialize(value)) for name, value in item.items()}


def _to_int(value: Any) -> Any:
    """Makes ints of Decimals, also within maps and lists, for JSON. All our numbers in DynamoDB are whole."""
    if isinstance(value, dict):
        return {name: _to_int(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_to_int(inner) for inner in value]
    return int(value) if isinstance(value, Decimal) else value


def _today() -> datetime:
    return utc_now().replace(hour=0, minute=0, second=0, microsecond=0)
