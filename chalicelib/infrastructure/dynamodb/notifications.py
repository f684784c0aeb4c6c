"""The numbered events of each screening in DynamoDB: a counter, the events by number, and the number of each event.

    session_id   position                      number
    550e8400-…   counter                       3       latest {ReservationCreated: 2, PaymentConfirmed: 3}
                 event#PaymentConfirmed:res-…  3
                 number#000000000003           3       latest {ReservationCreated: 2}, event {…}

The three are written in one transaction (6 write units), on condition that the counter is as it was read and the event
has no number yet: so numbers have neither gaps nor repeats, whoever dies when.

A screening has one counter, and transactions on one item refuse each other: its events are numbered one after the
other, some 50 a second where a read and a transaction take 20 ms, however many workers there are. The worker that came
too late reads again and tries again after a pause with full jitter; what it can't number in NUMBER_ATTEMPTS comes again
by the queue. Screenings do not wait for each other. When 2,000 seats are sold in two seconds, their 4,000 events are
told within a minute and a half; domain/consumers.py keeps the number of workers small, since more would only disturb.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.domain.events import Event
from chalicelib.domain.webhooks import Notification
from chalicelib.infrastructure.sqs.envelopes import event_from_wire, event_to_wire

from .connection import (
    Item,
    Table,
    WriteConflict,
    met_a_conflict,
    outages_as_refusals,
    when_free_of_conflict,
    why_cancelled,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NUMBER_ATTEMPTS = 16
"""Up to 1.6 s of pauses on average. Meeting others is usual here, not an accident as between holds."""

COUNTER = "counter"
LARGEST_NUMBER = 10**12 - 1
"""Twelve digits, so that texts sort as numbers do."""

FAILED = "ConditionalCheckFailed"


@dataclass(frozen=True)
class DynamoNotifications:
    client: "DynamoDBClient"
    table_name: str
    sleep: Callable[[float], None] = time.sleep

    def number(self, event: Event) -> Notification:
        return when_free_of_conflict(lambda: self._numbered(event), self.sleep, NUMBER_ATTEMPTS)

    def find(self, session_id: str, sequence: int) -> Notification | None:
        item = self._get(session_id, _of_number(sequence))
        return _notification(item) if item else None

    def after(self, session_id: str, sequence: int, limit: int) -> Sequence[Notification]:
        if sequence >= LARGEST_NUMBER:
            return []
        with outages_as_refusals("Query"):
            answer = self.client.query(
                TableName=self.table_name,
                KeyConditionExpression="session_id = :session AND #position BETWEEN :first AND :last",
                ExpressionAttributeNames={"#position": "position"},
                ExpressionAttributeValues={
                    ":session": {"S": session_id},
                    ":first": {"S": _of_number(sequence + 1)},
                    ":last": {"S": _of_number(LARGEST_NUMBER)},
                },
                ConsistentRead=True,
                Limit=limit,
            )
        return [_notification(item) for item in answer["Items"]]

    def _numbered(self, event: Event) -> Notification:
        counter = self._get(event.session_id, COUNTER)
        before = int(counter["number"]["N"]) if counter else 0
        notification = Notification(event, before + 1, _latest(counter) if counter else {})
        writes: Any = [self._event_entry(notification), self._counted(notification), self._notification(notification)]
        try:
            with outages_as_refusals("TransactWriteItems"):
                self.client.transact_write_items(TransactItems=writes)
        except self.client.exceptions.TransactionCanceledException as error:
            return self._standing(event, error.response["CancellationReasons"], error)
        return notification

    def _standing(self, event: Event, reasons: Sequence[Mapping[str, Any]], error: Exception) -> Notification:
        """What the event was numbered before. Raises WriteConflict when another was at work, or was faster."""
        if met_a_conflict(reasons):
            raise WriteConflict from error
        known, *others = [reason["Code"] for reason in reasons]
        if known == FAILED:
            return self._known(event)
        if FAILED in others:
            raise WriteConflict from error
        raise why_cancelled(reasons) from error

    def _known(self, event: Event) -> Notification:
        entry = self._get(event.session_id, _of_event(event))
        found = self.find(event.session_id, int(entry["number"]["N"])) if entry else None
        assert found, "an event's number is written with its notification"  # noqa: S101 - tells the type checker
        return found

    def _event_entry(self, notification: Notification) -> Item:
        position = _of_event(notification.event)
        return self._new(notification, position, {"number": _number(notification.sequence)})

    def _notification(self, notification: Notification) -> Item:
        own = {
            "number": _number(notification.sequence),
            "latest": _latest_item(notification.latest_before),
            "event": {"S": json.dumps(event_to_wire(notification.event))},
        }
        return self._new(notification, _of_number(notification.sequence), own)

    def _new(self, notification: Notification, position: str, attributes: Item) -> Item:
        put = {
            "TableName": self.table_name,
            "Item": {**_key(notification.event.session_id, position), **attributes},
            "ConditionExpression": "attribute_not_exists(session_id)",
        }
        return {"Put": put}

    def _counted(self, notification: Notification) -> Item:
        """The whole counter is put: it is what was read, and one more."""
        sequence, latest = notification.sequence, notification.latest_before
        counter = {
            **_key(notification.event.session_id, COUNTER),
            "number": _number(sequence),
            "latest": _latest_item({**latest, notification.event.type: sequence}),
        }
        put: dict[str, Any] = {"TableName": self.table_name, "Item": counter}
        if sequence == 1:
            return {"Put": {**put, "ConditionExpression": "attribute_not_exists(session_id)"}}
        as_read = {
            "ConditionExpression": "#number = :before",
            "ExpressionAttributeNames": {"#number": "number"},
            "ExpressionAttributeValues": {":before": _number(sequence - 1)},
        }
        return {"Put": {**put, **as_read}}

    def _get(self, session_id: str, position: str) -> Item | None:
        return Table(self.client, self.table_name).get(_key(session_id, position))


def _key(session_id: str, position: str) -> Item:
    return {"session_id": {"S": session_id}, "position": {"S": position}}


def _of_number(sequence: int) -> str:
    return f"number#{sequence:012}"


def _of_event(event: Event) -> str:
    return f"event#{event.id}"


def _number(number: int) -> Item:
    return {"N": str(number)}


def _latest_item(latest: Mapping[str, int]) -> Item:
    return {"M": {str(kind): _number(number) for kind, number in latest.items()}}


def _latest(item: Item) -> dict[str, int]:
    return {kind: int(number["N"]) for kind, number in item["latest"]["M"].items()}


def _notification(item: Item) -> Notification:
    event = event_from_wire(json.loads(item["event"]["S"]))
    return Notification(event, int(item["number"]["N"]), _latest(item))
