"""Brings a table that was restored to an earlier moment forward again, by the changes in its stream.

    restore point         the damage              now
    ──────┼─── good changes ──┼─── damage, restore ──┼──►      --since the restore point, --until the damage
          item: a ─► b ─► c   │  ─► nothing ─► a     │         a is found, and c is written

A stream keeps 24 hours. An item that is none of those that its good changes went through is left alone, and named:
somebody has changed it since.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chalicelib.infrastructure.dynamodb.connection import ConditionFailed, Table
from infra.ops.connection import Connection, OpsError
from infra.ops.replay import Progress
from infra.ops.text import Answer, aligned, counted

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient

Item = dict[str, Any]
Image = Item | None
"""An item; None where there is none."""

ROLLED = ("rows", "reservations", "payments")
"""The tables whose streams have the items before and after each change."""
EMPTY_PAGES = 20
"""After so many empty pages in a row an open shard counts as read: DynamoDB gives some between pages with records."""


@dataclass
class Course:
    """What became of one item within the good changes: `images` begin with the one before the first change."""

    key: Item
    images: list[Image] = field(default_factory=list)

    def add(self, change: Mapping[str, Any]) -> None:
        if not self.images:
            self.images.append(change.get("OldImage"))
        self.images.append(change.get("NewImage"))


def roll_forward(
    connection: Connection, table: str, since: datetime, until: datetime, progress: Progress, *, sure: bool
) -> Answer:
    """Writes each item as its last change from `since` on, and before `until`, left it. Only counts unless `sure`.

    Exit status 1 when an item is left alone. Raises OpsError.
    """
    if table not in ROLLED:
        raise OpsError(f"Table {table!r} can't be brought forward: {', '.join(ROLLED)} have streams of whole items.")
    name = f"{connection.prefix}{table}"
    client: DynamoDBClient = connection.client("dynamodb")
    courses = _read_courses(connection, client, name, since, until, progress)
    done = Rolling(Table(client, name), sure)
    for course in courses:
        done(course)
    data = {"table": table, "changed": len(courses), "written": done.written, "left": done.left}
    counts = f"{counted(len(courses), 'item')} of {name} changed between these moments"
    if not sure:
        return Answer(data, f"{counts}; this would write {done.written} of them: say --yes to write.")
    parts = [f"{counts}: {done.written} written, {len(courses) - done.written - len(done.left)} stood as they must."]
    if done.left:
        parts.append(aligned(("LEFT ALONE, CHANGED SINCE",), [[one] for one in done.left]))
    return Answer(data, "\n\n".join(parts), status=1 if done.left else 0)


@dataclass
class Rolling:
    """Writes items forward, each on the condition that it still stands as it was found."""

    table: Table
    sure: bool
    written: int = 0
    left: list[str] = field(default_factory=list)

    def __call__(self, course: Course) -> None:
        stands, last = self.table.get(course.key), course.images[-1]
        if stands == last:
            return
        if stands not in course.images:
            self.left.append(_named(course.key))
            return
        try:
            if self.sure:
                self._write(course.key, stands, last)
            self.written += 1
        except ConditionFailed:
            self.left.append(_named(course.key))

    def _write(self, key: Item, stands: Image, last: Image) -> None:
        """Writes the last image. Raises ConditionFailed when the item no longer is the one that was found."""
        condition = _is_still(key, stands)
        if last is not None:
            self.table.put(last, **condition)
            return
        try:
            self.table.client.delete_item(TableName=self.table.name, Key=key, **condition)
        except self.table.client.exceptions.ConditionalCheckFailedException as error:
            raise ConditionFailed(None) from error


def _is_still(key: Item, stands: Image) -> Any:
    """Makes the condition that the item has all the attributes that were found, or is still missing."""
    if stands is None:
        return {
            "ConditionExpression": "attribute_not_exists(#key)",
            "ExpressionAttributeNames": {"#key": next(iter(key))},
        }
    names = {f"#a{number}": name for number, name in enumerate(stands)}
    values = {f":a{number}": value for number, value in enumerate(stands.values())}
    return {
        "ConditionExpression": " AND ".join(f"#a{number} = :a{number}" for number in range(len(stands))),
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
    }


def _named(key: Item) -> str:
    return " ".join(str(next(iter(value.values()))) for value in key.values())


# The stream.


def _read_courses(
    connection: Connection, client: "DynamoDBClient", table: str, since: datetime, until: datetime, progress: Progress
) -> list[Course]:
    """Reads the changes of these moments. The order of each item's own is the stream's. Raises OpsError."""
    arn = client.describe_table(TableName=table)["Table"].get("LatestStreamArn")
    if not arn:
        raise OpsError(f"Table {table} has no stream: restore it from a later moment, or {connection.deploy_command}.")
    courses: dict[str, Course] = {}
    read: dict[str, int] = defaultdict(int)
    streams: DynamoDBStreamsClient = connection.client("dynamodbstreams")
    for shard in _shards(streams, arn):
        for record in _records(streams, arn, shard):
            read[shard] += 1
            change: Any = record["dynamodb"]
            if since <= change["ApproximateCreationDateTime"] < until:
                key = change["Keys"]
                courses.setdefault(_named(key), Course(key)).add(change)
        progress(f"read {counted(sum(read.values()), 'record')} of {counted(len(read), 'shard')}")
    return list(courses.values())


def _shards(streams: "DynamoDBStreamsClient", arn: str) -> Sequence[str]:
    """Lists the stream's shards, parents before their children."""
    found, last = list[str](), dict[str, Any]()
    while True:
        description = streams.describe_stream(StreamArn=arn, **last)["StreamDescription"]
        found += [shard["ShardId"] for shard in description.get("Shards", [])]
        if not (following := description.get("LastEvaluatedShardId")):
            return found
        last = {"ExclusiveStartShardId": following}


def _records(streams: "DynamoDBStreamsClient", arn: str, shard: str) -> Iterator[Mapping[str, Any]]:
    asked = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    iterator: str | None = asked["ShardIterator"]
    empty = 0
    while iterator and empty < EMPTY_PAGES:
        page = streams.get_records(ShardIterator=iterator)
        yield from page["Records"]
        empty = 0 if page["Records"] else empty + 1
        iterator = page.get("NextShardIterator")
