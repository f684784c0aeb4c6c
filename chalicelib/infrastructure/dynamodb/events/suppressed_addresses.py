"""The addresses that must not be written to, in DynamoDB. They are kept as keyed hashes: nobody can read them there."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from chalicelib.domain.times import to_iso
from chalicelib.infrastructure.dynamodb.connection import Table, outages_as_refusals
from chalicelib.infrastructure.dynamodb.values import Item, text_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True)
class DynamoSuppressedAddresses:
    """The suppressed email addresses in a table, as keyed hashes that `hash_address` makes.

    After a change of the hash's secret, no stored address is found any more.
    """

    client: "DynamoDBClient"
    table_name: str
    hash_address: Callable[[str], str]

    def add(self, address: str, reason: str, since: datetime) -> None:
        Table(self.client, self.table_name).put({**self._key(address), **text_key(reason=reason, since=to_iso(since))})

    def contains(self, address: str) -> bool:
        return Table(self.client, self.table_name).get(self._key(address)) is not None

    def remove(self, address: str) -> bool:
        with outages_as_refusals("DeleteItem"):
            answer = self.client.delete_item(TableName=self.table_name, Key=self._key(address), ReturnValues="ALL_OLD")
        return "Attributes" in answer

    def _key(self, address: str) -> Item:
        return text_key(id=self.hash_address(address))
