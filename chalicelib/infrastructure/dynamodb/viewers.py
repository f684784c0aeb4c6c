"""Who looks at which screening, in DynamoDB: an item for each connection, found by screening and by connection."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib.domain.ports import Clock

from .connection import outages_as_refusals, queried
from .tables import ViewerItem

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LONGEST_CONNECTION = timedelta(hours=2)
"""API Gateway closes a WebSocket then. TTL deletes the viewers whose end it did not tell."""


@dataclass(frozen=True)
class DynamoViewers:
    client: "DynamoDBClient"
    table_name: str
    clock: Clock

    def add(self, viewer_id: str, session_id: str) -> None:
        before = self._watched_by(viewer_id)
        ends_at = int((self.clock() + LONGEST_CONNECTION).timestamp())
        with outages_as_refusals("PutItem"):
            self.client.put_item(
                TableName=self.table_name, Item=ViewerItem(session_id, viewer_id, ttl=ends_at).serialize()
            )
        self._delete(viewer_id, [watched for watched in before if watched != session_id])

    def remove(self, viewer_id: str) -> None:
        self._delete(viewer_id, self._watched_by(viewer_id))

    def viewers_of(self, session_id: str) -> Sequence[str]:
        wanted = {
            "KeyConditionExpression": "session_id = :session",
            "ExpressionAttributeValues": {":session": {"S": session_id}},
            "ConsistentRead": True,
        }
        return [item["viewer_id"]["S"] for item in queried(self.client, self.table_name, **wanted)]

    def _watched_by(self, viewer_id: str) -> list[str]:
        """The index follows the table by some milliseconds. What is missed here is found gone when it is sent to."""
        wanted = {
            "IndexName": "by_viewer",
            "KeyConditionExpression": "viewer_id = :viewer",
            "ExpressionAttributeValues": {":viewer": {"S": viewer_id}},
        }
        return [item["session_id"]["S"] for item in queried(self.client, self.table_name, **wanted)]

    def _delete(self, viewer_id: str, session_ids: Sequence[str]) -> None:
        for session_id in session_ids:
            with outages_as_refusals("DeleteItem"):
                self.client.delete_item(
                    TableName=self.table_name, Key={"session_id": {"S": session_id}, "viewer_id": {"S": viewer_id}}
                )
