"""SQS: the expiry queue, on which a hold waits until it lapses."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from chalicelib.domain.reservations import Hold
from chalicelib.domain.times import from_ms, to_ms

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

CONFIG = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 3})

MARGIN_SECONDS = 1
"""Between the clock that wrote the expiry and the one that reads the message: two instances' clocks differ."""

LONGEST_DELAY_SECONDS = 900
"""SQS allows no longer delay of a message."""


def client() -> "SQSClient":
    return boto3.client("sqs", config=CONFIG)


@dataclass(frozen=True)
class SqsExpiryQueue:
    client: "SQSClient"
    name: str
    known_url: list[str] = field(default_factory=list)

    def schedule(self, hold: Hold, now: datetime) -> None:
        delay = math.ceil((hold.expires_at - now).total_seconds()) + MARGIN_SECONDS
        self.client.send_message(
            QueueUrl=self._url(),
            MessageBody=json.dumps(hold_to_body(hold)),
            DelaySeconds=min(max(delay, 0), LONGEST_DELAY_SECONDS),
        )

    def _url(self) -> str:
        if not self.known_url:
            self.known_url.append(self.client.get_queue_url(QueueName=self.name)["QueueUrl"])
        return self.known_url[0]


def hold_to_body(hold: Hold) -> dict[str, Any]:
    return {
        "version": 1,
        "sessionId": hold.session_id,
        "reservationId": hold.reservation_id,
        "seats": list(hold.seats),
        "expiresAtMs": to_ms(hold.expires_at),
        "fingerprint": hold.fingerprint,
    }


def hold_in_message(record: Mapping[str, Any]) -> Hold:
    """The hold in an SQS record. Raises ValueError or KeyError for a message that is not ours: it ends in the DLQ."""
    body = json.loads(record["body"])
    if body["version"] != 1:
        raise ValueError(f"unknown version {body['version']!r} of an expiry message")
    return Hold(
        session_id=body["sessionId"],
        reservation_id=body["reservationId"],
        seats=tuple(body["seats"]),
        expires_at=from_ms(body["expiresAtMs"]),
        fingerprint=body["fingerprint"],
    )
