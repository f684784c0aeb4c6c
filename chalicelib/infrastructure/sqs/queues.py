"""SQS: sending messages in batches; and putting off or parking messages that could not be handled."""

import logging
import math
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.domain.payments import PaymentDue
from chalicelib.domain.ports import Outgoing
from chalicelib.domain.reservations import Hold

from .envelopes import to_body

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

log = logging.getLogger(__name__)

CONFIG = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 3})

BATCH_ENTRIES = 10
"""The most messages of one SendMessageBatch."""

MARGIN_SECONDS = 1
"""Seconds that are added to each delay: the clocks of the instances that write and read an expiry differ."""

LONGEST_DELAY_SECONDS = 900
"""SQS's longest delay of a message."""

MOST_RECEIVES = 5
"""How often a message is received at most: also the queues' maxReceiveCount. The handler parks a message on its last
receive, with the reason."""

LONGEST_PAUSE_SECONDS = 300
REASON_CHARACTERS = 500


def client() -> "SQSClient":
    return boto3.client("sqs", config=CONFIG)


@dataclass(frozen=True)
class QueueUrls:
    """The URLs of queues by name. Each is asked for once."""

    client: "SQSClient"
    known: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        if name not in self.known:
            self.known[name] = self.client.get_queue_url(QueueName=name)["QueueUrl"]
        return self.known[name]


@dataclass(frozen=True)
class SqsOutbox:
    """Sends messages to the queues of a stage."""

    client: "SQSClient"
    prefix: str
    urls: QueueUrls

    def send(self, messages: Sequence[Outgoing], now: datetime) -> set[int]:
        positions = defaultdict(list)
        for position, message in enumerate(messages):
            positions[message.queue].append(position)
        return {
            failed
            for queue, of_queue in positions.items()
            for batch in _batches(of_queue)
            for failed in self._send_batch(queue, {position: messages[position] for position in batch}, now)
        }

    def _send_batch(self, queue: str, batch: Mapping[int, Outgoing], now: datetime) -> list[int]:
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


def full_jitter(receives: int) -> float:
    """Draws the seconds until the next try: 1 to 4 after one receive, 1 to 16 after two, at most 5 minutes."""
    return random.uniform(1, min(LONGEST_PAUSE_SECONDS, 4**receives))


@dataclass(frozen=True)
class Redelivery:
    """Puts off or parks an SQS record that could not be handled."""

    client: "SQSClient"
    urls: QueueUrls
    pause: Callable[[int], float] = full_jitter

    def later(self, record: Mapping[str, Any]) -> None:
        """Has the record delivered again, after a pause that grows with each try."""
        self.client.change_message_visibility(
            QueueUrl=self.urls[_queue_name(record)],
            ReceiptHandle=record["receiptHandle"],
            VisibilityTimeout=round(self.pause(_receive_count(record))),
        )

    def is_last(self, record: Mapping[str, Any]) -> bool:
        return _receive_count(record) >= MOST_RECEIVES

    def park(self, record: Mapping[str, Any], reason: str) -> None:
        """Sends the record to its queue's DLQ, with the reason for operators. After that, its queue may delete it."""
        self.client.send_message(
            QueueUrl=self.urls[f"{_queue_name(record)}-dlq"],
            MessageBody=record["body"],
            MessageAttributes={
                "reason": {"DataType": "String", "StringValue": reason[:REASON_CHARACTERS] or "unknown"},
                "receives": {"DataType": "Number", "StringValue": str(_receive_count(record))},
            },
        )


def _batches(positions: Sequence[int]) -> Iterator[Sequence[int]]:
    return (positions[start : start + BATCH_ENTRIES] for start in range(0, len(positions), BATCH_ENTRIES))


def _trace_attribute(message: Outgoing) -> Mapping[str, Any]:
    """Gives the message attribute that carries a trace on; nothing where there is none."""
    if not message.trace:
        return {}
    return {"MessageAttributes": {"traceparent": {"DataType": "String", "StringValue": message.trace}}}


def _delay_seconds(message: Outgoing, now: datetime) -> int:
    match message.content:
        case Hold(expires_at=moment) | PaymentDue(due_at=moment):
            delay = math.ceil((moment - now).total_seconds()) + MARGIN_SECONDS
            return min(max(delay, 0), LONGEST_DELAY_SECONDS)
        case _:
            return 0


def _queue_name(record: Mapping[str, Any]) -> str:
    return str(record["eventSourceARN"]).rpartition(":")[2]


def _receive_count(record: Mapping[str, Any]) -> int:
    return int(record.get("attributes", {}).get("ApproximateReceiveCount", 1))
