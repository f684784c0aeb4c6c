"""The ledger: which consumer has dealt with which event, written together with what the event did where it can be.

put "consumer#event", unless it is there ──┐
the event's effects                      ──┴── one transaction: both or neither
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.domain.ports import Clock

from .connection import Table, met_a_conflict, outages_as_refusals, when_free_of_conflict, why_cancelled
from .tables import ProcessedEventItem

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

REMEMBERED = timedelta(days=30)
"""How long an entry is kept: a message lives 4 days in its queue and 14 in its DLQ, so none comes again after that."""


@dataclass(frozen=True)
class ProcessedEvents:
    """One consumer's entries."""

    client: "DynamoDBClient"
    table_name: str
    consumer: str
    clock: Clock
    sleep: Callable[[float], None] = time.sleep

    def once(self, event_id: str, effects: Sequence[Mapping[str, Any]]) -> bool:
        """Writes the effects, as for TransactWriteItems, unless the event is entered; False when it was.

        Raises StoreUnavailable: then nothing was written, or everything with an answer that got lost.
        """
        writes = [{"Put": self._entry(event_id)}, *effects]
        return when_free_of_conflict(lambda: self._written(writes), self.sleep)

    def contains(self, event_id: str) -> bool:
        return Table(self.client, self.table_name).get({"id": {"S": self.entry_id(event_id)}}) is not None

    def add(self, event_id: str) -> None:
        """After an effect outside of the database. Raises StoreUnavailable."""
        with outages_as_refusals("PutItem"):
            self.client.put_item(TableName=self.table_name, Item=self._item(event_id))

    def entry_id(self, event_id: str) -> str:
        return f"{self.consumer}#{event_id}"

    def _written(self, writes: list[Any]) -> bool:
        try:
            with outages_as_refusals("TransactWriteItems"):
                self.client.transact_write_items(TransactItems=writes)
        except self.client.exceptions.TransactionCanceledException as error:
            if _entered_before(error.response["CancellationReasons"]):
                return False
            raise why_cancelled(error.response["CancellationReasons"]) from error
        return True

    def _entry(self, event_id: str) -> dict[str, Any]:
        return {
            "TableName": self.table_name,
            "Item": self._item(event_id),
            "ConditionExpression": "attribute_not_exists(id)",
        }

    def _item(self, event_id: str) -> dict[str, Any]:
        forgotten_at = int((self.clock() + REMEMBERED).timestamp())
        return ProcessedEventItem(self.entry_id(event_id), ttl=forgotten_at).serialize()


def _entered_before(reasons: Sequence[Mapping[str, Any]]) -> bool:
    """The ledger's entry is the first of the writes. After a conflict it is asked again."""
    return bool(reasons[0]["Code"] == "ConditionalCheckFailed") and not met_a_conflict(reasons)
