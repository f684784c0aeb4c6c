"""The audit log in DynamoDB: one item for each event, by screening and moment."""

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.domain.events import Event
from chalicelib.domain.pages import Page
from chalicelib.domain.times import to_ms
from chalicelib.infrastructure.dynamodb.connection import ConditionFailed, Table, outages_as_refusals
from chalicelib.infrastructure.dynamodb.cursors import from_cursor, to_cursor
from chalicelib.infrastructure.dynamodb.tables import EventLogItem
from chalicelib.infrastructure.dynamodb.values import read_text, text_value
from chalicelib.infrastructure.sqs.envelopes import event_from_wire, event_to_wire

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True)
class DynamoEventLog:
    """The audit log in a table. Lists a screening's events in the order of their time."""

    client: "DynamoDBClient"
    table_name: str

    def append(self, event: Event) -> None:
        position = f"{to_ms(event.occurred_at):013}#{event.id}"
        item = EventLogItem(event.session_id, position, event=json.dumps(event_to_wire(event))).serialize()
        with suppress(ConditionFailed):
            Table(self.client, self.table_name).put(item, ConditionExpression="attribute_not_exists(session_id)")

    def list_events(self, session_id: str, limit: int, cursor: str | None) -> Page[Event]:
        after = from_cursor(cursor, 1)[0] if cursor else " "
        with outages_as_refusals("Query"):
            answer = self.client.query(
                TableName=self.table_name,
                KeyConditionExpression="session_id = :session AND #position > :after",
                ExpressionAttributeNames={"#position": "position"},
                ExpressionAttributeValues={":session": text_value(session_id), ":after": text_value(after)},
                ConsistentRead=True,
                Limit=limit + 1,
            )
        items = answer["Items"]
        last = read_text(items[limit - 1], "position") if len(items) > limit else None
        events = [event_from_wire(json.loads(read_text(item, "event"))) for item in items[:limit]]
        return Page(events, to_cursor((last,)) if last else None)
