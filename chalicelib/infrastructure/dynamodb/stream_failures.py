"""What a stream's handler could not relay: in S3, as Lambda writes it, until `ops replay stream-failures` takes it up.

Not in SQS, where what is relayed goes: what falls back must not fall with what it falls back from.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.domain.board import DeadLetter
from chalicelib.domain.events import GivenUp
from chalicelib.domain.refusals import StoreUnavailable
from chalicelib.domain.times import from_ms, to_iso

from .connection import WriteConflict

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Record = Mapping[str, Any]

OUTAGES = (StoreUnavailable, WriteConflict, BotoCoreError, ClientError, OSError)
"""What time or a deployment mends: a service does not answer, a right is missing. Such a record waits for it."""

OWN_FAULTS = ("ValidationException", "SerializationException")
"""Of these answers of a service time mends nothing: we asked for nonsense."""

POLICIES = timedelta(minutes=15)
"""For a record whose handling fails otherwise, which is a bug: time to see the alarm, and to deploy another version.
All that comes after it on its shard waits so long."""

LEAST_TRIES = 5
"""Of this process. After an outage every record is old: one that stumbles once more is not given up for its age."""

REMEMBERED_TRIES = 1000
REASON_CHARACTERS = 500

PARKED = "ParkedByHandler"
TOO_OLD = "RecordAgeExceeded"
"""Lambda's word for it."""


@dataclass(frozen=True)
class S3StreamFailures:
    """The bucket. One object for each record or batch, under a name that follows from it: parked twice, it lies there
    once."""

    client: Callable[[], "S3Client"]
    """Asked for when something is parked, which is hardly ever."""
    bucket: str
    clock: Callable[[], datetime]

    def put(self, records: Sequence[Record], condition: str, reason: str) -> None:
        """Raises BotoCoreError, ClientError: then nothing may be passed over."""
        described = description(records, condition, reason, self.clock())
        body = json.dumps(described).encode()
        self.client().put_object(Bucket=self.bucket, Key=key_of(records), Body=body, ContentType="application/json")

    def count(self) -> int:
        """Raises BotoCoreError, ClientError, as all that follows."""
        return len(self._listed())

    def look(self, most: int) -> list[DeadLetter]:
        """The oldest."""
        return [self._letter(key, moment) for moment, key in sorted(self._listed())[:most]]

    def _listed(self) -> list[tuple[datetime, str]]:
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        return [(one["LastModified"], one["Key"]) for page in pages for one in page.get("Contents", [])]

    def _letter(self, key: str, moment: datetime) -> DeadLetter:
        body = self.client().get_object(Bucket=self.bucket, Key=key)["Body"].read().decode(errors="replace")
        return DeadLetter(key, moment, reason_in(body), None, 0, {}, body)


@dataclass(frozen=True)
class Parking:
    """Which records of a stream are put aside, so that those after them go on."""

    failures: S3StreamFailures
    tries: dict[str, int] = field(default_factory=dict)

    def is_due(self, record: Record, error: Exception) -> bool:
        """At once, when trying again can't help; never, when time mends it; else after PATIENCE."""
        if isinstance(error, GivenUp):
            return True
        return not is_outage(error) and self._has_been_tried(record)

    def park(self, record: Record, reason: str) -> None:
        """Raises BotoCoreError, ClientError."""
        self.failures.put([record], PARKED, reason)
        self.tries.pop(_number(record), None)

    def _has_been_tried(self, record: Record) -> bool:
        number = _number(record)
        self.tries[number] = self.tries.get(number, 0) + 1
        for forgotten in list(self.tries)[:-REMEMBERED_TRIES]:
            del self.tries[forgotten]
        return self.tries[number] >= LEAST_TRIES and self._age_of(record) >= POLICIES

    def _age_of(self, record: Record) -> timedelta:
        return self.failures.clock() - created_at(record)


def is_outage(error: BaseException) -> bool:
    """Whether handling the record failed for no reason of its own."""
    cause = getattr(error, "cause", None) or error  # PynamoDB's errors carry botocore's
    if isinstance(cause, ClientError) and cause.response["Error"]["Code"] in OWN_FAULTS:
        return False
    return isinstance(cause, OUTAGES)


def description(records: Sequence[Record], condition: str, reason: str, now: datetime) -> dict[str, Any]:
    """As Lambda describes a batch in an on-failure destination in S3, and why."""
    first, last = records[0], records[-1]
    return {
        "requestContext": {"condition": condition},
        "version": "1.0",
        "timestamp": to_iso(now),
        "reason": reason[:REASON_CHARACTERS],
        "DDBStreamBatchInfo": {
            "startSequenceNumber": _number(first),
            "endSequenceNumber": _number(last),
            "approximateArrivalOfFirstRecord": to_iso(created_at(first)),
            "approximateArrivalOfLastRecord": to_iso(created_at(last)),
            "batchSize": len(records),
            "streamArn": first["eventSourceARN"],
        },
        "payload": json.dumps({"Records": list(records)}),
    }


def reason_in(text: str) -> str | None:
    """What a description says: in our own words, else Lambda's condition."""
    try:
        described = json.loads(text)
        return str(described.get("reason") or described["requestContext"]["condition"])
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


def key_of(records: Sequence[Record]) -> str:
    """By table and day, as Lambda's are by mapping, shard and day."""
    first = records[0]
    table = str(first["eventSourceARN"]).split("/")[1]
    return f"parked/{table}/{created_at(first):%Y/%m/%d}/{_number(first)}.json"


def created_at(record: Record) -> datetime:
    """To the second."""
    return from_ms(int(float(record["dynamodb"]["ApproximateCreationDateTime"]) * 1000))


def _number(record: Record) -> str:
    return str(record["dynamodb"]["SequenceNumber"])
