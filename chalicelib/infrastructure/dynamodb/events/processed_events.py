"""The processed events: one entry for each consumer and event, written with its effects if they are in DynamoDB.

put "consumer#event", unless it is there ──┐
the event's effects                      ──┴── one transaction: both or neither
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.infrastructure.dynamodb.connection import (
    Table,
    TransactionCancelled,
    outages_as_refusals,
    retry_on_conflict_or_raise_unavailable,
    transact,
)
from chalicelib.infrastructure.dynamodb.tables import EventProcessedByConsumerItem
from chalicelib.infrastructure.dynamodb.values import text_key, ttl_seconds_rounded_down

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.domain.ports import Clock

REMEMBERED = timedelta(days=30)
"""How long an entry is kept: a message lives 4 days in its queue and 14 in its DLQ, so none comes again after that."""


@dataclass(frozen=True)
class DynamoProcessedEvents:
    """The events that one consumer has processed, in a table: one entry for each event."""

    client: DynamoDBClient
    table_name: str
    consumer: str
    clock: Clock
    sleep: Callable[[float], None] = time.sleep

    def add_with_effects(self, event_id: str, effects: Sequence[Mapping[str, Any]]) -> bool:
        """Writes the event's entry and its effects in one transaction. False if the event was processed before.

        `effects` are writes of TransactWriteItems. If this raises BackendUnavailable, it is unknown whether all of them
        or none were written.
        """
        writes = [{"Put": self._entry_put(event_id)}, *effects]
        return retry_on_conflict_or_raise_unavailable(lambda: self._write_once(writes), self.sleep)

    def contains(self, event_id: str) -> bool:
        return Table(self.client, self.table_name).get(text_key(id=self.entry_id(event_id))) is not None

    def add(self, event_id: str) -> None:
        """Writes the event's entry. If the event has an effect outside the database, callers do this after the effect.
        Raises BackendUnavailable."""
        with outages_as_refusals("PutItem"):
            self.client.put_item(TableName=self.table_name, Item=self._entry_item(event_id))

    def entry_id(self, event_id: str) -> str:
        return f"{self.consumer}#{event_id}"

    def _write_once(self, writes: list[Any]) -> bool:
        """Makes the writes in one transaction. The first one is the entry. False if the entry was there before.

        Raises WriteConflict, BackendUnavailable.
        """
        try:
            transact(self.client, writes)
        except TransactionCancelled as cancelled:
            if cancelled.conditions_failed[0] and not cancelled.has_conflict:
                return False
            raise cancelled.as_write_conflict_or_outage() from cancelled
        return True

    def _entry_put(self, event_id: str) -> dict[str, Any]:
        return {
            "TableName": self.table_name,
            "Item": self._entry_item(event_id),
            "ConditionExpression": "attribute_not_exists(id)",
        }

    def _entry_item(self, event_id: str) -> dict[str, Any]:
        ttl = ttl_seconds_rounded_down(self.clock() + REMEMBERED)
        return EventProcessedByConsumerItem(self.entry_id(event_id), ttl=ttl).serialize()
