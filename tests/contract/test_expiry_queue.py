"""The queue on which a hold waits until it lapses."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.ports import ExpiryQueue
from chalicelib.domain.reservations import Hold
from chalicelib.infrastructure import queues
from chalicelib.infrastructure.queues import SqsExpiryQueue, hold_in_message
from tests.builders import NOW, a_hold
from tests.fakes import FakeExpiryQueue

from .conftest import moto_environment

LONGEST_WAIT_SECONDS = 5


@dataclass(frozen=True)
class Queue:
    """`due` is what can be received by now; it waits a little for a message when one is `expected`."""

    queue: ExpiryQueue
    due: Callable[[bool], list[Hold]]


@pytest.fixture(scope="module", params=["fake", "moto", "emulator"])
def make_queue(request: pytest.FixtureRequest) -> Iterator[Callable[[], Queue]]:
    if request.param == "fake":
        yield fake_queue
    elif request.param == "moto":
        with moto_environment(), sqs() as make:
            yield make
    else:
        request.getfixturevalue("emulator")
        with sqs() as make:
            yield make


@pytest.fixture
def queue(make_queue: Callable[[], Queue]) -> Queue:
    return make_queue()


def fake_queue() -> Queue:
    fake = FakeExpiryQueue()
    return Queue(fake, lambda expected: fake.due(NOW))


@contextmanager
def sqs() -> Iterator[Callable[[], Queue]]:
    with closing(queues.client()) as client:

        def make() -> Queue:
            name = f"expiry-{uuid.uuid4()}"
            url = client.create_queue(QueueName=name)["QueueUrl"]

            def due(expected: bool) -> list[Hold]:
                received: Any = client.receive_message(
                    QueueUrl=url,
                    MaxNumberOfMessages=10,
                    WaitTimeSeconds=LONGEST_WAIT_SECONDS if expected else 0,
                )
                return [hold_in_message({"body": message["Body"]}) for message in received.get("Messages", [])]

            return Queue(SqsExpiryQueue(client, name), due)

        yield make


def test_a_lapsed_hold_is_delivered_at_once_and_whole(queue: Queue) -> None:
    hold = a_hold("A1", "B1", fingerprint="0123456789ab", expires_in=-10)

    queue.queue.schedule(hold, NOW)

    assert queue.due(True) == [hold]


def test_a_live_hold_is_not_delivered_yet(queue: Queue) -> None:
    queue.queue.schedule(a_hold(expires_in=30), NOW)

    assert queue.due(False) == []


@pytest.mark.parametrize("expires_in", [900, 3600])
def test_a_hold_may_wait_longer_than_a_message_can(queue: Queue, expires_in: float) -> None:
    queue.queue.schedule(a_hold(expires_in=expires_in), NOW)

    assert queue.due(False) == []


@pytest.mark.parametrize(
    ("expires_in", "delay"), [(30, 31), (29.001, 31), (0, 1), (-0.5, 1), (-1, 0), (-10, 0), (899, 900), (900, 900)]
)
def test_a_message_comes_a_second_after_the_lapse_never_before(expires_in: float, delay: int) -> None:
    class Recorder:
        def get_queue_url(self, **_: str) -> dict[str, str]:
            return {"QueueUrl": "url"}

        def send_message(self, **message: Any) -> None:
            sent.append(message)

    sent: list[dict[str, Any]] = []
    recorder: Any = Recorder()

    SqsExpiryQueue(recorder, "any").schedule(a_hold(expires_in=expires_in), NOW)

    assert [message["DelaySeconds"] for message in sent] == [delay]
    assert NOW + timedelta(seconds=delay) >= min(NOW + timedelta(seconds=expires_in), NOW + timedelta(seconds=900))
