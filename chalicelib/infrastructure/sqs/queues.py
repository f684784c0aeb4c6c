"""SQS: sending messages in batches; and putting off or parking messages that could not be handled."""

import logging
import math
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.domain.events import OutgoingMessage
from chalicelib.domain.payments import SettlementDue
from chalicelib.domain.reservations import Hold
from chalicelib.infrastructure import aws

from .envelopes import to_body

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

log = logging.getLogger(__name__)

T = TypeVar("T")

SENDING_AT_ONCE = 10
"""The largest number of batches that are sent at the same time. A hundred records of a stream make some fifty batches
for five queues; SQS keeps no order, so none has to wait for another. Ten calls at once keep one core busy."""

CONFIG = Config(
    connect_timeout=1,
    read_timeout=3,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=SENDING_AT_ONCE,
)

BATCH_ENTRIES = 10
"""The largest number of messages of one SendMessageBatch."""

MARGIN_SECONDS = 1
"""Seconds that are added to each delay: the clocks of the instances that write and read an expiry differ."""

LONGEST_DELAY_SECONDS = 900
"""SQS's longest delay of a message."""

MOST_RECEIVES = 5
"""The largest number of times that a message is received. This is also the queues' maxReceiveCount. The handler parks a
message on its last receive, with the reason."""

MOST_DEFERRALS = 600
"""How many times a message may be deferred. With pauses of at least ten minutes, as for a daily quota, all deferrals
together take at least four days."""

LONGEST_PAUSE_SECONDS = 300
REASON_CHARACTERS = 500


def new_sqs_client() -> "SQSClient":
    made: SQSClient = aws.new_client("sqs", CONFIG)
    return made


@dataclass(frozen=True)
class QueueUrls:
    """The URLs of queues by name. Asks SQS once for each, and caches the URL."""

    client: "SQSClient"
    known: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        if name not in self.known:
            self.known[name] = self.client.get_queue_url(QueueName=name)["QueueUrl"]
        return self.known[name]


@dataclass(frozen=True)
class SqsOutbox:
    """The sender of messages to a stage's queues."""

    client: "SQSClient"
    prefix: str
    urls: QueueUrls

    def send_and_list_unsent_positions(self, messages: Sequence[OutgoingMessage], now: datetime) -> set[int]:
        """Sends the messages in batches, as large as SQS takes them, several batches at the same time.

        Gives the positions of the messages that SQS did not take.
        """
        of_queue: dict[str, dict[int, OutgoingMessage]] = defaultdict(dict)
        for position, message in enumerate(messages):
            of_queue[message.queue][position] = message
        batches = [(queue, dict(batch)) for queue, all_ in of_queue.items() for batch in _batches(list(all_.items()))]
        return {failed for some in self._send_all(batches, now) for failed in some}

    def _send_all(self, batches: Sequence[tuple[str, Mapping[int, OutgoingMessage]]], now: datetime) -> list[list[int]]:
        if len(batches) < 2:  # a request sends one: it needs no threads, nor the module for them
            return [self._send_batch(queue, batch, now) for queue, batch in batches]
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(min(len(batches), SENDING_AT_ONCE)) as threads:
            return list(threads.map(lambda batch: self._send_batch(batch[0], batch[1], now), batches))

    def _send_batch(self, queue: str, batch: Mapping[int, OutgoingMessage], now: datetime) -> list[int]:
        """Sends the messages of a batch. Gives the positions of those that SQS did not take."""
        entries: Any = [
            {
                "Id": str(position),
                "MessageBody": to_body(message.content),
                "DelaySeconds": _delay_seconds(message, now),
                **_trace_attribute(message),
            }
            for position, message in batch.items()
        ]
        try:
            answer = self.client.send_message_batch(QueueUrl=self.urls[f"{self.prefix}-{queue}"], Entries=entries)
        except (BotoCoreError, ClientError):
            log.exception("queue %s took none of %d messages", queue, len(batch))
            return list(batch)
        return [int(failure["Id"]) for failure in answer.get("Failed", [])]


def full_jitter_seconds(receives: int) -> float:
    """Draws a random pause in seconds: 1 to 4 after one receive, 1 to 16 after two, at most 300."""
    return random.uniform(1, min(LONGEST_PAUSE_SECONDS, 4**receives))


def growing_jitter_seconds(deferrals: int, least_seconds: float, most_seconds: float) -> float:
    """Draws a random delay between `least_seconds` and an upper limit. The limit is `least_seconds` plus 4 s, and each
    deferral doubles the 4 s. The limit is never above `most_seconds`."""
    return random.uniform(least_seconds, min(most_seconds, least_seconds + 4 * 2 ** min(deferrals, 10)))


@dataclass(frozen=True)
class RedeliveryOfFailedMessages:
    """The ways in which an SQS record that could not be handled is delivered again, or parked.

    A retry delivers the same message again: SQS counts each receive, and the fifth is the last. A deferral sends the
    message again with a delay, and lets the queue delete the old one, so that its receives are counted from 0.
    """

    client: "SQSClient"
    urls: QueueUrls
    pause: Callable[[int], float] = full_jitter_seconds

    def retry_later(self, record: Mapping[str, Any]) -> None:
        """Hides the record's message for a pause that grows with each try. SQS then delivers the message again."""
        self.client.change_message_visibility(
            QueueUrl=self.urls[_queue_name(record)],
            ReceiptHandle=record["receiptHandle"],
            VisibilityTimeout=round(self.pause(_read_receive_count(record))),
        )

    def defer_by_copy_unless_too_often(
        self, record: Mapping[str, Any], least_seconds: float, most_seconds: float
    ) -> bool:
        """Sends a copy of the record to its own queue, with a delay that grows with each deferral.

        Gives False, and sends nothing, if the record was deferred MOST_DEFERRALS times already. If a copy was sent, the
        caller must let the queue delete the original. If the process dies before that, both are delivered, which
        consumers tolerate.
        """
        deferrals = _count_deferrals(record)
        if deferrals >= MOST_DEFERRALS:
            return False
        self.client.send_message(
            QueueUrl=self.urls[_queue_name(record)],
            MessageBody=record["body"],
            DelaySeconds=min(
                round(growing_jitter_seconds(deferrals, least_seconds, most_seconds)), LONGEST_DELAY_SECONDS
            ),
            MessageAttributes={"deferrals": {"DataType": "Number", "StringValue": str(deferrals + 1)}},
        )
        return True

    def is_last_attempt(self, record: Mapping[str, Any]) -> bool:
        return _read_receive_count(record) >= MOST_RECEIVES

    def send_copy_to_dlq(self, record: Mapping[str, Any], reason: str) -> None:
        """Sends a copy of the record to its queue's DLQ, with the reason for operators.

        The caller must let the queue delete the original.
        """
        self.client.send_message(
            QueueUrl=self.urls[f"{_queue_name(record)}-dlq"],
            MessageBody=record["body"],
            MessageAttributes={
                "reason": {"DataType": "String", "StringValue": reason[:REASON_CHARACTERS] or "unknown"},
                "receives": {"DataType": "Number", "StringValue": str(_read_receive_count(record))},
            },
        )


def _batches(messages: Sequence[T]) -> Iterator[Sequence[T]]:
    return (messages[start : start + BATCH_ENTRIES] for start in range(0, len(messages), BATCH_ENTRIES))


def _trace_attribute(message: OutgoingMessage) -> Mapping[str, Any]:
    """Gives the message attribute with the trace context. Empty if the message has no trace."""
    if not message.trace:
        return {}
    return {"MessageAttributes": {"traceparent": {"DataType": "String", "StringValue": message.trace}}}


def _delay_seconds(message: OutgoingMessage, now: datetime) -> int:
    match message.content:
        case Hold(expires_at=moment) | SettlementDue(due_at=moment):
            delay = math.ceil((moment - now).total_seconds()) + MARGIN_SECONDS
            return min(max(delay, 0), LONGEST_DELAY_SECONDS)
        case _:
            return 0


def _queue_name(record: Mapping[str, Any]) -> str:
    return str(record["eventSourceARN"]).rpartition(":")[2]


def _count_deferrals(record: Mapping[str, Any]) -> int:
    return int(record.get("messageAttributes", {}).get("deferrals", {}).get("stringValue", 0))


def _read_receive_count(record: Mapping[str, Any]) -> int:
    return int(record.get("attributes", {}).get("ApproximateReceiveCount", 1))
