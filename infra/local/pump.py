"""Feeds queues, streams and schedules to the handlers of app.py, in place of Lambda: `python -m infra.local.pump`.

It works as Lambda does:
- records come at least once;
- after a partial failure (`batchItemFailures`) only the failed records come again;
- a handler that raises fails its whole batch;
- a stream keeps its order. It retries from the first failed record, for hours, so that an outage costs time only.
Records that are given up end where Lambda would put them.
"""

import argparse
import base64
import logging
import re
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

import boto3
from botocore.config import Config as ClientConfig
from botocore.exceptions import BotoCoreError, ClientError
from chalice.app import Chalice, DynamoDBEventConfig, ScheduledEventConfig, SQSEventConfig
from chalice.local import LambdaContext
from mypy_boto3_dynamodb import DynamoDBClient
from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient
from mypy_boto3_sqs import SQSClient

from chalicelib import settings
from chalicelib.domain.ports import Clock
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.invoices import files as invoice_files
from chalicelib.infrastructure.streams.failures import TOO_OLD, S3StreamFailures, stream_write_time
from infra.cloud.functions import STREAMS_RETRY_FOR, TIMEOUT_SECONDS

logger = logging.getLogger("pump")

Record = dict[str, Any]
Handler = Callable[[Any, Any], Any]

IDLE_SECONDS = 0.2
TROUBLE_SECONDS = 2.0
QUIET_ROUNDS = 5
"""The number of turns without a record after which streams count as read: LocalStack shows a change some 30 ms after
its write. Fewer are enough for an emulator without that delay."""
STREAM_START_SECONDS = 15
REMEMBERED_RECORDS = 2000
RETRIED_FOR = STREAMS_RETRY_FOR
"""The age at which a failing record is given up, as in the deployed mappings."""
SQS_BATCH_LIMIT = 10
HANDLER_SECONDS = TIMEOUT_SECONDS
FROM_THE_START = "TRIM_HORIZON"
"""The position at which handlers start that must see every record of a stream. Handlers for viewers start at the
end."""
RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
UNIT_SECONDS = {"minute": 60, "hour": 3600, "day": 86400}
PATIENCE_SECONDS = 60
"""The longest wait for an answer. If a wait ends too early, the messages in the answer stay hidden for minutes."""
STALE_ITERATOR = {"ExpiredIteratorException", "TrimmedDataAccessException"}


class PumpError(Exception):
    """The pump can't go on. The message says why, and what to do."""


class Fed(NamedTuple):
    """The count of one turn: the records given to a handler, and how many of them it handled."""

    delivered: int
    handled: int

    def __add__(self, other: object) -> "Fed":
        return Fed(self.delivered + other.delivered, self.handled + other.handled) if isinstance(other, Fed) else self


NOTHING = Fed(0, 0)


class Failures(Protocol):
    """The store of failed batches."""

    def put(self, records: Sequence[Record], condition: str, reason: str) -> None: ...


class Source(Protocol):
    def feed(self) -> Fed:
        """Gives at most one batch (one per shard) to the handler. Does not wait for records."""


@dataclass(frozen=True, slots=True)
class Clients:
    sqs: SQSClient
    dynamodb: DynamoDBClient
    streams: DynamoDBStreamsClient


def clients() -> Clients:
    config = ClientConfig(connect_timeout=1, read_timeout=PATIENCE_SECONDS, retries={"total_max_attempts": 3})
    return Clients(
        boto3.client("sqs", config=config),
        boto3.client("dynamodb", config=config),
        boto3.client("dynamodbstreams", config=config),
    )


def call_handler(name: str, handler: Handler, records: Sequence[Record], ids: Sequence[str]) -> set[str]:
    """Calls the handler as Lambda does. `ids` has an id for each record; gives the ids of records to be delivered
    again."""
    context = LambdaContext(name, 1024, HANDLER_SECONDS * 1000)
    try:
        answer = handler({"Records": list(records)}, context)
    except Exception:
        logger.exception("%s raised: its whole batch of %d failed", name, len(records))
        return set(ids)
    return _reported_failures(name, answer, ids)


def _reported_failures(name: str, answer: object, ids: Sequence[str]) -> set[str]:
    """Reads a handler's answer as Lambda does: an empty or unknown identifier fails the whole batch."""
    reported = answer.get("batchItemFailures") if isinstance(answer, Mapping) else None
    if not reported:
        return set()
    failed = {item.get("itemIdentifier") for item in reported}
    if failed <= set(ids):
        logger.warning("%s could not handle %d of %d records", name, len(failed), len(ids))
        return failed
    logger.error("%s reported an unknown record: its whole batch of %d failed", name, len(ids))
    return set(ids)


# Queues


@dataclass(slots=True)
class QueueSource:
    """Feeds a queue's messages, and deletes those that were handled. SQS delivers the others again, and finally moves
    them to the DLQ."""

    name: str
    handler: Handler
    sqs: SQSClient
    url: str
    arn: str
    batch_size: int

    def feed(self) -> Fed:
        answer = self.sqs.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=min(self.batch_size, SQS_BATCH_LIMIT),
            WaitTimeSeconds=0,  # else the queue's own waiting time holds
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        messages = answer.get("Messages", [])
        if not messages:
            return NOTHING
        records = [self._record(message) for message in messages]
        failed = call_handler(self.name, self.handler, records, [record["messageId"] for record in records])
        done = [record for record in records if record["messageId"] not in failed]
        self._delete(done)
        return Fed(len(records), len(done))

    def _delete(self, records: Sequence[Record]) -> None:
        if not records:
            return
        entries = [{"Id": str(i), "ReceiptHandle": record["receiptHandle"]} for i, record in enumerate(records)]
        answer = self.sqs.delete_message_batch(QueueUrl=self.url, Entries=entries)  # type: ignore[arg-type] # wider dict
        for failure in answer.get("Failed", []):
            logger.error("%s: a handled message could not be deleted and comes again: %s", self.name, failure)

    def _record(self, message: Mapping[str, Any]) -> Record:
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": dict(message.get("Attributes", {})),
            "messageAttributes": {
                name: _message_attribute(value) for name, value in message.get("MessageAttributes", {}).items()
            },
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": self.arn,
            "awsRegion": self.arn.split(":")[3],
        }


def _message_attribute(value: Mapping[str, Any]) -> Record:
    lists: Record = {"stringListValues": [], "binaryListValues": [], "dataType": value["DataType"]}
    if "BinaryValue" in value:
        return lists | {"binaryValue": base64.b64encode(value["BinaryValue"]).decode("ascii")}
    return lists | {"stringValue": value.get("StringValue", "")}


def queue_source(name: str, handler: Handler, sqs: SQSClient, queue: str, batch_size: int) -> QueueSource:
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    return QueueSource(name, handler, sqs, url, attributes["QueueArn"], batch_size)


# Streams


@dataclass(slots=True)
class Shard:
    id: str
    iterator: str | None
    """The position from which to read on. None if the shard is closed and read to its end."""
    waiting: list[Record] = field(default_factory=list)
    """Records that are read, but not handled yet. A failed batch resumes at the first."""
    read: dict[str, None] = field(default_factory=dict)
    """The last sequence numbers read, in order. They show which records are repeated: LocalStack repeats those of a new
    shard."""
    failures: int = 0
    """The number of times that the first waiting record has failed."""

    def _take_new(self, records: Sequence[Record]) -> list[Record]:
        """Gives the records that were not read before, and remembers them as read."""
        new = {record["dynamodb"]["SequenceNumber"]: record for record in records}
        fresh = [record for number, record in new.items() if number not in self.read]
        self.read.update(dict.fromkeys(new))
        for forgotten in list(self.read)[:-REMEMBERED_RECORDS]:
            del self.read[forgotten]
        return fresh

    @property
    def is_finished(self) -> bool:
        return self.iterator is None and not self.waiting


@dataclass(slots=True)
class StreamSource:
    """Feeds a stream's records: every shard in order, parents before their children.

    A failed record is retried alone, so that no good record is given up with it. Lambda's `BisectBatchOnFunctionError`
    does the same in several steps. A record that is too old goes to `failures`. Without `failures` nothing is retried:
    changes for viewers are not worth showing later.
    """

    name: str
    handler: Handler
    streams: DynamoDBStreamsClient
    arn: str
    batch_size: int
    failures: Failures | None
    clock: Clock = utc_now
    shards: dict[str, Shard] = field(default_factory=dict)

    def feed(self) -> Fed:
        self._discover()
        return sum((self._feed_shard(shard) for shard in self.shards.values()), NOTHING)

    def skip(self) -> bool:
        """Drops the records that the stream has now. Tells whether there were any."""
        self._discover()
        for shard in self.shards.values():
            self._read(shard)
        skipped = any(shard.waiting for shard in self.shards.values())
        for shard in self.shards.values():
            shard.waiting, shard.failures = [], 0
        return skipped

    def _discover(self) -> None:
        """Adds new shards once their parents are finished. Removes shards that the stream no longer has."""
        if self.shards and not any(shard.is_finished for shard in self.shards.values()):
            return
        found = {shard["ShardId"]: shard for shard in self._describe()}
        for shard_id in self.shards.keys() - found.keys():
            if not self.shards[shard_id].waiting:
                del self.shards[shard_id]
        for shard_id, shard in found.items():
            parent = self.shards.get(shard.get("ParentShardId", ""))
            if shard_id not in self.shards and (parent is None or parent.is_finished):
                self.shards[shard_id] = Shard(shard_id, self._open_iterator(shard_id))

    def _describe(self) -> Iterable[Mapping[str, Any]]:
        """Lists the stream's shards, oldest first."""
        last: dict[str, Any] = {}
        while True:
            description = self.streams.describe_stream(StreamArn=self.arn, **last)["StreamDescription"]
            yield from description.get("Shards", [])
            if not description.get("LastEvaluatedShardId"):
                return
            last = {"ExclusiveStartShardId": description["LastEvaluatedShardId"]}

    def _open_iterator(self, shard_id: str) -> str:
        answer = self.streams.get_shard_iterator(StreamArn=self.arn, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON")
        return answer["ShardIterator"]

    def _feed_shard(self, shard: Shard) -> Fed:
        if not shard.waiting:
            self._read(shard)
        batch = shard.waiting[: 1 if shard.failures else self.batch_size]
        if not batch:
            return NOTHING
        numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
        failed = call_handler(self.name, self.handler, batch, numbers)
        handled = next((i for i, number in enumerate(numbers) if number in failed), len(batch))
        shard.failures = 0 if handled else shard.failures
        del shard.waiting[:handled]
        if failed and self.failures:
            self._note_failure(shard, self.failures, was_alone=len(batch) == 1)
        elif failed:
            del shard.waiting[: len(batch) - handled]
        return Fed(len(batch), handled)

    def _note_failure(self, shard: Shard, failures: Failures, *, was_alone: bool) -> None:
        """Counts the first record's failure. Moves it to `failures` if it failed alone and is too old."""
        shard.failures += 1
        record = shard.waiting[0]
        if was_alone and self.clock() - stream_write_time(record) >= RETRIED_FOR:
            failures.put([record], TOO_OLD, f"{self.name} failed {shard.failures} times")
            logger.error("%s is older than %s and PUT ASIDE by %s", record["eventID"], RETRIED_FOR, self.name)
            del shard.waiting[0]
            shard.failures = 0

    def _read(self, shard: Shard) -> None:
        if shard.iterator is None:
            return
        try:
            page = self.streams.get_records(ShardIterator=shard.iterator, Limit=max(self.batch_size, 100))
        except ClientError as error:
            if error.response["Error"]["Code"] not in STALE_ITERATOR:
                raise
            shard.iterator = self._renew_iterator(shard)
            return
        shard.iterator = page.get("NextShardIterator")
        shard.waiting = shard._take_new([stream_record(record, self.arn) for record in page["Records"]])

    def _renew_iterator(self, shard: Shard) -> str:
        """Gives an iterator for the record after the last one read. The old one expires while a laptop sleeps."""
        if not shard.read:
            return self._open_iterator(shard.id)
        try:
            answer = self.streams.get_shard_iterator(
                StreamArn=self.arn,
                ShardId=shard.id,
                ShardIteratorType="AFTER_SEQUENCE_NUMBER",
                SequenceNumber=list(shard.read)[-1],
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in STALE_ITERATOR:
                raise
            return self._open_iterator(shard.id)
        return answer["ShardIterator"]


def stream_record(record: Mapping[str, Any], arn: str) -> Record:
    """Makes the record that Lambda would give to a handler."""
    change = dict(record["dynamodb"])
    change["ApproximateCreationDateTime"] = int(change["ApproximateCreationDateTime"].timestamp())
    for image in ("Keys", "NewImage", "OldImage"):
        if image in change:
            change[image] = {name: _as_json(value) for name, value in change[image].items()}
    return {**record, "eventSource": "aws:dynamodb", "eventSourceARN": arn, "dynamodb": change}


def _as_json(value: Any) -> Any:
    """Gives the value as in Lambda's JSON: base64 where boto3 has bytes."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, Mapping):
        return {name: _as_json(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_as_json(inner) for inner in value]
    return value


def stream_source(
    name: str, handler: Handler, found: Clients, table: str, batch_size: int, failures: Failures | None, clock: Clock
) -> StreamSource:
    arn = found.dynamodb.describe_table(TableName=table)["Table"].get("LatestStreamArn")
    if arn is None:
        raise PumpError(f"Table {table} has no stream for {name}: deploy the data stack again.")
    _wait_for_stream(found.streams, arn)
    return StreamSource(name, handler, found.streams, arn, batch_size, failures, clock)


def _wait_for_stream(streams: DynamoDBStreamsClient, arn: str) -> None:
    """Waits until a new table's stream can be read: it is "enabling" for a moment. Raises PumpError."""
    deadline = time.monotonic() + STREAM_START_SECONDS
    while streams.describe_stream(StreamArn=arn)["StreamDescription"].get("StreamStatus") == "ENABLING":
        if time.monotonic() > deadline:
            raise PumpError(f"Stream {arn} was not ready in {STREAM_START_SECONDS} s: look at the emulator's log.")
        time.sleep(IDLE_SECONDS)


# Schedules


@dataclass(slots=True)
class ScheduleSource:
    """Calls a handler each time that `seconds` have passed. Does not make up for missed calls."""

    name: str
    handler: Handler
    seconds: int
    due: float = 0.0

    def __post_init__(self) -> None:
        self.due = time.monotonic() + self.seconds

    def feed(self) -> Fed:
        if time.monotonic() < self.due:
            return NOTHING
        self.due = time.monotonic() + self.seconds
        try:
            self.handler(self._event(), LambdaContext(self.name, 1024, HANDLER_SECONDS * 1000))
        except Exception:
            logger.exception("%s raised", self.name)
            return Fed(1, 0)
        return Fed(1, 1)

    def _event(self) -> Record:
        return {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": "000000000000",
            "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": "us-east-1",
            "resources": [f"arn:aws:events:us-east-1:000000000000:rule/{self.name}"],
            "detail": {},
        }


def schedule_source(name: str, handler: Handler, expression: object) -> ScheduleSource:
    text = expression if isinstance(expression, str) else expression.to_string()  # type: ignore[attr-defined]
    rate = RATE.fullmatch(text)
    if not rate:
        raise PumpError(f"{name}: the pump feeds rate(…) schedules only, not {text!r}; run it as a deployed function.")
    return ScheduleSource(name, handler, int(rate[1]) * UNIT_SECONDS[rate[2]])


# The pump


def stream_failures(clock: Clock) -> Failures:
    return S3StreamFailures(invoice_files.new_s3_client, settings.load().stream_failures_bucket, clock)


class Pump:
    """Feeds every event handler that `app` declares, streams from their oldest record on."""

    def __init__(
        self,
        app: Chalice,
        table_prefix: str,
        found: Clients | None = None,
        *,
        failures: Failures | None = None,
        clock: Clock = utc_now,
        quiet_rounds: int = QUIET_ROUNDS,
    ):
        self._app = app
        self._quiet_rounds = quiet_rounds
        self._table_prefix = table_prefix
        self._clients = found or clients()
        self._failures = failures or stream_failures(clock)
        self._clock = clock
        self.sources: list[Source] = [self._source(config) for config in app.event_sources]

    def _source(self, config: object) -> Source:
        match config:
            case SQSEventConfig():
                queue = config.queue or str(config.queue_arn).rsplit(":", 1)[-1]
                handler = self._app.handler_map[config.name]
                return queue_source(config.name, handler, self._clients.sqs, queue, config.batch_size)
            case DynamoDBEventConfig():
                handler = self._app.handler_map[config.name]
                table = self._table(config.stream_arn)
                failures = self._failures if config.starting_position == FROM_THE_START else None
                size = config.batch_size
                return stream_source(config.name, handler, self._clients, table, size, failures, self._clock)
            case ScheduledEventConfig():
                return schedule_source(config.name, self._app.handler_map[config.name], config.schedule_expression)
            case _:
                raise PumpError(f"The pump does not know how to feed {config!r}: teach it in infra/local/pump.py.")

    def _table(self, stream: str) -> str:
        """Names the table of a stream: `stream:<table>` or its ARN, …:table/<name>/stream/<label>."""
        scheme, _, table = stream.partition(":")
        return f"{self._table_prefix}-{table}" if scheme == "stream" else stream.split("/")[1]

    def feed(self) -> Fed:
        """Feeds every source once. Raises a source's error after the others had their turn."""
        fed, trouble = NOTHING, None
        for source in self.sources:
            try:
                fed += source.feed()
            except (BotoCoreError, ClientError) as error:
                trouble = trouble or error
        if trouble:
            raise trouble
        return fed

    def skip(self) -> None:
        """Skips all records that are in the streams now, so that only later records are fed."""
        streams = [source for source in self.sources if isinstance(source, StreamSource)]
        quiet_rounds = 0
        while quiet_rounds < self._quiet_rounds:
            skipped = [stream.skip() for stream in streams]
            quiet_rounds = 0 if any(skipped) else quiet_rounds + 1

    def drain(self, deadline_seconds: float = 60.0) -> int:
        """Feeds until streams are read and no message is visible. Gives the number of handled records.

        Does not wait for delayed or hidden messages. Raises PumpError when there is still work after the deadline.
        """
        deadline = time.monotonic() + deadline_seconds
        handled = quiet_rounds = 0
        while quiet_rounds < self._quiet_rounds:
            fed = self.feed()
            handled += fed.handled
            quiet_rounds = 0 if fed.delivered else quiet_rounds + 1
            if time.monotonic() > deadline:
                raise PumpError(f"Events were still arriving after {deadline_seconds} s; {handled} were handled.")
        return handled

    def run(self, stop: threading.Event) -> None:
        """Feeds until `stop` is set. Reports an emulator that does not answer, and tries again."""
        while not stop.is_set():
            try:
                fed = self.feed()
            except (BotoCoreError, ClientError) as error:
                logger.error("%s; trying again in %s s", error, TROUBLE_SECONDS)  # noqa: TRY400 - no traceback each 2 s
                stop.wait(TROUBLE_SECONDS)
            else:
                stop.wait(0 if fed.handled else IDLE_SECONDS)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m infra.local.pump", description="Feeds the event handlers of app.py."
    )
    parser.add_argument("--latest", action="store_true", help="only what happens from now on")
    options = parser.parse_args(arguments)
    logging.basicConfig(stream=sys.stdout, format="pump: %(message)s")
    logger.setLevel(logging.INFO)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    from app import app  # imported late: it reads the environment

    pump = Pump(app, settings.load().table_prefix)
    if options.latest:
        pump.skip()
    logger.info("feeding %s", ", ".join(config.name for config in app.event_sources))
    pump.run(stop)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except PumpError as refusal:
        sys.exit(str(refusal))
    except (BotoCoreError, ClientError) as refusal:
        sys.exit(f"The pump could not start: {refusal}. Is the emulator running, and is the data stack deployed?")
