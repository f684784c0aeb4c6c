"""The pump keeps Lambda's promises, on a real queue and a real stream of the emulator."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import EndpointConnectionError
from chalice.app import Chalice, DynamoDBEvent, SQSEvent

from chalicelib.domain.ports import Clock
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.streams.failures import TOO_OLD
from infra.local.pump import RETRIED_FOR, Clients, Fed, Pump, PumpError, Record, clients
from tests.fakes import MovableClock

RECEIVES_BEFORE_DLQ = 5
A_SECOND = timedelta(seconds=1)
"""A stream gives a record's moment in whole seconds, which may be the one after a test began."""


@pytest.fixture
def aws(emulator: str) -> Iterator[Clients]:
    with ExitStack() as stack:
        found = clients()
        for client in (found.sqs, found.dynamodb, found.streams):
            stack.enter_context(closing(client))
        yield found


@dataclass(frozen=True)
class Queue:
    name: str
    url: str
    dlq_url: str


@pytest.fixture
def queue(aws: Clients) -> Queue:
    """Makes a queue whose messages are visible again at once, so that a failure comes back without waiting."""
    name = f"pump-{uuid4().hex}"
    dlq_url = aws.sqs.create_queue(QueueName=f"{name}-dlq")["QueueUrl"]
    dlq = aws.sqs.get_queue_attributes(QueueUrl=dlq_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = f'{{"deadLetterTargetArn": "{dlq}", "maxReceiveCount": "{RECEIVES_BEFORE_DLQ}"}}'
    attributes: Any = {"VisibilityTimeout": "0", "RedrivePolicy": redrive}
    return Queue(name, aws.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"], dlq_url)


@pytest.fixture(scope="module")
def stream_table(emulator: str) -> Iterator[str]:
    """Makes one table for all tests, and deletes it: LocalStack has room for 100 streams."""
    name = f"pump-{uuid4().hex}"
    with closing(clients().dynamodb) as dynamodb:
        dynamodb.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
        yield name
        dynamodb.delete_table(TableName=name)


@pytest.fixture
def table(aws: Clients, stream_table: str) -> str:
    """Empties the table: putting an item again would be another kind of change."""
    items = aws.dynamodb.scan(TableName=stream_table)["Items"]
    for item in items:
        aws.dynamodb.delete_item(TableName=stream_table, Key={"id": item["id"]})
    return stream_table


def queue_pump(aws: Clients, queue: Queue, handler: Callable[[list[Record]], Any]) -> Pump:
    app = Chalice("pump-test", configure_logs=False)

    @app.on_sqs_message(queue=queue.name, batch_size=10)
    def on_message(event: SQSEvent) -> Any:
        return handler(event.to_dict()["Records"])

    return Pump(app, "unused", found=aws)


@dataclass
class Aside:
    """Keeps the records that were given up, with the condition; broken, it takes nothing."""

    broken: bool = False
    put_aside: list[tuple[list[str], str]] = field(default_factory=list)

    def put(self, records: Sequence[Record], condition: str, reason: str) -> None:
        if self.broken:
            raise EndpointConnectionError(endpoint_url="https://s3")
        self.put_aside.append((item_ids(list(records)), condition))


def stream_pump(
    aws: Clients,
    table: str,
    handler: Callable[[list[Record]], Any],
    batch_size: int = 100,
    *,
    aside: Aside | None = None,
    clock: Clock = utc_now,
    start: str = "TRIM_HORIZON",
) -> Pump:
    app = Chalice("pump-test", configure_logs=False)
    prefix, _, name = table.partition("-")

    @app.on_dynamodb_record(stream_arn=f"stream:{name}", batch_size=batch_size, starting_position=start)
    def on_change(event: DynamoDBEvent) -> Any:
        return handler(event.to_dict()["Records"])

    pump = Pump(app, prefix, found=aws, failures=aside, clock=clock)
    pump.skip()
    return pump


def put(aws: Clients, table: str, *ids: str) -> None:
    """Puts the items in one call: LocalStack puts the changes of several calls on the stream in any order."""
    items: Any = [{"PutRequest": {"Item": {"id": {"S": item_id}, "blob": {"B": b"\x00\xff"}}}} for item_id in ids]
    aws.dynamodb.batch_write_item(RequestItems={table: items})


def send(aws: Clients, queue: Queue, *bodies: str) -> None:
    for body in bodies:
        aws.sqs.send_message(QueueUrl=queue.url, MessageBody=body)


def failures(records: list[Record]) -> dict[str, Any]:
    identifiers = [record.get("messageId") or record["dynamodb"]["SequenceNumber"] for record in records]
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in identifiers]}


def item_ids(records: list[Record]) -> list[str]:
    return [record["dynamodb"]["Keys"]["id"]["S"] for record in records]


def bodies_in(aws: Clients, url: str) -> list[str]:
    answer = aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    return sorted(message["Body"] for message in answer.get("Messages", []))


def test_what_a_handler_accepts_leaves_the_queue(aws: Clients, queue: Queue) -> None:
    seen: list[Record] = []
    pump = queue_pump(aws, queue, lambda records: seen.extend(records))
    send(aws, queue, "one", "two")

    assert pump.drain() == 2

    assert sorted(record["body"] for record in seen) == ["one", "two"]
    assert {record["eventSource"] for record in seen} == {"aws:sqs"}
    assert {record["attributes"]["ApproximateReceiveCount"] for record in seen} == {"1"}
    assert bodies_in(aws, queue.url) == []


def test_a_message_attribute_arrives_in_lambdas_shape(aws: Clients, queue: Queue) -> None:
    seen: list[Record] = []
    pump = queue_pump(aws, queue, lambda records: seen.extend(records))
    attributes: Any = {"trace": {"DataType": "String", "StringValue": "abc"}}
    aws.sqs.send_message(QueueUrl=queue.url, MessageBody="x", MessageAttributes=attributes)

    pump.drain()

    assert seen[0]["messageAttributes"]["trace"]["stringValue"] == "abc"
    assert seen[0]["messageAttributes"]["trace"]["dataType"] == "String"


def test_only_the_reported_message_comes_again(aws: Clients, queue: Queue) -> None:
    seen: list[str] = []

    def refuse_bad_once(records: list[Record]) -> Any:
        bad = [record for record in records if record["body"] == "bad" and "bad" not in seen]
        seen.extend(record["body"] for record in records)
        return failures(bad)

    pump = queue_pump(aws, queue, refuse_bad_once)
    send(aws, queue, "good", "bad", "fine")

    assert pump.drain() == 3

    assert sorted(seen) == ["bad", "bad", "fine", "good"]


def test_a_handler_that_raises_fails_its_whole_batch(aws: Clients, queue: Queue) -> None:
    calls: list[int] = []

    def raise_first(records: list[Record]) -> None:
        calls.append(len(records))
        if len(calls) == 1:
            raise RuntimeError("out of order")

    pump = queue_pump(aws, queue, raise_first)
    send(aws, queue, "one")

    assert pump.drain() == 1

    assert calls == [1, 1]


def test_an_unknown_identifier_fails_the_whole_batch(aws: Clients, queue: Queue) -> None:
    calls: list[int] = []

    def confuse_first(records: list[Record]) -> Any:
        calls.append(len(records))
        return {"batchItemFailures": [{"itemIdentifier": "nobody"}]} if len(calls) == 1 else None

    pump = queue_pump(aws, queue, confuse_first)
    send(aws, queue, "one")

    assert pump.drain() == 1

    assert calls == [1, 1]


def test_poison_reaches_the_dead_letter_queue_after_five_receives(aws: Clients, queue: Queue) -> None:
    received: list[str] = []

    def refuse_poison(records: list[Record]) -> Any:
        received.extend(record["body"] for record in records)
        return failures([record for record in records if record["body"] == "poison"])

    pump = queue_pump(aws, queue, refuse_poison)
    send(aws, queue, "poison", "good")

    assert pump.drain() == 1

    assert received.count("poison") == RECEIVES_BEFORE_DLQ
    assert received.count("good") == 1
    assert bodies_in(aws, queue.dlq_url) == ["poison"]


def test_a_stream_arrives_in_order_and_in_lambdas_shape(aws: Clients, table: str) -> None:
    seen: list[Record] = []
    pump = stream_pump(aws, table, lambda records: seen.extend(records))
    put(aws, table, "one", "two", "three")

    assert pump.drain() == 3

    assert item_ids(seen) == ["one", "two", "three"]
    assert {record["eventName"] for record in seen} == {"INSERT"}
    assert seen[0]["dynamodb"]["NewImage"]["blob"] == {"B": "AP8="}
    assert isinstance(seen[0]["dynamodb"]["ApproximateCreationDateTime"], int)
    assert f"table/{table}/stream/" in seen[0]["eventSourceARN"]


def test_a_deletion_arrives_with_what_was_deleted(aws: Clients, table: str) -> None:
    seen: list[Record] = []
    pump = stream_pump(aws, table, lambda records: seen.extend(records))
    put(aws, table, "one")
    pump.drain()
    aws.dynamodb.delete_item(TableName=table, Key={"id": {"S": "one"}})

    assert pump.drain() == 1

    assert seen[-1]["eventName"] == "REMOVE"
    assert seen[-1]["dynamodb"]["OldImage"]["id"] == {"S": "one"}


def test_a_stream_resumes_at_the_first_record_that_failed(aws: Clients, table: str) -> None:
    batches: list[list[str]] = []

    def refuse_two_once(records: list[Record]) -> Any:
        seen_before = any("two" in batch for batch in batches)
        batches.append(item_ids(records))
        return failures([] if seen_before else [record for record in records if item_ids([record]) == ["two"]])

    pump = stream_pump(aws, table, refuse_two_once)
    put(aws, table, "one", "two", "three")

    assert pump.drain() == 3

    assert batches == [["one", "two", "three"], ["two"], ["three"]]


@dataclass
class Poisoned:
    """Raises as long as there is poison in a batch."""

    poison: set[str]
    handled: list[str] = field(default_factory=list)
    tries: int = 0

    def __call__(self, records: list[Record]) -> None:
        if self.poison.intersection(item_ids(records)):
            self.tries += 1
            raise RuntimeError("can't")
        self.handled.extend(item_ids(records))


def fed(pump: Pump, times: int) -> None:
    for _ in range(times):
        pump.feed()


def test_nothing_is_passed_over_during_an_outage_however_often_it_is_tried(aws: Clients, table: str) -> None:
    clock, aside = MovableClock(utc_now()), Aside()
    outage = Poisoned({"one", "two", "three"})
    pump = stream_pump(aws, table, outage, aside=aside, clock=clock)
    put(aws, table, "one", "two", "three")
    for _ in range(11):
        fed(pump, 10)
        clock.forward(hours=1)
    assert outage.tries > 100

    outage.poison.clear()

    assert pump.drain() == 3
    assert outage.handled == ["one", "two", "three"]
    assert aside.put_aside == []


def test_a_record_that_still_fails_after_twelve_hours_is_put_aside_alone_and_loudly(
    aws: Clients, table: str, caplog: pytest.LogCaptureFixture
) -> None:
    clock, aside = MovableClock(utc_now()), Aside()
    poisoned = Poisoned({"poison"})
    pump = stream_pump(aws, table, poisoned, aside=aside, clock=clock)
    put(aws, table, "one", "poison", "two")
    fed(pump, 20)
    assert (poisoned.handled, aside.put_aside) == (["one"], [])

    clock.now += RETRIED_FOR + A_SECOND

    assert pump.drain() == 1
    assert poisoned.handled == ["one", "two"]
    assert aside.put_aside == [(["poison"], TOO_OLD)]
    assert "PUT ASIDE" in caplog.text


def test_what_can_not_be_put_aside_is_not_passed_over(aws: Clients, table: str) -> None:
    clock, aside = MovableClock(utc_now()), Aside(broken=True)
    poisoned = Poisoned({"poison"})
    pump = stream_pump(aws, table, poisoned, aside=aside, clock=clock)
    put(aws, table, "poison", "two")
    pump.feed()
    clock.now += RETRIED_FOR + A_SECOND

    for _ in range(10):
        with suppress(EndpointConnectionError):
            pump.feed()
    assert poisoned.handled == []

    aside.broken = False
    pump.drain()
    assert poisoned.handled == ["two"]
    assert aside.put_aside == [(["poison"], TOO_OLD)]


def test_what_is_only_shown_is_not_shown_late(aws: Clients, table: str) -> None:
    """A handler that starts at LATEST is for screens: its mapping tries nothing again, and keeps nothing."""
    aside, poisoned = Aside(), Poisoned({"poison"})
    pump = stream_pump(aws, table, poisoned, aside=aside, start="LATEST")
    put(aws, table, "poison")
    pump.drain()
    put(aws, table, "two")

    assert pump.drain() == 1
    assert (poisoned.tries, poisoned.handled, aside.put_aside) == (1, ["two"], [])


def test_a_source_that_does_not_answer_keeps_none_of_the_others_waiting(aws: Clients, queue: Queue, table: str) -> None:
    seen: list[Record] = []
    pump = queue_pump(aws, queue, lambda records: seen.extend(records))
    pump.sources = [Silent(), *pump.sources]
    send(aws, queue, "one")

    with pytest.raises(EndpointConnectionError):
        pump.feed()

    assert [record["body"] for record in seen] == ["one"]


class Silent:
    def feed(self) -> Fed:
        raise EndpointConnectionError(endpoint_url="https://sqs")


def test_after_skipping_only_what_follows_is_fed(aws: Clients, table: str) -> None:
    seen: list[str] = []
    pump = stream_pump(aws, table, lambda records: seen.extend(item_ids(records)))
    put(aws, table, "before")

    pump.skip()
    put(aws, table, "after")

    assert pump.drain() == 1
    assert seen == ["after"]


def test_batches_are_no_larger_than_declared(aws: Clients, table: str) -> None:
    sizes: list[int] = []
    pump = stream_pump(aws, table, lambda records: sizes.append(len(records)), batch_size=2)
    put(aws, table, "one", "two", "three")

    assert pump.drain() == 3

    assert sizes == [2, 1]


def test_draining_covers_what_handlers_cause_and_gives_up_at_its_deadline(aws: Clients, queue: Queue) -> None:
    def answer_with_another(records: list[Record]) -> None:
        send(aws, queue, "another")

    pump = queue_pump(aws, queue, answer_with_another)
    send(aws, queue, "first")

    with pytest.raises(PumpError, match="still arriving"):
        pump.drain(deadline_seconds=0.3)


def test_a_source_that_is_not_there_is_named(emulator: str) -> None:
    app = Chalice("pump-test", configure_logs=False)

    @app.on_s3_event(bucket="unheard-of")
    def on_upload(event: object) -> None: ...

    with pytest.raises(PumpError, match="does not know how to feed"):
        Pump(app, "unused")
