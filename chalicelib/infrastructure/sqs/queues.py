"""SQS: messages out, in batches; and messages that could not be handled, put off or parked."""

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
"""Between the clock that wrote the expiry and the one that reads the message: two instances' clocks differ."""

LONGEST_DELAY_SECONDS = 900
"""SQS allows no longer delay of a message."""

MOST_RECEIVES = 5
"""As maxReceiveCount in infra/cloud/stateful.yaml: the message is parked on its last receive, with the reason."""

LONGEST_PAUSE_SECONDS = 300
REASON_CHARACTERS = 500


def client() -> "SQSClient":
    return boto3.client("sqs", config=CONFIG)


@dataclass(frozen=True)
class QueueUrls:
    """By name, each asked for once."""

    client: "SQSClient"
    known: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        if name not in self.known:
            self.known[name] = self.client.get_queue_url(QueueName=name)["QueueUrl"]
        return self.known[name]


@dataclass(frozen=True)
class SqsOutbox:
    client: "SQSClient"
    prefix: str
    urls: QueueUrls

    def send(self, messages: Sequence[Outgoing], now: datetime) -> set[int]:
        positions = defaultdict(list)
        for position, message in enumerate(messages):
            positions[message.queue].append(position)
        return {
            failed
            for queue, all_of_it in positions.items()
            for batch in _batches(all_of_it)
            for failed in self._send_batch(queue, {position: messages[position] for position in batch}, now)
        }

    def _send_batch(self, queue: str, batch: Mapping[int, Outgoing], now: datetime) -> list[int]:
        entries: Any = [
            {"Id": str(position), "MessageBody": to_body(message.content), "DelaySeconds": _delay(message, now)}
            for position, message in batch.items()
        ]
        try:
            answer = self.client.send_message_batch(QueueUrl=self.urls[f"{self.prefix}-{queue}"], Entries=entries)
        except (BotoCoreError, ClientError):
            log.exception("queue %s took none of %d messages", queue, len(batch))
            return list(batch)
        return [int(failure["Id"]) for failure in answer.get("Failed", [])]


def full_jitter(receives: int) -> float:
    """Seconds until the next try: from 1 up to 4, 16, 64, 256, and never more than 5 minutes."""
    return random.uniform(1, min(LONGEST_PAUSE_SECONDS, 4**receives))


@dataclass(frozen=True)
class Redelivery:
    """What becomes of an SQS record that could not be handled."""

    client: "SQSClient"
    urls: QueueUrls
    pause: Callable[[int], float] = full_jitter

    def later(self, record: Mapping[str, Any]) -> None:
        """It comes again after a pause that grows with each try."""
        self.client.change_message_visibility(
            QueueUrl=self.urls[_queue(record)],
            ReceiptHandle=record["receiptHandle"],
            VisibilityTimeout=round(self.pause(_receives(record))),
        )

    def is_last(self, record: Mapping[str, Any]) -> bool:
        return _receives(record) >= MOST_RECEIVES

    def park(self, record: Mapping[str, Any], reason: str) -> None:
        """It goes to the queue's DLQ, with the reason for whoever looks there. Then it may be deleted here."""
        self.client.send_message(
            QueueUrl=self.urls[f"{_queue(record)}-dlq"],
            MessageBody=record["body"],
            MessageAttributes={
                "reason": {"DataType": "String", "StringValue": reason[:REASON_CHARACTERS] or "unknown"},
                "receives": {"DataType": "Number", "StringValue": str(_receives(record))},
            },
        )


def _batches(positions: Sequence[int]) -> Iterator[Sequence[int]]:
    return (positions[start : start + BATCH_ENTRIES] for start in range(0, len(positions), BATCH_ENTRIES))


def _delay(message: Outgoing, now: datetime) -> int:
    match message.content:
        case Hold(expires_at=moment) | PaymentDue(due_at=moment):
            delay = math.ceil((moment - now).total_seconds()) + MARGIN_SECONDS
            return min(max(delay, 0), LONGEST_DELAY_SECONDS)
        case _:
            return 0


def _queue(record: Mapping[str, Any]) -> str:
    return str(record["eventSourceARN"]).rpartition(":")[2]


def _receives(record: Mapping[str, Any]) -> int:
    return int(record.get("attributes", {}).get("ApproximateReceiveCount", 1))
