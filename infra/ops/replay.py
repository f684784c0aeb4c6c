"""Events sent again: batches that a stream's handler gave up on, and a screening's events for one consumer.

stream-failures   message ──► its records, from the stream ──► the handler that gave up, in this process ──► deleted
events            audit log ──► one consumer's queue
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.application.relay import ROUTES
from chalicelib.domain.events import Event
from chalicelib.domain.ports import Outgoing
from chalicelib.domain.refusals import SessionNotFound, StoreUnavailable
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.dead_letters import give_back, receive
from chalicelib.infrastructure.queues import QueueUrls, SqsOutbox
from infra.ops.connection import Connection, OpsError
from infra.ops.queues import Queue, queues_of
from infra.ops.rebuild import Screening
from infra.ops.text import Answer, aligned, counted
from infra.pump import failed_ids, stream_record

if TYPE_CHECKING:
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient

STREAM_FAILURES = "stream-failures"
GONE = {"TrimmedDataAccessException", "ResourceNotFoundException", "ExpiredIteratorException"}
"""The records, or their whole shard, are older than the 24 hours that a stream keeps them."""

PAGE_RECORDS = 100
MOST_EMPTY_PAGES = 200
"""A shard that is still open has no last page: so many without a record mean that there is none further on."""

SENT_TOGETHER = 100
HEADINGS = ("MESSAGE", "HANDLER", "RECORDS", "REPLAYED", "OUTCOME")

Progress = Callable[[str], None]
Handler = Callable[[Any, Any], Any]


# Stream failures


@dataclass(frozen=True, slots=True)
class LostBatch:
    """As Lambda describes a batch that a function gave up on. It names the records, it does not hold them."""

    function: str
    stream: str
    shard: str
    first: str
    last: str
    size: int


@dataclass(frozen=True, slots=True)
class Outcome:
    message: str
    handler: str
    records: int
    replayed: int
    outcome: str
    done: bool = False
    gone: int = 0
    """Records that the stream has no more."""


def lost_batch(body: str) -> LostBatch:
    """Raises ValueError when it is no such description."""
    try:
        message = json.loads(body)
        batch, context = message["DDBStreamBatchInfo"], message["requestContext"]
        return LostBatch(
            function=str(context["functionArn"]).partition(":function:")[2].partition(":")[0],
            stream=str(batch["streamArn"]),
            shard=str(batch["shardId"]),
            first=_sequence_number(batch["startSequenceNumber"]),
            last=_sequence_number(batch["endSequenceNumber"]),
            size=int(batch["batchSize"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"it describes no batch of a stream: {error!r}") from error


def _sequence_number(text: object) -> str:
    """As it came: DynamoDB pads some with zeros."""
    if not (isinstance(text, str) and text.isdecimal()):
        raise ValueError(f"{text!r} is no sequence number")
    return text


def stream_failures(connection: Connection, limit: int | None, progress: Progress) -> Answer:
    """Exit status 1 when a batch could not be replayed whole. Its message stays; one that was is deleted."""
    queue = queues_of(connection).dead_letter_queue(STREAM_FAILURES)
    most = queue.visible if limit is None else min(limit, queue.visible)
    replay = Replay.of(connection, queue)
    outcomes: list[Outcome] = []
    messages: list[Any] = []
    try:
        while len(outcomes) < most and (batch := receive(replay.sqs, queue.url, most - len(outcomes))):
            messages += batch
            for message in batch:
                outcomes.append(replay(message))
                progress(f"replayed {len(outcomes)} of {counted(most, 'batch').replace('batchs', 'batches')}")
    finally:
        give_back(replay.sqs, queue.url, [m for m in messages if m["MessageId"] not in _done(outcomes)])
    return _told(connection, outcomes)


def _done(outcomes: Sequence[Outcome]) -> set[str]:
    return {one.message for one in outcomes if one.done}


def _told(connection: Connection, outcomes: Sequence[Outcome]) -> Answer:
    data = {"replayed": len(_done(outcomes)), "left": len(outcomes) - len(_done(outcomes))}
    data_with_all = {**data, "batches": [asdict(one) for one in outcomes]}
    if not outcomes:
        return Answer(data_with_all, "There are no stream failures to replay.")
    rows = [[one.message, one.handler, one.records, one.replayed, one.outcome] for one in outcomes]
    parts = [aligned(HEADINGS, rows), *_what_to_do(connection, outcomes)]
    return Answer(data_with_all, "\n\n".join(parts), status=1 if data["left"] else 0)


def _what_to_do(connection: Connection, outcomes: Sequence[Outcome]) -> Iterator[str]:
    if any(not one.done and not one.gone for one in outcomes):
        yield "What failed again stays: repair the cause and run the command again."
    if any(one.gone for one in outcomes):
        look = connection.command("rebuild", "SESSION")
        purge = connection.command("dlq", "purge", STREAM_FAILURES, "--yes")
        yield (
            "Of records that are gone the facts are in the tables and the events nowhere. What the log lacks of a "
            f"screening is named by `{look}`; once that is noted, `{purge}` deletes what is left here."
        )


@dataclass(frozen=True)
class Replay:
    """Replays one message after the other through the application's own handlers."""

    connection: Connection
    queue: Queue
    sqs: Any
    streams: "DynamoDBStreamsClient"
    handlers: Mapping[str, Handler]
    """Of the streams, by the name that they have on Lambda: OnRowChanged."""

    @classmethod
    def of(cls, connection: Connection, queue: Queue) -> "Replay":
        streams = connection.client("dynamodbstreams")
        return cls(connection, queue, connection.client("sqs"), streams, handlers_of(connection))

    def __call__(self, message: Mapping[str, Any]) -> Outcome:
        unread = Outcome(message["MessageId"], "-", 0, 0, "")
        try:
            batch = lost_batch(message["Body"])
        except ValueError as error:
            return replace(unread, outcome=str(error))
        outcome = replace(unread, records=batch.size)
        name = next((name for name in self.handlers if f"-{name}-" in f"-{batch.function}-"), None)
        if name is None:
            return replace(outcome, outcome=f"function {batch.function!r} is none of this stage's stream handlers")
        outcome, handler = replace(outcome, handler=name), self.handlers[name]
        try:
            outcome = self._replayed(batch, outcome, name, handler)
        except (BotoCoreError, ClientError) as error:
            return replace(outcome, outcome=f"failed: {error}")
        if outcome.done:
            self.sqs.delete_message(QueueUrl=self.queue.url, ReceiptHandle=message["ReceiptHandle"])
        return outcome

    def _replayed(self, batch: LostBatch, outcome: Outcome, name: str, handler: Handler) -> Outcome:
        records = list(records_of(self.streams, batch))
        handled = 0
        for start in range(0, len(records), PAGE_RECORDS):
            some = records[start : start + PAGE_RECORDS]
            numbers = [record["dynamodb"]["SequenceNumber"] for record in some]
            failed = failed_ids(name, handler, some, numbers)
            handled += next((i for i, number in enumerate(numbers) if number in failed), len(some))
            if failed:
                return replace(outcome, replayed=handled, outcome="its handler failed again and logged why")
        gone = max(batch.size - len(records), 0)
        text = f"{counted(gone, 'record')} gone: older than 24 hours" if gone else "replayed"
        return replace(outcome, replayed=handled, outcome=text, done=not gone, gone=gone)


def records_of(streams: "DynamoDBStreamsClient", batch: LostBatch) -> Iterator[dict[str, Any]]:
    """Those that the stream still has, as a handler is given them."""
    try:
        iterator: str | None = _iterator(streams, batch)
    except ClientError as error:
        if _code(error) not in GONE:
            raise
        return
    empty = 0
    while iterator and empty < MOST_EMPTY_PAGES:
        page = streams.get_records(ShardIterator=iterator, Limit=PAGE_RECORDS)
        for record in page["Records"]:
            number = int(record["dynamodb"]["SequenceNumber"])
            if number > int(batch.last):
                return
            if number >= int(batch.first):
                yield stream_record(record, batch.stream)
            if number == int(batch.last):
                return
        empty = 0 if page["Records"] else empty + 1
        iterator = page.get("NextShardIterator")


def _iterator(streams: "DynamoDBStreamsClient", batch: LostBatch) -> str:
    """At its first record; where that one is gone already, at the oldest that is left."""
    place = {"StreamArn": batch.stream, "ShardId": batch.shard}
    try:
        at_first = {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "SequenceNumber": batch.first}
        return streams.get_shard_iterator(**place, **at_first)["ShardIterator"]  # type: ignore[arg-type]
    except ClientError as error:
        if _code(error) != "TrimmedDataAccessException":
            raise
    return streams.get_shard_iterator(**place, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]


def _code(error: ClientError) -> str:
    return error.response["Error"]["Code"]


def handlers_of(connection: Connection) -> dict[str, Handler]:
    """The application's own, imported for this stage and endpoint, with the operator's rights."""
    _become(connection)
    with redirect_stdout(sys.stderr):  # where its logs go: stdout stays the answer
        from app import app
    from chalice.app import DynamoDBEventConfig

    from chalicelib import bootstrap

    prefix = bootstrap.settings().table_prefix
    if f"{prefix}-" != connection.prefix:
        raise OpsError(f"TABLE_PREFIX says {prefix!r}, which is not stage {connection.stage!r}: unset it.")
    configs = [config for config in app.event_sources if isinstance(config, DynamoDBEventConfig)]
    return {config.name.title().replace("_", ""): app.handler_map[config.name] for config in configs}


def _become(connection: Connection) -> None:
    """Sets what the application reads, unless it is set: relaying derives no id, so any secret will do."""
    os.environ.update({"STAGE": connection.stage, "TABLE_PREFIX": connection.prefix.removesuffix("-")})
    os.environ.setdefault("ID_SECRET", "unused: a relay derives no id")
    if connection.endpoint:
        os.environ["AWS_ENDPOINT_URL"] = connection.endpoint
        credentials: Any = connection.session.get_credentials()
        os.environ.setdefault("AWS_ACCESS_KEY_ID", credentials.access_key)
        os.environ.setdefault("AWS_SECRET_ACCESS_KEY", credentials.secret_key)
        os.environ.setdefault("AWS_DEFAULT_REGION", connection.session.region_name or "us-east-1")


# Events


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events: of these types (all when there is none), from a moment on, before another."""

    types: frozenset[str] = frozenset()
    from_: datetime | None = None
    until: datetime | None = None

    def __contains__(self, event: Event) -> bool:
        in_time = (self.from_ is None or event.occurred_at >= self.from_) and (
            self.until is None or event.occurred_at < self.until
        )
        return in_time and (not self.types or event.type in self.types)


def consumers() -> list[str]:
    return sorted({consumer for queues in ROUTES.values() for consumer in queues})


def events(
    connection: Connection, session_id: str, consumer: str, wanted: Wanted, progress: Progress, *, sure: bool
) -> Answer:
    """Says how many there are, and sends them when `sure`. Raises OpsError."""
    if consumer not in consumers():
        raise OpsError(f"No consumer is named {consumer!r}: there are {', '.join(consumers())}.")
    found = [e for e in _events_of(connection, session_id) if e in wanted and consumer in ROUTES[e.type]]
    data = {"session": session_id, "consumer": consumer, "events": len(found), "sent": len(found) if sure else 0}
    told = f"{counted(len(found), 'event')} of {session_id}"
    if not sure:
        return Answer(data, f"This would send {told} to {consumer}: say --yes to send.")
    _send(connection, consumer, found, progress)
    return Answer(data, f"Sent {told} to {consumer}, which tolerates those that it knows.")


def _events_of(connection: Connection, session_id: str) -> list[Event]:
    try:
        return Screening.of(connection, session_id).events()
    except SessionNotFound as refusal:
        raise OpsError(f"There is no screening {session_id!r} at {connection.where}: correct its id.") from refusal
    except StoreUnavailable as refusal:
        raise OpsError(
            f"{connection.where} did not answer ({refusal.operation}): run it again once it does."
        ) from refusal


def _send(connection: Connection, consumer: str, found: Sequence[Event], progress: Progress) -> None:
    sqs = connection.client("sqs")
    outbox = SqsOutbox(sqs, connection.prefix.removesuffix("-"), QueueUrls(sqs))
    for start in range(0, len(found), SENT_TOGETHER):
        some = [Outgoing(consumer, event) for event in found[start : start + SENT_TOGETHER]]
        if unsent := outbox.send(some, utc_now()):
            sent = start + len(some) - len(unsent)
            raise OpsError(
                f"Sent {sent} of {counted(len(found), 'event')}; {consumer} did not take the others now: "
                "run the command again, every consumer tolerates an event twice."
            )
        progress(f"sent {start + len(some)} of {len(found)}")
