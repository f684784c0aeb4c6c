"""A stage's tables, read and changed item by item."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.domain.people.person import Person
from chalicelib.domain.reservations import PREFIX
from chalicelib.infrastructure.dynamodb.connection import ConditionFailed, Table, outages_as_refusals, query_items
from chalicelib.infrastructure.dynamodb.values import Item, Value
from chalicelib.infrastructure.ids import buyer_partition_of_user

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True)
class StageTables:
    """The tables whose names begin with the prefix."""

    client: "DynamoDBClient"
    prefix: str

    def table(self, name: str) -> Table:
        return Table(self.client, f"{self.prefix}{name}")

    def query(self, name: str, condition: str, values: Mapping[str, Value]) -> Iterator[Item]:
        """Reads a partition consistently. Raises BackendUnavailable."""
        wanted = {"KeyConditionExpression": condition, "ExpressionAttributeValues": values, "ConsistentRead": True}
        return query_items(self.client, f"{self.prefix}{name}", **wanted)

    def scan(self, name: str, condition: str, values: Mapping[str, Value], **request: Any) -> Iterator[Item]:
        """Reads a whole table consistently, and gives the items that fit. Raises BackendUnavailable."""
        pages = self.client.get_paginator("scan").paginate(
            TableName=f"{self.prefix}{name}",
            FilterExpression=condition,
            ExpressionAttributeValues=values,
            ConsistentRead=True,
            **request,
        )
        with outages_as_refusals("Scan"):
            for page in pages:
                yield from page["Items"]

    def update(self, name: str, key: Item, **request: Any) -> int:
        """Changes an item if its condition holds. Gives 1; or 0, if it does not. Raises BackendUnavailable."""
        try:
            self.table(name).update(key, **request)
        except ConditionFailed:
            return 0
        return 1

    def delete(self, name: str, key: Item, **request: Any) -> int:
        """Deletes an item if its condition holds. Gives 1; or 0, if it does not. Raises BackendUnavailable."""
        try:
            with outages_as_refusals("DeleteItem"):
                self.client.delete_item(TableName=f"{self.prefix}{name}", Key=key, **request)
        except self.client.exceptions.ConditionalCheckFailedException:
            return 0
        return 1


def ids_of(person: Person) -> str:
    """Gives the beginning of the ids of all reservations of the person."""
    return f"{PREFIX}{buyer_partition_of_user(person.user_id)}"
