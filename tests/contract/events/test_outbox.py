"""Sending messages in batches; and putting off or parking messages that could not be handled."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from mypy_boto3_sqs import SQSClient

from chalicelib.domain.events import Event, OutgoingMessage
from chalicelib.domain.payments import Charge, SettlementDue
from chalicelib.domain.ports import Outbox
from chalicelib.domain.reservations import Hold
from chalicelib.domain.webhooks import Delivery
from chalicelib.infrastructure.sqs import queues
from chalicelib.infrastructure.sqs.envelopes import event_in, hold_in, webhook_delivery_in
from chalicelib.infrastructure.sqs.queues import (
    SENDING_AT_ONCE,
    QueueUrls,
    RedeliveryOfFailedMessages,
    SqsOutbox,
    full_jitter_seconds,
)
from tests.builders import NOW, a_hold, an_event
from tests.contract.conftest import open_client
from tests.fakes import FakeOutbox

LONGEST_WAIT_SECONDS = 5
READERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "expiry": hold_in,
    "audit": event_in,
    "webhooks": webhook_delivery_in,
}


@dataclass(frozen=True)
class Post:
    """An outbox and its queues. `due` receives messages of a queue, and waits a little for as many as are expected."""

    outbox: Outbox
    due: Callable[[str, int], list[Hold | SettlementDue | Charge | Event | Delivery]]


@pytest.fixture(scope="module", params=["fake", "moto", "emulator"])
def make_post(request: pytest.FixtureRequest) -> Iterator[Callable[[], Post]]:
    if request.param == "fake":
        yield fake_post
    else:
        with open_client(request.param, request, queues.new_sqs_client) as client:
            yield lambda: sqs_post(client)


@pytest.fixture(scope="module", params=["moto", "emulator"])
def client(request: pytest.FixtureRequest) -> Iterator[SQSClient]:
    with open_client(request.param, request, queues.new_sqs_client) as client:
        yield client


@pytest.fixture
def post(make_post: Callable[[], Post]) -> Post:
    return make_post()


def fake_post() -> Post:
    fake = FakeOutbox()
    return Post(fake, lambda queue, expected: fake.due(queue, NOW))


def sqs_post(client: SQSClient) -> Post:
    prefix = f"post-{uuid.uuid4()}"
    for queue in READERS:
        client.create_queue(QueueName=f"{prefix}-{queue}")
    urls = QueueUrls(client)

    def due(queue: str, expected: int) -> list[Hold | SettlementDue | Charge | Event | Delivery]:
        read = READERS[queue]
        return [read({"body": message["Body"]}) for message in received(client, urls[f"{prefix}-{queue}"], expected)]

    return Post(SqsOutbox(client=client, prefix=prefix, urls=urls), due)


def received(client: SQSClient, url: str, expected: int) -> list[dict[str, Any]]:
    """Receives as many messages as are expected; tries once when none is."""
    found: list[dict[str, Any]] = []
    for _ in range(10):
        answer: Any = client.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=LONGEST_WAIT_SECONDS if expected else 0,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )
        found += answer.get("Messages", [])
        if len(found) >= expected:
            break
    return found


def test_a_lapsed_hold_is_delivered_at_once_and_whole(post: Post) -> None:
    hold = a_hold("A1", "B1", fingerprint="0123456789ab", expires_in=-10)

    assert post.outbox.send_and_list_unsent_positions([OutgoingMessage("expiry", hold)], NOW) == set()

    assert post.due("expiry", 1) == [hold]


@pytest.mark.parametrize("expires_in", [30, 900, 3600])
def test_a_live_hold_is_not_delivered_yet(post: Post, expires_in: float) -> None:
    post.outbox.send_and_list_unsent_positions([OutgoingMessage("expiry", a_hold(expires_in=expires_in))], NOW)

    assert post.due("expiry", 0) == []


def test_events_are_delivered_whole_each_to_its_queue(post: Post) -> None:
    event, hold = an_event("e-1"), a_hold(expires_in=-10)

    assert (
        post.outbox.send_and_list_unsent_positions(
            [OutgoingMessage("audit", event), OutgoingMessage("expiry", hold)], NOW
        )
        == set()
    )

    assert post.due("audit", 1) == [event]
    assert post.due("expiry", 1) == [hold]


def test_a_webhooks_delivery_is_delivered_whole_and_at_once(post: Post) -> None:
    delivery = Delivery(webhook_id="wh-1", session_id="session-1", sequence=12)

    assert post.outbox.send_and_list_unsent_positions([OutgoingMessage("webhooks", delivery)], NOW) == set()

    assert post.due("webhooks", 1) == [delivery]


def test_more_messages_than_a_batch_holds_are_all_delivered(post: Post) -> None:
    events = [an_event(f"e-{number}") for number in range(25)]

    assert (
        post.outbox.send_and_list_unsent_positions([OutgoingMessage("audit", event) for event in events], NOW) == set()
    )

    def by_id(event: Any) -> str:
        return str(event.id)

    assert sorted(post.due("audit", 25), key=by_id) == sorted(events, key=by_id)


class StubbornSqs:
    """An SQS that takes some messages and not others, without raising; and that is away for one queue."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def get_queue_url(self, QueueName: str) -> dict[str, str]:  # noqa: N803 - boto3's name
        return {"QueueUrl": QueueName}

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        if QueueUrl.endswith("away"):
            raise EndpointConnectionError(endpoint_url=QueueUrl)
        self.sent += Entries
        return {"Failed": [{"Id": entry["Id"]} for entry in Entries if int(entry["Id"]) % 3 == 0]}


def stubborn() -> tuple[Any, SqsOutbox]:
    client: Any = StubbornSqs()
    return client, SqsOutbox(client=client, prefix="any", urls=QueueUrls(client))


def test_messages_that_sqs_did_not_take_are_named() -> None:
    _, outbox = stubborn()

    assert outbox.send_and_list_unsent_positions(
        [OutgoingMessage("audit", an_event(str(n))) for n in range(13)], NOW
    ) == {
        0,
        3,
        6,
        9,
        12,
    }


def test_a_queue_that_is_away_does_not_hinder_the_others() -> None:
    _, outbox = stubborn()
    messages = [OutgoingMessage(queue, an_event("e")) for queue in ("away", "audit", "away", "audit", "audit")]

    assert outbox.send_and_list_unsent_positions(messages, NOW) == {0, 2, 3}


@dataclass
class MeetingSqs:
    """An SQS that answers when `expected` calls are under way at the same time, and counts the messages of each."""

    expected: int
    sizes: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.meeting = Barrier(self.expected)

    def get_queue_url(self, QueueName: str) -> dict[str, str]:  # noqa: N803 - boto3's name
        return {"QueueUrl": QueueName}

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        self.meeting.wait(LONGEST_WAIT_SECONDS)
        self.sizes.append(len(Entries))
        return {"Failed": [{"Id": entry["Id"]} for entry in Entries if QueueUrl == "any-audit" and entry["Id"] == "0"]}


def test_the_messages_of_a_hundred_records_fill_their_batches_and_do_not_wait_for_each_other() -> None:
    """A hundred records for five queues are fifty batches: one after the other they took over a second."""
    client: Any = MeetingSqs(expected=SENDING_AT_ONCE)
    outbox = SqsOutbox(client=client, prefix="any", urls=QueueUrls(client))
    queues_ = ("audit", "analytics", "email", "notification", "cache")

    unsent = outbox.send_and_list_unsent_positions(
        [OutgoingMessage(queue, an_event(f"{n}")) for n in range(100) for queue in queues_], NOW
    )

    assert client.sizes == [10] * 50
    assert unsent == {0}, "the one that was not taken, whichever thread sent it"


@pytest.mark.parametrize(
    ("expires_in", "delay"), [(30, 31), (29.001, 31), (0, 1), (-0.5, 1), (-1, 0), (-10, 0), (899, 900), (900, 900)]
)
def test_a_message_comes_a_second_after_the_lapse_never_before(expires_in: float, delay: int) -> None:
    client, outbox = stubborn()

    outbox.send_and_list_unsent_positions([OutgoingMessage("expiry", a_hold(expires_in=expires_in))], NOW)

    assert [message["DelaySeconds"] for message in client.sent] == [delay]
    assert NOW + timedelta(seconds=delay) >= min(NOW + timedelta(seconds=expires_in), NOW + timedelta(seconds=900))


def test_an_event_is_not_delayed() -> None:
    client, outbox = stubborn()

    outbox.send_and_list_unsent_positions([OutgoingMessage("audit", an_event("e"))], NOW)

    assert [message["DelaySeconds"] for message in client.sent] == [0]


# What could not be handled.


def a_record(client: SQSClient, name: str, body: str) -> dict[str, Any]:
    """Makes a record of that queue, received once, in Lambda's shape."""
    url = client.create_queue(QueueName=name)["QueueUrl"]
    client.create_queue(QueueName=f"{name}-dlq")
    client.send_message(QueueUrl=url, MessageBody=body)
    (message,) = received(client, url, 1)
    return {
        "body": message["Body"],
        "receiptHandle": message["ReceiptHandle"],
        "attributes": message["Attributes"],
        "eventSourceARN": f"arn:aws:sqs:us-east-1:000000000000:{name}",
    }


def test_a_message_put_off_comes_again_after_its_pause(client: SQSClient) -> None:
    name = f"post-{uuid.uuid4()}"
    record = a_record(client, name, "again")

    RedeliveryOfFailedMessages(client, QueueUrls(client), pause=lambda receives: 0).retry_later(record)

    (message,) = received(client, QueueUrls(client)[name], 1)
    assert (message["Body"], message["Attributes"]["ApproximateReceiveCount"]) == ("again", "2")


def test_a_parked_message_lies_in_the_dead_letter_queue_with_its_reason(client: SQSClient) -> None:
    name = f"post-{uuid.uuid4()}"
    record = a_record(client, name, "poison")

    RedeliveryOfFailedMessages(client, QueueUrls(client)).send_copy_to_dlq(record, "x" * 10_000)

    (message,) = received(client, QueueUrls(client)[f"{name}-dlq"], 1)
    assert message["Body"] == "poison"
    assert message["MessageAttributes"]["reason"]["StringValue"] == "x" * 500
    assert message["MessageAttributes"]["receives"]["StringValue"] == "1"


@pytest.mark.parametrize(("receives", "last"), [("1", False), ("4", False), ("5", True), ("9", True)])
def test_the_fifth_receive_is_the_last(receives: str, last: bool) -> None:
    unused: Any = None
    record = {"attributes": {"ApproximateReceiveCount": receives}}

    assert RedeliveryOfFailedMessages(unused, QueueUrls(unused)).is_last_attempt(record) is last


def test_pauses_grow_from_a_second_to_five_minutes_at_most() -> None:
    longest = [max(full_jitter_seconds(receives) for _ in range(400)) for receives in (1, 2, 3, 4, 5, 50)]

    assert all(1 <= pause <= 300 for pause in longest)
    assert longest[0] <= 4 < longest[1] <= 16 < longest[2] <= 64 < longest[3] <= 256
