"""The board of queues and the counts of refusals: the fakes behave as the real ones do."""

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from chalicelib.domain.analytics import BUCKET_LENGTH, bucket_start
from chalicelib.domain.board import QueueState, RedriveResult, shown_buckets
from chalicelib.domain.ports import QueueBoard, RefusalCountsByCode
from chalicelib.domain.refusals import BackendUnavailable, DeploymentMayNotUseQueue, QueueNotFound
from chalicelib.infrastructure.breakers import POLICIES, Breaker
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.invoices import files as invoice_files
from chalicelib.infrastructure.redis.connection import RedisConnection
from chalicelib.infrastructure.redis.refusal_counts import KEPT_SECONDS, NoRefusalCounts, RedisRefusalCounts
from chalicelib.infrastructure.sqs import queues
from chalicelib.infrastructure.sqs.queue_board import STREAM_FAILURES, SqsQueueAndStreamFailureBoard
from chalicelib.infrastructure.streams.failures import S3StreamFailures
from infra.processes import free_port
from tests.builders import NOW
from tests.fakes import FakeQueueBoard, FakeRefusals, MovableClock
from tests.redis_machine import past_the_door

# Queues


@dataclass(frozen=True)
class Stage:
    """A stage of its own with two queues, their DLQs and stream failures. `park` puts bodies among dead letters."""

    board: QueueBoard
    park: Callable[..., None]

    def state(self, name: str) -> QueueState:
        return next(state for state in self.board.states() if state.name == name)


@pytest.fixture
def sqs_board(emulator: str) -> Iterator[SqsQueueAndStreamFailureBoard]:
    prefix, sqs = f"cinema-{uuid.uuid4().hex[:10]}", queues.new_sqs_client()
    names = ("email-dlq", "expiry-dlq", "email", "expiry")
    urls = [sqs.create_queue(QueueName=f"{prefix}-{name}")["QueueUrl"] for name in names]
    s3 = invoice_files.new_s3_client()
    s3.create_bucket(Bucket=prefix)
    failures = S3StreamFailures(client=lambda: s3, bucket=prefix, clock=utc_now)
    yield SqsQueueAndStreamFailureBoard(
        client=sqs, urls=queues.QueueUrls(sqs), prefix=prefix, consumers=("email", "expiry"), failures=failures
    )
    for url in urls:
        sqs.delete_queue(QueueUrl=url)
    for dead_letter in failures.read_oldest(100):
        s3.delete_object(Bucket=prefix, Key=dead_letter.id)
    s3.delete_bucket(Bucket=prefix)


@pytest.fixture(params=["fake", "emulator"])
def stage(request: pytest.FixtureRequest) -> Stage:
    if request.param == "fake":
        fake = FakeQueueBoard()
        return Stage(fake, fake.park)
    board: SqsQueueAndStreamFailureBoard = request.getfixturevalue("sqs_board")

    def park(name: str, *bodies: str) -> None:
        if name == STREAM_FAILURES:
            s3, bucket = board.failures.client(), board.failures.bucket
            for body in bodies:
                s3.put_object(Bucket=bucket, Key=f"parked/{body}", Body=body.encode())
            return
        for body in bodies:
            board.client.send_message(QueueUrl=board.urls[f"{board.prefix}-{name}-dlq"], MessageBody=body)

    return Stage(board, park)


def test_every_queue_has_a_state_and_what_was_given_up_is_counted_with_its_queue(stage: Stage) -> None:
    stage.park("email", "one", "two")
    stage.park("stream-failures", "three")

    assert stage.board.states() == [
        QueueState(name="email", waiting=0, in_flight=0, delayed=0, dead_letters=2, redrivable=True),
        QueueState(name="expiry", waiting=0, in_flight=0, delayed=0, dead_letters=0, redrivable=True),
        QueueState(name="stream-failures", waiting=0, in_flight=0, delayed=0, dead_letters=1, redrivable=False),
    ]


@pytest.mark.parametrize("queue", ["email", "stream-failures"])
def test_looking_at_letters_takes_none_away(stage: Stage, queue: str) -> None:
    stage.park(queue, "one", "two", "three")

    some = {dead_letter.body for dead_letter in stage.board.dead_letters(queue, 2)}
    every = {dead_letter.body for dead_letter in stage.board.dead_letters(queue, 5)}

    assert len(some) == 2
    assert every == {"one", "two", "three"}
    assert stage.state(queue).dead_letters == 3


def test_there_are_no_letters_where_nothing_was_given_up(stage: Stage) -> None:
    assert list(stage.board.dead_letters("email", 5)) == []


def test_a_redrive_gives_back_no_more_than_it_was_told(stage: Stage) -> None:
    stage.park("email", "one", "two", "three")
    stage.park("expiry", "another's")

    assert stage.board.redrive("email", 2) == RedriveResult(moved=2, left=1)
    assert stage.board.redrive("email", 100) == RedriveResult(moved=1, left=0)
    assert stage.board.redrive("email", 100) == RedriveResult(moved=0, left=0)
    assert (stage.state("email").waiting, stage.state("expiry").dead_letters) == (3, 1)


@pytest.mark.parametrize("name", ["nonsense", "", "email-dlq", "stream-failures", "../email", "é"])
def test_only_a_queue_with_dead_letters_of_its_own_can_be_redriven(stage: Stage, name: str) -> None:
    with pytest.raises(QueueNotFound):
        stage.board.redrive(name, 1)


@pytest.mark.parametrize("name", ["nonsense", "", "email-dlq"])
def test_only_known_queues_are_looked_into(stage: Stage, name: str) -> None:
    with pytest.raises(QueueNotFound):
        stage.board.dead_letters(name, 1)


@pytest.mark.parametrize(
    "operation", ["GetQueueUrl", "GetQueueAttributes", "ReceiveMessage", "SendMessage", "DeleteMessage"]
)
@pytest.mark.parametrize(
    ("trouble", "refusal"),
    [
        (ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "any"), DeploymentMayNotUseQueue),
        (ClientError({"Error": {"Code": "ServiceUnavailable", "Message": "no"}}, "any"), BackendUnavailable),
        (ConnectTimeoutError(endpoint_url="https://sqs"), BackendUnavailable),
    ],
    ids=["forbidden", "failing", "silent"],
)
def test_a_redrive_that_breaks_at_any_call_loses_no_message(
    sqs_board: SqsQueueAndStreamFailureBoard, operation: str, trouble: Exception, refusal: type[Exception]
) -> None:
    url = sqs_board.urls[f"{sqs_board.prefix}-email-dlq"]
    sqs_board.client.send_message(QueueUrl=url, MessageBody="precious")
    broken = queues.new_sqs_client()

    def breaks(**_: object) -> None:
        raise trouble

    broken.meta.events.register(f"before-call.sqs.{operation}", breaks)
    with pytest.raises(refusal):
        replace(sqs_board, client=broken, urls=queues.QueueUrls(broken)).redrive("email", 10)

    states = {state.name: state for state in sqs_board.states()}
    there = states["email"].dead_letters
    delivered_twice = operation == "DeleteMessage"
    assert (there, states["email"].waiting) == (1, 1 if delivered_twice else 0)
    assert [dead_letter.body for dead_letter in sqs_board.dead_letters("email", 5)] == ["precious"], (
        "it is given back at once"
    )


def test_a_letter_tells_why_and_how_often_it_was_tried(sqs_board: SqsQueueAndStreamFailureBoard) -> None:
    verdict = {
        "reason": {"DataType": "String", "StringValue": "unknown version 9"},
        "receives": {"DataType": "Number", "StringValue": "1"},
    }
    url = sqs_board.urls[f"{sqs_board.prefix}-email-dlq"]
    boto3.client("sqs").send_message(QueueUrl=url, MessageBody=json.dumps({}), MessageAttributes=verdict)  # type: ignore[arg-type]

    (dead_letter,) = sqs_board.dead_letters("email", 5)

    assert (dead_letter.reason, dead_letter.receives, dead_letter.body, dead_letter.attributes) == (
        "unknown version 9",
        1,
        "{}",
        {},
    )


# RefusalCountsByCode


def connection(url: str) -> RedisConnection:
    return RedisConnection(url, Breaker("redis", POLICIES["redis"]))


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(NOW)


@pytest.fixture(params=["fake", "redis_url", "redis_cluster_url"])
def refusals(request: pytest.FixtureRequest, clock: MovableClock) -> RefusalCountsByCode:
    if request.param == "fake":
        return FakeRefusals(clock)
    return RedisRefusalCounts(
        connection=connection(request.getfixturevalue(request.param)), prefix=uuid.uuid4().hex, clock=clock
    )


def test_refusals_are_counted_by_code_in_the_five_minutes_in_which_they_were_answered(
    refusals: RefusalCountsByCode, clock: MovableClock
) -> None:
    refusals.count_refusal("SEAT_ALREADY_RESERVED")
    refusals.count_refusal("SEAT_ALREADY_RESERVED")
    clock.forward(seconds=BUCKET_LENGTH.total_seconds())
    refusals.count_refusal("RESERVATION_EXPIRED")

    first = bucket_start(NOW)
    assert refusals.counts_by_bucket(shown_buckets(clock())) == {
        first: {"SEAT_ALREADY_RESERVED": 2},
        first + BUCKET_LENGTH: {"RESERVATION_EXPIRED": 1},
    }
    assert refusals.counts_by_bucket([first]) == {first: {"SEAT_ALREADY_RESERVED": 2}}


def test_where_nobody_was_refused_nothing_is_counted(refusals: RefusalCountsByCode) -> None:
    assert refusals.counts_by_bucket(shown_buckets(NOW)) == {}


def test_counts_forget_themselves(redis_url: str) -> None:
    prefix = uuid.uuid4().hex
    RedisRefusalCounts(connection=connection(redis_url), prefix=prefix, clock=MovableClock(NOW)).count_refusal(
        "NOT_FOUND"
    )

    (key,) = past_the_door(redis_url, lambda client: client.keys(f"{{{prefix}:*"))
    assert 0 < past_the_door(redis_url, lambda client: client.ttl(key)) <= KEPT_SECONDS


def test_a_dead_redis_counts_nothing_says_so_and_fails_nobody() -> None:
    refusals = RedisRefusalCounts(
        connection=connection(f"redis://127.0.0.1:{free_port()}"), prefix="any", clock=MovableClock(NOW)
    )

    refusals.count_refusal("NOT_FOUND")

    assert refusals.counts_by_bucket([NOW]) is None


def test_without_redis_nothing_is_counted_and_that_is_known() -> None:
    NoRefusalCounts().count_refusal("NOT_FOUND")

    assert NoRefusalCounts().counts_by_bucket([NOW]) is None
