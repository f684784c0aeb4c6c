"""A screening's numbers in DynamoDB: one item for each five minutes and shard, to which events add.

    session_id   bucket                  counters
    550e8400-…   07#1708023600000        holds 3, seats_in_holds 5, sales 1, …
                 └ shard  └ beginning of the five minutes, in ms

An event is one transaction of two items, its entry among the processed events and one counter item: 4 write units. Days
and totals are sums of five minutes, made on reading, so they cost nothing on writing.
"""

import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chalicelib.domain.analytics import COUNTERS, EMPTY_TALLY, Tally
from chalicelib.domain.times import from_ms, to_ms
from chalicelib.infrastructure.dynamodb.connection import query_items
from chalicelib.infrastructure.dynamodb.values import (
    Item,
    number_value,
    read_required_number,
    read_text,
    text_key,
    text_value,
)

from .processed_events import DynamoProcessedEvents

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SHARDS = 64
"""The number of counter items that share the events of the same five minutes. There are several, because two
transactions on one item at the same moment make each other fail. With 1,000 holds and 1,000 sales a second, each of 64
items is written 31 times a second; a single item would be written 2,000 times.

All items of a screening have one partition key. Until DynamoDB splits it, this key can take at most 1,000 write units a
second: enough for 500 events, of two units each. The shard stands first in the sort key, so that a split spreads the
load. Throttled events wait in their queue: when 2,000 seats are sold in two seconds, their 4,000 events are counted
some ten seconds later."""


@dataclass(frozen=True)
class DynamoAnalytics:
    """The counters of each screening's events, for every five minutes.

    `page_items` limits the items of one page of a Query; None leaves it to DynamoDB, which stops at 1 MB.
    """

    client: "DynamoDBClient"
    table_name: str
    processed_events: DynamoProcessedEvents
    page_items: int | None = None

    def add_tally_once(self, event_id: str, session_id: str, bucket: datetime, tally: Tally) -> bool:
        added = {name: getattr(tally, name) for name in COUNTERS if getattr(tally, name)}
        counters = {
            "TableName": self.table_name,
            "Key": text_key(session_id=session_id, bucket=counter_sort_key(shard_of(event_id), bucket)),
            "UpdateExpression": f"ADD {', '.join(f'{name} :{name}' for name in added)}",
            "ExpressionAttributeValues": {f":{name}": number_value(number) for name, number in added.items()},
        }
        return self.processed_events.add_with_effects(event_id, [{"Update": counters}])

    def read_tallies_by_bucket(self, session_id: str) -> Mapping[datetime, Tally]:
        buckets: dict[datetime, Tally] = defaultdict(lambda: EMPTY_TALLY)
        for item in self._query_counters(session_id):
            buckets[_bucket_in(read_text(item, "bucket"))] += tally_from_item(item)
        return dict(buckets)

    def _query_counters(self, session_id: str) -> Iterator[Item]:
        request: dict[str, Any] = {
            "KeyConditionExpression": "session_id = :session",
            "ExpressionAttributeValues": {":session": text_value(session_id)},
            "ConsistentRead": True,
        }
        if self.page_items:
            request["Limit"] = self.page_items
        return query_items(self.client, self.table_name, **request)


def shard_of(event_id: str) -> int:
    """Gives the number of the shard that counts the event.

    The number is made from the CRC-32 of the id. Python's `hash` would give another number in each process.
    """
    return zlib.crc32(event_id.encode()) % SHARDS


def tally_from_item(item: Item) -> Tally:
    return Tally(**{name: read_required_number(item, name) for name in COUNTERS if name in item})


def counter_sort_key(shard: int, bucket: datetime) -> str:
    """Gives the sort key of a counter item: 07#1708023600000."""
    return f"{shard:02}#{to_ms(bucket):013}"


def _bucket_in(counter_sort_key: str) -> datetime:
    return from_ms(int(counter_sort_key.partition("#")[2]))
