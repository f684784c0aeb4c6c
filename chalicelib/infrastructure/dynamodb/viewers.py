"""Viewers of screenings in DynamoDB: an item for each connection, found by screening and by connection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from .connection import outages_as_refusals, query_items
from .tables import ViewerItem
from .values import read_text, text_key, text_value, ttl_seconds_rounded_down

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.domain.ports import Clock

LONGEST_CONNECTION = timedelta(hours=2)
"""The longest time for which API Gateway keeps a WebSocket open. If it does not report the end, TTL deletes the
viewer."""


@dataclass(frozen=True)
class DynamoViewers:
    """The viewers in a table: one item for each connection, with the screening that it watches."""

    client: DynamoDBClient
    table_name: str
    clock: Clock

    def set_watched_session(self, viewer_id: str, session_id: str) -> None:
        before = self._query_sessions(viewer_id)
        ttl = ttl_seconds_rounded_down(self.clock() + LONGEST_CONNECTION)
        with outages_as_refusals("PutItem"):
            self.client.put_item(TableName=self.table_name, Item=ViewerItem(session_id, viewer_id, ttl=ttl).serialize())
        self._delete(viewer_id, [other for other in before if other != session_id])

    def remove(self, viewer_id: str) -> None:
        self._delete(viewer_id, self._query_sessions(viewer_id))

    def count(self, session_id: str, most: int) -> int:
        """Counts the viewers of a screening, up to `most`. A count of a thousand costs 14 read units."""
        with outages_as_refusals("Query"):
            answer = self.client.query(
                TableName=self.table_name,
                KeyConditionExpression="session_id = :session",
                ExpressionAttributeValues={":session": text_value(session_id)},
                Select="COUNT",
                Limit=most,
            )
        return answer["Count"]

    def viewers_of(self, session_id: str) -> Sequence[str]:
        wanted = {
            "KeyConditionExpression": "session_id = :session",
            "ExpressionAttributeValues": {":session": text_value(session_id)},
            "ConsistentRead": True,
        }
        return [read_text(item, "viewer_id") for item in query_items(self.client, self.table_name, **wanted)]

    def _query_sessions(self, viewer_id: str) -> list[str]:
        """Reads the sessions that a connection watches, from an eventually consistent index.

        An item that is not in the index yet is left out. That item stays until a message finds the connection closed,
        or TTL deletes it.
        """
        wanted = {
            "IndexName": "by_viewer",
            "KeyConditionExpression": "viewer_id = :viewer",
            "ExpressionAttributeValues": {":viewer": text_value(viewer_id)},
        }
        return [read_text(item, "session_id") for item in query_items(self.client, self.table_name, **wanted)]

    def _delete(self, viewer_id: str, session_ids: Sequence[str]) -> None:
        for session_id in session_ids:
            with outages_as_refusals("DeleteItem"):
                self.client.delete_item(
                    TableName=self.table_name, Key=text_key(session_id=session_id, viewer_id=viewer_id)
                )
