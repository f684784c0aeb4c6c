"""Parking records of a stream: which ones, when, and their description."""

import json
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from chalicelib.domain.events import UnreadableMessage
from chalicelib.domain.refusals import BackendUnavailable
from chalicelib.infrastructure.dynamodb.connection import WriteConflict
from chalicelib.infrastructure.streams.failures import (
    LEAST_AGE,
    LEAST_TRIES,
    PARKED,
    REMEMBERED_TRIES,
    S3StreamFailures,
    StreamRecordParking,
    failure_object_content,
    object_key,
    reason_in_stream_failure,
)
from infra.ops.stream_failures import parse_failed_batch
from tests.builders import NOW
from tests.fakes import MovableClock

STREAM = "arn:aws:dynamodb:us-east-1:000000000000:table/cinema-test-rows/stream/2026-11-26T18:00:00.000"


def a_record(number: str = "1") -> dict[str, Any]:
    change = {"SequenceNumber": number, "ApproximateCreationDateTime": int(NOW.timestamp()), "NewImage": {}}
    return {"eventID": "e", "eventName": "INSERT", "eventSourceARN": STREAM, "dynamodb": change}


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "any")


class WrapsAnother(Exception):
    """An error with a cause, as PynamoDB's errors are."""

    def __init__(self, cause: Exception) -> None:
        self.cause = cause


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(NOW)


@pytest.fixture
def parking(clock: MovableClock) -> StreamRecordParking:
    def nobody() -> Any:
        raise AssertionError("nothing is asked of S3 before something is parked")

    return StreamRecordParking(S3StreamFailures(client=nobody, bucket="bucket", clock=clock))


def tried(parking: StreamRecordParking, times: int, error: Exception, number: str = "1") -> list[bool]:
    return [parking.count_failure_and_tell_whether_to_park(a_record(number), error) for _ in range(times)]


def test_what_can_not_be_read_is_put_aside_at_once(parking: StreamRecordParking) -> None:
    assert tried(parking, 1, UnreadableMessage("version 9")) == [True]


@pytest.mark.parametrize(
    "outage",
    [
        BackendUnavailable("UpdateItem"),
        WriteConflict("UpdateItem"),
        refused("AccessDeniedException"),
        refused("ResourceNotFoundException"),
        ConnectTimeoutError(endpoint_url="https://sqs"),
        ConnectionResetError(),
        WrapsAnother(refused("AccessDeniedException")),
    ],
    ids=repr,
)
def test_an_outage_costs_time_only(parking: StreamRecordParking, clock: MovableClock, outage: Exception) -> None:
    """Only the event source mapping gives a record up for its age, hours later."""
    clock.now += timedelta(hours=11)

    assert not any(tried(parking, 100, outage))


@pytest.mark.parametrize("bug", [KeyError("seats"), refused("ValidationException")], ids=repr)
def test_a_bug_holds_up_the_others_for_a_quarter_of_an_hour(
    parking: StreamRecordParking, clock: MovableClock, bug: Exception
) -> None:
    assert not any(tried(parking, 100, bug))

    clock.now += LEAST_AGE

    assert tried(parking, 1, bug) == [True]


def test_what_stumbles_once_more_after_an_outage_is_not_given_up_for_its_age(
    parking: StreamRecordParking, clock: MovableClock
) -> None:
    clock.now += timedelta(hours=3)

    assert tried(parking, LEAST_TRIES, KeyError("once")) == [*[False] * (LEAST_TRIES - 1), True]
    assert tried(parking, 1, KeyError("once"), number="2") == [False]


def test_a_process_remembers_the_tries_of_some_records_only(parking: StreamRecordParking) -> None:
    for number in range(REMEMBERED_TRIES + 10):
        tried(parking, 1, KeyError(), str(number))

    assert len(parking.tries) == REMEMBERED_TRIES


def test_what_is_written_is_what_a_replay_reads() -> None:
    written = json.dumps(failure_object_content([a_record("1"), a_record("2")], PARKED, "why", NOW))

    batch = parse_failed_batch(written)

    assert batch.records == [a_record("1"), a_record("2")]
    assert (batch.stream, batch.table, batch.reason) == (STREAM, "cinema-test-rows", "why")


def test_a_record_has_one_name_however_often_it_is_parked() -> None:
    assert object_key([a_record("7")]) == object_key([a_record("7")])
    assert object_key([a_record("7")]) != object_key([a_record("8")])
    assert object_key([a_record("7")]).startswith("parked/cinema-test-rows/")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"reason": "ours"}', "ours"),
        ('{"requestContext": {"condition": "RetryAttemptsExhausted"}}', "RetryAttemptsExhausted"),
        ("{}", None),
        ("[]", None),
        ("not JSON", None),
    ],
)
def test_the_reason_is_told_where_there_is_one(text: str, reason: str | None) -> None:
    assert reason_in_stream_failure(text) == reason
