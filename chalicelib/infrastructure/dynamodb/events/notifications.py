"""The numbered events of each screening in DynamoDB: a counter, the events by number, and the number of each event.

    session_id   position                      number
    550e8400-…   counter                       3       latest {ReservationCreated: 2, PaymentConfirmed: 3}
                 event#PaymentConfirmed:res-…  3
                 number#000000000003           3       latest {ReservationCreated: 2}, event {…}

A batch's events of one screening are numbered in one transaction (2 write units, and 4 for each event), on condition
that the counter is as it was read and no event has a number yet: so numbers have neither gaps nor repeats, even if a
worker dies. Events that turn out to have a number are left out of the next try.

A screening has one counter, and transactions on one item refuse each other: its batches are numbered one after the
other, however many workers there are. A worker that came too late reads the counter again and tries again after a pause
with full jitter. Events without a number after NUMBER_ATTEMPTS come again by the queue. Screenings do not wait for each
other. domain/consumers.py has the size of a batch, and keeps the number of workers small, since more would only cause
more conflicts.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from chalicelib.domain.events import Event
from chalicelib.domain.webhooks import Notification
from chalicelib.infrastructure.dynamodb.connection import (
    BatchReader,
    Table,
    TransactionCancelled,
    WriteConflict,
    outages_as_refusals,
    retry_on_conflict_or_raise_unavailable,
    transact,
)
from chalicelib.infrastructure.dynamodb.values import (
    Item,
    number_value,
    numbers_value,
    read_required_number,
    read_required_numbers,
    read_text,
    text_key,
    text_value,
)
from chalicelib.infrastructure.sqs.envelopes import event_from_wire, event_to_wire

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NUMBER_ATTEMPTS = 16
"""The largest number of attempts to number a batch of events. The pauses between them are 1.6 s in all on average.
Holds have fewer attempts, because they rarely conflict."""

COUNTER = "counter"
MOST_NUMBERED = 49
"""The largest number of events to which one transaction gives numbers. A transaction has at most 100 writes: two for
each event, and one for the counter."""

LARGEST_NUMBER = 10**12 - 1
"""The largest number of an event. In a key, a number is always written with twelve digits, so that the keys sort as the
numbers do."""


@dataclass(frozen=True)
class DynamoNotifications:
    """The numbered events of each screening, in a table. Numbers have no gaps."""

    client: "DynamoDBClient"
    table_name: str
    sleep: Callable[[float], None] = time.sleep

    def assign_number_in_session(self, event: Event) -> Notification:
        (notification,) = self.assign_numbers_in_session([event])
        return notification

    def assign_numbers_in_session(self, events: Sequence[Event]) -> Sequence[Notification]:
        unique = list({event.id: event for event in events}.values())
        numbered: dict[str, Notification] = {}
        for start in range(0, len(unique), MOST_NUMBERED):
            batch = unique[start : start + MOST_NUMBERED]
            retry_on_conflict_or_raise_unavailable(
                partial(self._assign_numbers, batch, numbered), self.sleep, NUMBER_ATTEMPTS
            )
        return [numbered[event.id] for event in events]

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

    def _assign_numbers(self, batch: Sequence[Event], numbered: dict[str, Notification]) -> None:
        """Adds the batch's notifications to `numbered`, by event id. Numbers the events that have no number yet.

        Raises WriteConflict if another worker has changed the counter, or is changing it.
        """
        while missing := [event for event in batch if event.id not in numbered]:
            counter = self._get(missing[0].session_id, COUNTER)
            notifications = _numbered_after(counter, missing)
            try:
                transact(self.client, self._puts(counter, notifications))
            except TransactionCancelled as cancelled:
                found = self._find_earlier(missing, cancelled)
            else:
                found = notifications
            numbered |= {one.event.id: one for one in found}

    def _find_earlier(self, events: Sequence[Event], cancelled: TransactionCancelled) -> Sequence[Notification]:
        """Reads the notifications of the events that have a number already. DynamoDB cancels a transaction if an event
        in it has a number already.

        Raises WriteConflict or BackendUnavailable if the transaction was cancelled for another reason.
        """
        if cancelled.has_conflict:
            raise WriteConflict("TransactWriteItems") from cancelled
        failed = cancelled.conditions_failed
        if have_number := [event for event, has_number in zip(events, failed, strict=False) if has_number]:
            return self._read_numbered(have_number)
        if any(failed):
            raise WriteConflict("TransactWriteItems") from cancelled
        raise cancelled.as_write_conflict_or_outage() from cancelled

    def _read_numbered(self, events: Sequence[Event]) -> Sequence[Notification]:
        """Reads the notifications of those events that already have a number."""
        session_id = events[0].session_id
        entries = self._read([_key(session_id, _position_of_event(event)) for event in events])
        positions = [_position_of_number(read_required_number(entry, "number")) for entry in entries]
        return [_notification_from_item(item) for item in self._read([_key(session_id, at) for at in positions])]

    def _puts(self, counter: Item | None, notifications: Sequence[Notification]) -> list[Item]:
        """Builds the writes of one transaction. The first ones store each event's number, in the order of
        `notifications`.

        `_find_earlier` relies on this order.
        """
        return [
            *map(self._event_put, notifications),
            self._counter_put(counter, notifications[-1]),
            *map(self._notification_put, notifications),
        ]

    def _event_put(self, notification: Notification) -> Item:
        position = _position_of_event(notification.event)
        return self._put_if_new(notification, position, {"number": number_value(notification.sequence)})

    def _notification_put(self, notification: Notification) -> Item:
        attributes = {
            "number": number_value(notification.sequence),
            "latest": numbers_value(notification.latest_before_by_type),
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

    def _counter_put(self, before: Item | None, last: Notification) -> Item:
        """Builds the write that moves the counter to the last new number, unless the counter has changed."""
        counter = {
            **_key(last.event.session_id, COUNTER),
            "number": number_value(last.sequence),
            "latest": numbers_value(_latest_after(last)),
        }
        put: dict[str, Any] = {"TableName": self.table_name, "Item": counter}
        if before is None:
            return {"Put": {**put, "ConditionExpression": "attribute_not_exists(session_id)"}}
        as_read = {
            "ConditionExpression": "#number = :before",
            "ExpressionAttributeNames": {"#number": "number"},
            "ExpressionAttributeValues": {":before": number_value(read_required_number(before, "number"))},
        }
        return {"Put": {**put, **as_read}}

    def _get(self, session_id: str, position: str) -> Item | None:
        return Table(self.client, self.table_name).get(_key(session_id, position))

    def _read(self, keys: Sequence[Item]) -> Sequence[Item]:
        return list(BatchReader(self.client, self.table_name, self.sleep)(keys))


def _numbered_after(counter: Item | None, events: Sequence[Event]) -> Sequence[Notification]:
    """Numbers the events. The first one gets the number that follows the counter's number.

    `counter` is None if the screening has no numbers yet.
    """
    before = read_required_number(counter, "number") if counter else 0
    latest = read_required_numbers(counter, "latest") if counter else {}
    notifications = []
    for sequence, event in enumerate(events, before + 1):
        notifications.append(Notification(event, sequence, latest))
        latest = _latest_after(notifications[-1])
    return notifications


def _latest_after(notification: Notification) -> dict[str, int]:
    """Gives the sequence number of the last event of each type, with this notification taken into account."""
    return {**notification.latest_before_by_type, notification.event.type: notification.sequence}


def _key(session_id: str, position: str) -> Item:
    return text_key(session_id=session_id, position=position)


def _position_of_number(sequence: int) -> str:
    return f"number#{sequence:012}"


def _position_of_event(event: Event) -> str:
    return f"event#{event.id}"


def _notification_from_item(item: Item) -> Notification:
    return Notification(
        event=event_from_wire(json.loads(read_text(item, "event"))),
        sequence=read_required_number(item, "number"),
        latest_before_by_type=read_required_numbers(item, "latest"),
    )
