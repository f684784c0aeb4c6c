"""An on-sale's emails to an SES that takes one a second, or fourteen: every one is sent, and none is parked.

Two workers with five messages each, as the consumer's row says, on a queue with its receives, visibility, delays and
dead letters. The clock moves from one event to the next.
"""

import heapq
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from chalicelib.api.batches import handle_messages
from chalicelib.domain.consumers import CONSUMERS, EMAIL
from chalicelib.domain.email import EmailNotConfirmed, RenderedEmail
from chalicelib.infrastructure.breakers import POLICIES, Breaker, BreakerState
from chalicelib.infrastructure.email.ses import CircuitBreakerEmailSender, SesEmailSender
from chalicelib.infrastructure.sqs.queues import MOST_DEFERRALS, QueueUrls, RedeliveryOfFailedMessages
from tests.fakes import Ticks

NAME = "cinema-test-email"
CALL_SECONDS = 0.05
LETTERS = 200


@dataclass
class Ses:
    """Takes `rate` emails in each second, and in all `quota`; tells of more as SES does."""

    ticks: Ticks
    rate: int
    quota: int = 10**9
    sent: dict[str, float] = field(default_factory=dict)
    refused: int = 0

    def send_raw_email(self, Source: str, Destinations: list[str], RawMessage: Any) -> dict[str, str]:  # noqa: N803
        self.ticks.now += CALL_SECONDS
        if len(self.sent) >= self.quota:
            raise self._throttling("Daily message quota exceeded.")
        if sum(moment > self.ticks.now - 1 for moment in self.sent.values()) >= self.rate:
            raise self._throttling("Maximum sending rate exceeded.")
        (to,) = Destinations
        assert to not in self.sent, "each letter is sent once"
        self.sent[to] = self.ticks.now
        return {"MessageId": to}

    def _throttling(self, said: str) -> ClientError:
        self.refused += 1
        return ClientError({"Error": {"Code": "Throttling", "Message": said}}, "SendRawEmail")


@dataclass
class Queue:
    """One queue of SQS and its dead letters. `due` has what becomes visible, by its moment."""

    ticks: Ticks
    due: list[tuple[float, int, dict[str, Any]]] = field(default_factory=list)
    dead: list[str] = field(default_factory=list)
    numbers: Any = field(default_factory=count)

    def get_queue_url(self, QueueName: str) -> dict[str, str]:  # noqa: N803 - boto3's name
        return {"QueueUrl": QueueName}

    def send_message(
        self,
        QueueUrl: str,  # noqa: N803
        MessageBody: str,  # noqa: N803
        MessageAttributes: Any,  # noqa: N803
        DelaySeconds: int = 0,  # noqa: N803
    ) -> None:
        if QueueUrl.endswith("-dlq"):
            self.dead.append(MessageBody)
            return
        told = {name: {"stringValue": value["StringValue"]} for name, value in MessageAttributes.items()}
        self._add({"body": MessageBody, "messageAttributes": told, "receives": 0}, DelaySeconds)

    def change_message_visibility(self, QueueUrl: str, ReceiptHandle: Any, VisibilityTimeout: int) -> None:  # noqa: N803
        self._add(ReceiptHandle, VisibilityTimeout)

    def receive(self, most: int) -> list[dict[str, Any]]:
        """Gives what is visible, `most` at most; waits for the next message when there is none."""
        self.ticks.now = max(self.ticks.now, self.due[0][0])
        taken = [heapq.heappop(self.due)[2] for _ in range(most) if self.due and self.due[0][0] <= self.ticks.now]
        return [self._as_record(message | {"receives": message["receives"] + 1}) for message in taken]

    def _add(self, message: dict[str, Any], seconds: float) -> None:
        heapq.heappush(self.due, (self.ticks.now + seconds, next(self.numbers), message))

    def _as_record(self, message: dict[str, Any]) -> dict[str, Any]:
        return message | {
            "messageId": message["body"],
            "receiptHandle": message,
            "attributes": {"ApproximateReceiveCount": str(message["receives"])},
            "eventSourceARN": f"arn:aws:sqs:us-east-1:000000000000:{NAME}",
        }


@dataclass
class Office:
    """The queue, SES, and the consumer with its breaker in between."""

    ticks: Ticks
    ses: Any
    queue: Any

    def __post_init__(self) -> None:
        self.breaker = Breaker("ses", POLICIES["ses"], monotonic=self.ticks)
        self.sender = CircuitBreakerEmailSender(SesEmailSender(self.ses, "tickets@example.com"), self.breaker)
        self.redelivery = RedeliveryOfFailedMessages(self.queue, QueueUrls(self.queue))
        for number in range(LETTERS):
            self.queue.send_message(NAME, f"buyer-{number}@example.com", {})

    def work(self, until: float = float("inf")) -> None:
        row = next(consumer for consumer in CONSUMERS if consumer.queue == EMAIL)
        assert row.max_concurrency == 2
        while self.queue.due and self.ticks.now < until:
            records = self.queue.receive(row.max_concurrency * row.batch_size)
            answer = handle_messages(records, self._send, self.redelivery)
            assert answer == {"batchItemFailures": []}, "what is deferred, the queue deletes"

    def _send(self, record: Any) -> None:
        self.sender.send(RenderedEmail(record["body"], "en", "Hi", "Hi", "<p>Hi</p>", record["body"]))


def office_with(rate: int, quota: int = 10**9) -> Office:
    ticks = Ticks()
    return Office(ticks, Ses(ticks, rate, quota), Queue(ticks))


@pytest.mark.parametrize("rate", [1, 14])
def test_of_two_hundred_letters_none_is_parked_and_the_breaker_stays_closed(rate: int) -> None:
    office = office_with(rate)
    office.work()

    assert (len(office.ses.sent), office.queue.dead) == (LETTERS, [])
    assert office.ses.refused > 0
    assert (office.breaker.state, office.breaker.trips) == (BreakerState.CLOSED, 0)
    assert max(office.ses.sent.values()) < 4 * LETTERS / rate + 120, "the rate is made use of"


def test_beyond_the_daily_quota_letters_wait_for_it_for_hours_and_ask_seldom() -> None:
    office = office_with(rate=14, quota=150)
    office.work(until=20 * 3600)
    asked = office.ses.refused
    assert (len(office.ses.sent), office.queue.dead) == (150, [])
    assert asked < 50 * (20 * 3600 / 600) + 500, "each of the fifty every ten minutes at most"

    office.ses.quota = LETTERS
    office.work()
    assert (len(office.ses.sent), office.queue.dead) == (LETTERS, [])


def test_a_letter_that_is_throttled_for_ever_is_parked_some_day() -> None:
    office = office_with(rate=14, quota=LETTERS - 1)
    office.work()

    assert len(office.queue.dead) == 1
    assert office.ticks.now > MOST_DEFERRALS * 600


def test_an_ses_that_is_away_still_opens_the_breaker() -> None:
    class Away:
        def send_raw_email(self, **_: Any) -> None:
            raise EndpointConnectionError(endpoint_url="injected")

    office = office_with(rate=1)
    sender = CircuitBreakerEmailSender(SesEmailSender(Away(), "tickets@example.com"), office.breaker)  # type: ignore[arg-type]
    for _ in range(POLICIES["ses"].failures):
        with pytest.raises(EmailNotConfirmed):
            sender.send(RenderedEmail("a@example.com", "en", "Hi", "Hi", "<p>Hi</p>", "e"))

    assert office.breaker.state is BreakerState.OPEN


def test_the_sandboxes_refusal_is_parked_at_once_with_its_reason_and_without_the_address() -> None:
    said = "Email address is not verified. The following identities failed the check in region US-EAST-1: a@example.com"

    class Sandbox:
        def send_raw_email(self, **_: Any) -> None:
            raise ClientError({"Error": {"Code": "MessageRejected", "Message": said}}, "SendRawEmail")

    office = office_with(rate=1)
    office.sender = CircuitBreakerEmailSender(
        SesEmailSender(Sandbox(), "tickets@example.com"),  # type: ignore[arg-type]
        office.breaker,
    )
    parked: list[str] = []
    record = office.queue.receive(1)[0]

    class Parks(RedeliveryOfFailedMessages):
        def send_copy_to_dlq(self, record: Any, reason: str) -> None:
            parked.append(reason)

    handle_messages([record], office._send, Parks(office.queue, QueueUrls(office.queue)))

    assert parked == [f"SES: MessageRejected: {said.replace('a@example.com', '…@example.com')}"]
    assert office.breaker.state is BreakerState.CLOSED
