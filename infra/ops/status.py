"""Shows the queues and tables of a stage at one look."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.ops.connection import Connection
from infra.ops.queues import Queue, Queues, read_queues, total_depth
from infra.ops.stream_failures import count_failure_files
from infra.ops.text import Answer, aligned, counted, format_duration, format_size

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

QUEUE_HEADINGS = ("QUEUE", "VISIBLE", "IN FLIGHT", "DELAYED", "OLDEST", "DEAD LETTERS")
TABLE_HEADINGS = ("TABLE", "ITEMS", "SIZE", "STREAM", "TTL", "STATE")
AGE_WINDOW = timedelta(minutes=10)
"""The period up to now for which metrics of message ages are read, because they arrive minutes late."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table. Its items and bytes are DynamoDB's own counts, which AWS renews every six hours."""

    name: str
    items: int
    bytes: int
    stream: str | None
    """The view type of its stream's records. None where it has no stream."""
    ttl: str | None
    """The attribute by which items expire; None where they don't."""
    state: str


def report_status(connection: Connection) -> Answer:
    """Shows queues and tables of the stage.

    Exit status 1 when there are dead letters or stream failures.
    """
    queues = read_queues(connection)
    tables = read_tables(connection)
    ages = _read_oldest_seconds(connection, list(queues))
    dead = total_depth(queues.dead_letter_queues)
    lost = _count_stream_failures(connection)
    data = {
        "stage": connection.stage,
        "endpoint": connection.where,
        "queues": [_queue_data(queues, queue, ages) for queue in queues],
        "tables": [asdict(table) for table in tables],
        "dead_letters": dead,
        "stream_failures": lost,
    }
    parts = [f"Stage {connection.stage} at {connection.where}", _queue_text(data), _table_text(tables)]
    texts = [*parts, _dead_letters_verdict(queues), *_stream_failures_verdict(connection, lost)]
    return Answer(data, "\n\n".join(texts), status=1 if dead or lost else 0)


def read_tables(connection: Connection) -> list[Table]:
    """Reads the stage's tables. Leaves the prefix out of their names."""
    client: DynamoDBClient = connection.client("dynamodb")
    names = [name for page in client.get_paginator("list_tables").paginate() for name in page["TableNames"]]
    return [_read_table(client, name, connection.prefix) for name in names if name.startswith(connection.prefix)]


def _read_table(client: "DynamoDBClient", name: str, prefix: str) -> Table:
    found = client.describe_table(TableName=name)["Table"]
    stream: Any = found.get("StreamSpecification", {})
    ttl: Any = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    return Table(
        name=name.removeprefix(prefix),
        items=found.get("ItemCount", 0),
        bytes=found.get("TableSizeBytes", 0),
        stream=stream.get("StreamViewType") if stream.get("StreamEnabled") else None,
        ttl=ttl["AttributeName"] if ttl.get("TimeToLiveStatus") in ("ENABLED", "ENABLING") else None,
        state=found["TableStatus"],
    )


def _read_oldest_seconds(connection: Connection, queues: Sequence[Queue]) -> dict[str, int]:
    """Reads the age of each queue's oldest message from CloudWatch, by the queue's name.

    Empty where CloudWatch does not answer or has no such metrics, as on emulators.
    """
    now = datetime.now(UTC)
    queries = [_age_query(f"q{i}", queue.name) for i, queue in enumerate(queues)]
    try:
        answer = connection.client("cloudwatch").get_metric_data(
            MetricDataQueries=queries, StartTime=now - AGE_WINDOW, EndTime=now, ScanBy="TimestampDescending"
        )
    except (BotoCoreError, ClientError):
        return {}
    newest = {result["Id"]: result["Values"][0] for result in answer["MetricDataResults"] if result["Values"]}
    return {queue.name: int(newest[f"q{i}"]) for i, queue in enumerate(queues) if f"q{i}" in newest}


def _age_query(query_id: str, queue: str) -> dict[str, Any]:
    metric = {
        "Namespace": "AWS/SQS",
        "MetricName": "ApproximateAgeOfOldestMessage",
        "Dimensions": [{"Name": "QueueName", "Value": queue}],
    }
    return {"Id": query_id, "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Maximum"}}


def _count_stream_failures(connection: Connection) -> int | None:
    """Counts the stream failures. Gives None when that fails, so that the rest of the status is shown."""
    try:
        return count_failure_files(connection)
    except (BotoCoreError, ClientError):
        return None


def _stream_failures_verdict(connection: Connection, lost: int | None) -> Iterator[str]:
    if lost:
        look = connection.command("replay", "stream-failures", "--look")
        yield f"{counted(lost, 'stream failure')}. Look at them:\n  {look}"


def _queue_data(queues: Queues, queue: Queue, ages: dict[str, int]) -> dict[str, Any]:
    dead_letters = queues.dead_letters_of(queue)
    return {
        "name": queue.short_name,
        "queue": queue.name,
        "visible": queue.visible,
        "in_flight": queue.in_flight,
        "delayed": queue.delayed,
        "oldest_seconds": ages.get(queue.name),
        "dead_letters": dead_letters.depth if dead_letters else None,
    }


def _queue_text(data: dict[str, Any]) -> str:
    return aligned(QUEUE_HEADINGS, [_queue_row(queue) for queue in data["queues"]])


def _queue_row(queue: dict[str, Any]) -> list[Any]:
    age = queue["oldest_seconds"]
    oldest = None if age is None else format_duration(age)
    return [queue["name"], queue["visible"], queue["in_flight"], queue["delayed"], oldest, queue["dead_letters"]]


def _table_text(tables: Sequence[Table]) -> str:
    rows = [
        [table.name, table.items, format_size(table.bytes), table.stream, table.ttl, table.state] for table in tables
    ]
    return aligned(TABLE_HEADINGS, rows)


def _dead_letters_verdict(queues: Queues) -> str:
    full = [queue for queue in queues.dead_letter_queues if queue.depth]
    if not full:
        return "No dead letters."
    looks = [f"  {queues.connection.command('dlq', 'show', queue.short_name)}" for queue in full]
    return "\n".join([f"{counted(total_depth(full), 'dead letter')}. Look at them:", *looks])
