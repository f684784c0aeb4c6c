"""The numbered events of each screening in DynamoDB: a counter, the events by number, and the number of each event.

    session_id   position                      number
    550e8400-…   counter                       3       latest {ReservationCreated: 2, PaymentConfirmed: 3}
                 event#PaymentConfirmed:res-…  3
                 number#000000000003           3       latest {ReservationCreated: 2}, event {…}

The three are written in one transaction (6 write units), on condition that the counter is as it was read and the event
has no number yet: so numbers have neither gaps nor repeats, even if a worker dies.

A screening has one counter, and transactions on one item refuse each other: its events are numbered one after the
other, some 50 a second where a read and a transaction take 20 ms, however many workers there are. A worker that came
too late reads the counter again and tries again after a pause with full jitter. An event without a number after
NUMBER_ATTEMPTS comes again by the queue. Screenings do not wait for each other. When 2,000 seats are sold in two
seconds, their 4,000 events are delivered within a minute and a half; domain/consumers.py keeps the number of workers
small, since more would only cause more conflicts.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.domain.events import Event
from chalicelib.domain.webhooks import Notification
from chalicelib.infrastructure.sqs.envelopes import event_from_wire, event_to_wire

from .connection import Table, TransactionCancelled, WriteConflict, outages_as_refusals, retry_on_conflict, transact
from .values import (
    Item,
    number_value,
    numbers_value,
    read_number,
    read_numbers,
    read_text,
    text_key,
    text_value,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NUMBER_ATTEMPTS = 16
"""The most tries to number an event: up to 1.6 s of pauses on average. They are more than a hold's, because conflicts
are usual here, and rare between holds."""

COUNTER = "counter"
LARGEST_NUMBER = 10**12 - 1
"""The largest number of an event. Keys have numbers with all twelve digits, so that the keys sort as the numbers do."""


@dataclass(frozen=True)
class DynamoNotifications:
    """Numbers the events of each screening, and keeps them by number."""

    client: "DynamoDBClient"
    table_name: str
    sleep: Callable[[float], None] = time.sleep

    def assign_number(self, event: Event) -> Notification:
        return retry_on_conflict(lambda: self._assign_number(event), self.sleep, NUMBER_ATTEMPTS)

    def find(self, session_id: str, sequence: int) -> Notification | None:
        item = self._get(session_id, _position_of_number(sequence))
        return _notification_from_item(item) if item else None

    def list_after(self, session_id: str, sequence: int, limit: int) -> Sequence[Notification]:
        if sequence >= LARGEST_NUMBER:
            return []
        with outages_as_refusals("Query"):
            answer = self.client.query(
                TableName=self.table_name,
                KeyConditionExpression="session_id = :session AND #position BETWEEN :first AND :last",
                ExpressionAttributeNames={"#position": "position"},
                ExpressionAttributeValues={
                    ":session": text_value(session_id),
                    ":first": text_value(_position_of_number(sequence + 1)),
                    ":last": text_value(_position_of_number(LARGEST_NUMBER)),
                },
                ConsistentRead=True,
                Limit=limit,
            )
        return [_notification_from_item(item) for item in answer["Items"]]

    def _assign_number(self, event: Event) -> Notification:
        """Writes the event with the next number. Gives the earlier notification if the event has a number already.

        Raises WriteConflict when another worker has changed the counter, or is about to.
        """
        counter = self._get(event.session_id, COUNTER)
        notification = Notification(
            event=event,
            sequence=read_number(counter, "number") + 1 if counter else 1,
            latest_before=read_numbers(counter, "latest") if counter else {},
        )
        writes = [self._event_put(notification), self._counter_put(notification), self._notification_put(notification)]
        try:
            transact(self.client, writes)
        except TransactionCancelled as cancelled:
            return self._find_earlier(event, cancelled)
        return notification

    def _find_earlier(self, event: Event, cancelled: TransactionCancelled) -> Notification:
        """Reads the event's earlier notification, if the transaction was cancelled because there is one.

        Raises WriteConflict or StoreUnavailable if it was cancelled for another reason.
        """
        if cancelled.met_conflict:
            raise WriteConflict("TransactWriteItems") from cancelled
        has_number, *others = cancelled.conditions_failed
        if has_number:
            return self._read_numbered(event)
        if any(others):
            raise WriteConflict("TransactWriteItems") from cancelled
        raise cancelled.as_error() from cancelled

    def _read_numbered(self, event: Event) -> Notification:
        """Reads the notification of an event that has a number."""
        entry = self._get(event.session_id, _position_of_event(event))
        found = self.find(event.session_id, read_number(entry, "number")) if entry else None
        assert found, "an event's number is written with its notification"  # noqa: S101 - tells the type checker
        return found

    def _event_put(self, notification: Notification) -> Item:
        position = _position_of_event(notification.event)
        return self._put_if_new(notification, position, {"number": number_value(notification.sequence)})

    def _notification_put(self, notification: Notification) -> Item:
        attributes = {
            "number": number_value(notification.sequence),
            "latest": numbers_value(notification.latest_before),
            "event": text_value(json.dumps(event_to_wire(notification.event))),
        }
        return self._put_if_new(notification, _position_of_number(notification.sequence), attributes)

    def _put_if_new(self, notification: Notification, position: str, attributes: Item) -> Item:
        put = {
            "TableName": self.table_name,
            "Item": {**_key(notification.event.session_id, position), **attributes},
            "ConditionExpression": "attribute_not_exists(session_id)",
        }
        return {"Put": put}

    def _counter_put(self, notification: Notification) -> Item:
        """Gives the write that puts the counter with the next number, if it still has the number that was read."""
        sequence, latest = notification.sequence, notification.latest_before
        counter = {
            **_key(notification.event.session_id, COUNTER),
            "number": number_value(sequence),
            "latest": numbers_value({**latest, notification.event.type: sequence}),
        }
        put: dict[str, Any] = {"TableName": self.table_name, "Item": counter}
        if sequence == 1:
            return {"Put": {**put, "ConditionExpression": "attribute_not_exists(session_id)"}}
        as_read = {
            "ConditionExpression": "#number = :before",
            "ExpressionAttributeNames": {"#number": "number"},
            "ExpressionAttributeValues": {":before": number_value(sequence - 1)},
        }
        return {"Put": {**put, **as_read}}

    def _get(self, session_id: str, position: str) -> Item | None:
        return Table(self.client, self.table_name).get(_key(session_id, position))


def _key(session_id: str, position: str) -> Item:
    return text_key(session_id=session_id, position=position)


def _position_of_number(sequence: int) -> str:
    return f"number#{sequence:012}"


def _position_of_event(event: Event) -> str:
    return f"event#{event.id}"


def _notification_from_item(item: Item) -> Notification:
    return Notification(
        event=event_from_wire(json.loads(read_text(item, "event"))),
        sequence=read_number(item, "number"),
        latest_before=read_numbers(item, "latest"),
    )
