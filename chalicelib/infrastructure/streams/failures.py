"""Records that a stream's handler could not relay: in S3, until `ops replay stream-failures` relays them.

Lambda itself writes such objects, in the same shape. They are not in SQS, because the relay writes to SQS: an outage of
SQS must not take its own fallback along.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.domain.board import DeadLetter
from chalicelib.domain.events import PermanentFailure
from chalicelib.domain.refusals import BackendUnavailable
from chalicelib.domain.times import from_ms, to_iso
from chalicelib.infrastructure.dynamodb.connection import WriteConflict

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Record = Mapping[str, Any]

OUTAGES = (BackendUnavailable, WriteConflict, BotoCoreError, ClientError, OSError)
"""Errors that pass with time, or are ended by a deployment: a service does not answer, or a permission is missing. The
record waits until then."""

OWN_FAULTS = ("ValidationException", "SerializationException")
"""Error codes of a request that is wrong in itself: no later try helps."""

LEAST_AGE = timedelta(minutes=15)
"""A record that fails because of a bug of ours is parked only when it is this old: old enough for somebody to see the
alarm and to deploy a version without the bug.

All later records of its shard wait that long, too."""

LEAST_TRIES = 5
"""How often this process must have tried a record before parking it. Age is not enough: after an outage every record is
old."""

REMEMBERED_TRIES = 1000
REASON_CHARACTERS = 500

PARKED = "ParkedByHandler"
"""The value of the field `condition` in a stored failure, if our handler has parked its records."""
TOO_OLD = "RecordAgeExceeded"
"""The value of the field `condition` in a stored failure, if Lambda gave up on the failure's records because of their
age. The word is Lambda's."""


@dataclass(frozen=True)
class S3StreamFailures:
    """The stream failures in an S3 bucket: one object for each record or batch.

    The object's key has the first record's sequence number, so a record that is parked twice has one object.
    """

    client: Callable[[], "S3Client"]
    """Makes the client. That takes time, so it is called only when it is needed: when a record is parked, or when an
    operator looks at the failures."""
    bucket: str
    clock: Callable[[], datetime]

    def put(self, records: Sequence[Record], condition: str, reason: str) -> None:
        """Writes the records as one object. Raises BotoCoreError, ClientError.

        After an error, the stream's handler must retry the records, because they are stored nowhere else.
        """
        described = failure_object_content(records, condition, reason, self.clock())
        body = json.dumps(described).encode()
        self.client().put_object(Bucket=self.bucket, Key=object_key(records), Body=body, ContentType="application/json")

    def count(self) -> int:
        """Counts the failures. Raises BotoCoreError, ClientError."""
        return len(self._list())

    def read_oldest(self, most: int) -> list[DeadLetter]:
        """Reads the oldest failures. Raises BotoCoreError, ClientError."""
        return [self._read(key, moment) for moment, key in sorted(self._list())[:most]]

    def _list(self) -> list[tuple[datetime, str]]:
        """Lists each failure's moment and key."""
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        return [(one["LastModified"], one["Key"]) for page in pages for one in page.get("Contents", [])]

    def _read(self, key: str, moment: datetime) -> DeadLetter:
        """Reads one failure. Raises BotoCoreError, ClientError."""
        body = self.client().get_object(Bucket=self.bucket, Key=key)["Body"].read().decode(errors="replace")
        return DeadLetter(
            id=key,
            sent_at=moment,
            reason=reason_in_stream_failure(body),
            receives=None,
            received_here=0,
            attributes={},
            body=body,
        )


@dataclass(frozen=True)
class StreamRecordParking:
    """The parking of stream records that can't be relayed, so that later records can be.

    `tries` counts the failed tries of each record, by its sequence number.
    """

    failures: S3StreamFailures
    tries: dict[str, int] = field(default_factory=dict)

    def count_failure_and_tell_whether_to_park(self, record: Record, error: Exception) -> bool:
        """Tells whether to park the record after this error. Call this once for each failed try.

        True after a PermanentFailure. False after an outage. Any other error counts as a try, and the result is true
        once the record has LEAST_TRIES tries and is LEAST_AGE old.
        """
        if isinstance(error, PermanentFailure):
            return True
        return not may_pass_later(error) and self._count_try(record)

    def park(self, record: Record, reason: str) -> None:
        """Writes the record as a failure. Raises BotoCoreError, ClientError."""
        self.failures.put([record], PARKED, reason)
        self.tries.pop(_sequence_number(record), None)

    def _count_try(self, record: Record) -> bool:
        """Counts a try of the record. Tells whether it has had LEAST_TRIES tries or more and is at least LEAST_AGE
        old."""
        number = _sequence_number(record)
        self.tries[number] = self.tries.get(number, 0) + 1
        for forgotten in list(self.tries)[:-REMEMBERED_TRIES]:
            del self.tries[forgotten]
        return self.tries[number] >= LEAST_TRIES and self._age_of(record) >= LEAST_AGE

    def _age_of(self, record: Record) -> timedelta:
        return self.failures.clock() - stream_write_time(record)


def may_pass_later(error: BaseException) -> bool:
    """Tells whether a later try of the same record may succeed. That is so after an error of OUTAGES, such as a service
    that does not answer or a missing permission, unless its code is one of OWN_FAULTS."""
    cause = getattr(error, "cause", None) or error  # PynamoDB's errors carry botocore's
    if isinstance(cause, ClientError) and cause.response["Error"]["Code"] in OWN_FAULTS:
        return False
    return isinstance(cause, OUTAGES)


def failure_object_content(records: Sequence[Record], condition: str, reason: str, now: datetime) -> dict[str, Any]:
    """Makes the content of the S3 object that stores failed records.

    Its shape is that of Lambda's on-failure destination, with the reason added.
    """
    first, last = records[0], records[-1]
    return {
        "requestContext": {"condition": condition},
        "version": "1.0",
        "timestamp": to_iso(now),
        "reason": reason[:REASON_CHARACTERS],
        "DDBStreamBatchInfo": {
            "startSequenceNumber": _sequence_number(first),
            "endSequenceNumber": _sequence_number(last),
            "approximateArrivalOfFirstRecord": to_iso(stream_write_time(first)),
            "approximateArrivalOfLastRecord": to_iso(stream_write_time(last)),
            "batchSize": len(records),
            "streamArn": first["eventSourceARN"],
        },
        "payload": json.dumps({"Records": list(records)}),
    }


def reason_in_stream_failure(text: str) -> str | None:
    """Reads from a stored failure the reason why its records failed: our `reason`, or else the condition that Lambda
    wrote.

    None if `text` has neither.
    """
    try:
        described = json.loads(text)
        return str(described.get("reason") or described["requestContext"]["condition"])
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


def object_key(records: Sequence[Record]) -> str:
    """Gives the key of the S3 object for these records, made of table, day and first sequence number."""
    first = records[0]
    table = str(first["eventSourceARN"]).split("/")[1]
    return f"parked/{table}/{stream_write_time(first):%Y/%m/%d}/{_sequence_number(first)}.json"


def stream_write_time(record: Record) -> datetime:
    """Gives the moment of the record's write, to the second."""
    return from_ms(int(float(record["dynamodb"]["ApproximateCreationDateTime"]) * 1000))


def _sequence_number(record: Record) -> str:
    return str(record["dynamodb"]["SequenceNumber"])
