"""Records of queues, streams and schedules as AWS sends them, through the packaged handlers."""

import json
import time
import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import boto3
import pytest

from chalicelib.domain.events import Event as Told
from chalicelib.domain.payments import Charge
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.sqs.envelopes import to_body
from chalicelib.infrastructure.streams.failures import failure_object_content, reason_in_stream_failure
from infra.local.payment_gateway import Gateway
from infra.local.pump import clients as pump_clients
from infra.local.pump import queue_source, stream_source
from infra.ops.stream_failures import parse_failed_batch
from tests.builders import an_event

from . import events
from .clients import Items, PackagedApi, Queues
from .runtime import Functions

ALL_HANDLED: dict[str, list[Any]] = {"batchItemFailures": []}
AUDIT = "on_event_to_audit"


@pytest.fixture
def session_id(packaged_api: PackagedApi) -> str:
    return packaged_api.schedule()


def told_of(session_id: str) -> Told:
    return an_event(str(uuid.uuid4()), utc_now(), session_id)


def read_log(api: PackagedApi, session_id: str) -> list[str]:
    """Reads the ids of the events in the audit log of a screening."""
    return [event["id"] for event in api.get(f"/api/sessions/{session_id}/events?limit=100").body["events"]]


def bodies(*told: Told) -> list[str]:
    return [to_body(each) for each in told]


# Queues


def test_a_full_batch_is_handled_and_a_second_delivery_changes_nothing(
    functions: Functions, packaged_api: PackagedApi, items: Items, session_id: str
) -> None:
    told = [told_of(session_id) for _ in range(10)]
    batch = events.queue_batch(items.name("audit"), *bodies(*told))

    assert [functions[AUDIT](batch) for _ in range(2)] == [ALL_HANDLED, ALL_HANDLED]

    assert sorted(read_log(packaged_api, session_id)) == sorted(each.id for each in told)


def test_a_message_that_nobody_can_read_is_parked_with_the_reason_and_the_others_are_handled(
    functions: Functions, packaged_api: PackagedApi, items: Items, queues: Queues, session_id: str
) -> None:
    good, strange = told_of(session_id), f"no event: {uuid.uuid4()}"
    batch = events.queue_batch(items.name("audit"), strange, *bodies(good))
    url = queues.sqs.get_queue_url(QueueName=items.name("audit-dlq"))["QueueUrl"]

    assert functions[AUDIT](batch) == ALL_HANDLED

    assert read_log(packaged_api, session_id) == [good.id]
    asked: Any = {"MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"], "WaitTimeSeconds": 0}
    parked = queues.sqs.receive_message(QueueUrl=url, **asked)["Messages"]
    (ours,) = [one for one in parked if one["Body"] == strange]
    assert "not JSON" in ours["MessageAttributes"]["reason"]["StringValue"]
    assert ours["MessageAttributes"]["receives"]["StringValue"] == "1"
    queues.sqs.delete_message(QueueUrl=url, ReceiptHandle=ours["ReceiptHandle"])


def test_the_receives_of_a_message_are_text(functions: Functions, items: Items, queues: Queues) -> None:
    """On the fifth the handler parks what it could not do; SQS itself would park it without the reason."""
    charge = Charge("tx-unknown", "res-unknown-of-nobody", 2500, "BRL", utc_now(), 0)
    due = json.loads(to_body(charge)) | {"due": {"transactionId": f"tx-{uuid.uuid4()}", "dueAtMs": 0}}
    del due["charge"]
    batch = events.queue_batch(items.name("payments"), json.dumps(due), receives=5)

    assert functions["on_payment_due"](batch) == ALL_HANDLED

    (parked,) = queues.take("payments-dlq")
    assert parked == due


def test_a_message_that_was_redriven_has_attributes_and_is_handled_like_any_other(
    functions: Functions, packaged_api: PackagedApi, items: Items, session_id: str
) -> None:
    told = told_of(session_id)
    text = {"dataType": "String", "stringValue": "was parked"}
    batch = events.queue_batch(items.name("audit"), *bodies(told), reason=text)

    assert functions[AUDIT](batch) == ALL_HANDLED
    assert read_log(packaged_api, session_id) == [told.id]


def test_a_charge_that_the_gateway_told_of_buys_the_seats(
    functions: Functions, packaged_api: PackagedApi, items: Items, session_id: str
) -> None:
    held = packaged_api.hold(session_id, "A1").body["reservationId"]
    charge = Charge(f"tx-{uuid.uuid4()}", held, 2500, "BRL", utc_now(), 0)

    assert functions["on_payment_due"](events.queue_batch(items.name("payments"), to_body(charge))) == ALL_HANDLED

    assert packaged_api.get(f"/api/reservations/{held}").body["status"] == "confirmed"


# Streams


@pytest.mark.parametrize("moment", [int, float, lambda now: float(f"{now:.3f}")], ids=["seconds", "float", "fraction"])
def test_a_hold_on_the_rows_stream_is_put_on_the_expiry_queue(
    functions: Functions, packaged_api: PackagedApi, items: Items, queues: Queues, session_id: str, moment: Any
) -> None:
    held = packaged_api.hold(session_id, "A1").body["reservationId"]
    before = queues.count("expiry")
    change = items.change("rows", {"id": {"S": f"{session_id}#A"}}, items.row(session_id), at=moment(time.time()))

    assert functions["on_row_changed"](events.stream_batch(change)) == ALL_HANDLED

    assert queues.count("expiry") == before + 1, held


@pytest.mark.parametrize("moment", [int, float], ids=["seconds", "float"])
def test_a_hold_on_the_reservations_stream_is_told_to_every_consumer(
    functions: Functions, packaged_api: PackagedApi, items: Items, queues: Queues, session_id: str, moment: Any
) -> None:
    held = packaged_api.hold(session_id, "A1", email="ana@example.com").body["reservationId"]
    change = items.change("reservations", None, items.reservation(held), at=moment(time.time()))

    assert functions["on_reservation_changed"](events.stream_batch(change)) == ALL_HANDLED

    for queue in ("audit", "analytics", "email", "notification", "cache"):
        assert held in [told["reservationId"] for told in queues.take(queue)], queue


@pytest.mark.parametrize("deleted_by", [events.BY_TTL, None], ids=["TTL", "a hand"])
def test_a_pending_reservation_that_was_deleted_has_expired(
    functions: Functions,
    packaged_api: PackagedApi,
    items: Items,
    queues: Queues,
    session_id: str,
    deleted_by: events.Event | None,
) -> None:
    """Its expiry message was lost: TTL deletes it a day later, as `dynamodb.amazonaws.com`."""
    with functions.new_instance("api_handler", HOLD_SECONDS="1") as quick:
        held = replace(packaged_api, function=quick).hold(session_id, "A1").body["reservationId"]
    time.sleep(1.1)
    queues.take("audit")
    removed = items.change("reservations", items.reservation(held), None, user_identity=deleted_by)

    assert functions["on_reservation_changed"](events.stream_batch(removed)) == ALL_HANDLED

    assert packaged_api.seats(session_id)["A1"] == "available"
    assert [(told["type"], told["reservationId"]) for told in queues.take("audit")] == [("ReservationExpired", held)]


def test_what_ttl_deletes_of_payments_is_nobody_s_news(
    functions: Functions, packaged_api: PackagedApi, items: Items, queues: Queues, session_id: str
) -> None:
    held = packaged_api.hold(session_id, "A1").body["reservationId"]
    transaction = f"tx-{uuid.uuid4()}"
    charge = Charge(transaction, held, 2500, "BRL", utc_now(), 0)
    functions["on_payment_due"](events.queue_batch(items.name("payments"), to_body(charge)))
    before = queues.count("refunds")
    removed = items.change(
        "payments", items.get("payments", transaction_id=transaction), None, user_identity=events.BY_TTL
    )

    assert functions["on_payment_changed"](events.stream_batch(removed)) == ALL_HANDLED
    assert queues.count("refunds") == before


def test_a_new_row_and_attributes_of_a_later_version_say_nothing(
    functions: Functions, items: Items, queues: Queues, session_id: str
) -> None:
    """All that an image can hold: no empty set, but empty text, list and map, null, sets, and numbers of 38 digits."""
    strange = {
        "empty": {"S": ""},
        "list": {"L": []},
        "map": {"M": {}},
        "null": {"NULL": True},
        "set": {"SS": ["a"]},
        "numbers": {"NS": ["1", "2"]},
        "bytes": {"B": "AAE="},
        "long": {"N": "12345678901234567890123456789012345678"},
    }
    before = queues.count("expiry")
    created = items.change("rows", None, items.row(session_id))
    changed = items.change("rows", items.row(session_id), {**items.row(session_id), **strange}, place=1)

    assert functions["on_row_changed"](events.stream_batch(created, changed)) == ALL_HANDLED
    assert queues.count("expiry") == before


def test_a_full_batch_of_a_stream_is_relayed_in_messages_of_ten(
    functions: Functions, packaged_api: PackagedApi, items: Items, queues: Queues, session_id: str
) -> None:
    held = packaged_api.hold(session_id, "A1").body["reservationId"]
    item = items.reservation(held)
    queues.take("audit")
    ids = [f"res-{uuid.uuid4().hex}" for _ in range(100)]
    records = [
        items.change("reservations", None, {**item, "id": {"S": one}}, place=place) for place, one in enumerate(ids)
    ]

    assert functions["on_reservation_changed"](events.stream_batch(*records)) == ALL_HANDLED

    assert sorted(told["reservationId"] for told in queues.take("audit")) == sorted(ids)


def test_a_record_that_nobody_can_read_is_put_aside_and_those_after_it_are_told(
    functions: Functions, packaged_api: PackagedApi, items: Items, queues: Queues, session_id: str
) -> None:
    held = packaged_api.hold(session_id, "A1").body["reservationId"]
    item, place = items.reservation(held), uuid.uuid4().int % 10**9
    queues.take("audit")
    unreadable = items.change("reservations", None, {**item, "state": {"N": "1"}}, place=place)
    fine = items.change("reservations", None, item, place=place + 1)

    assert functions["on_reservation_changed"](events.stream_batch(unreadable, fine)) == ALL_HANDLED

    assert [told["reservationId"] for told in queues.take("audit")] == [held]
    s3, bucket = boto3.client("s3"), functions.values["STREAM_FAILURES_BUCKET"]
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    (key,) = [one for one in keys if one.endswith(f"/{unreadable['dynamodb']['SequenceNumber']}.json")]
    kept = parse_failed_batch(s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode())
    s3.delete_object(Bucket=bucket, Key=key)
    assert kept.records == [unreadable]


# What Lambda gives up


def test_an_operator_reads_what_lambda_writes_of_a_batch_that_it_gave_up(items: Items, session_id: str) -> None:
    batch = events.stream_batch(items.change("rows", None, items.row(session_id)))
    written = json.dumps(events.given_up(batch, condition="RecordAgeExceeded"))

    lost = parse_failed_batch(written)

    assert (lost.table, lost.records, lost.reason) == (items.name("rows"), batch["Records"], "RecordAgeExceeded")
    assert reason_in_stream_failure(written) == "RecordAgeExceeded"


def test_what_our_handlers_write_has_no_field_that_lambda_s_has_not_but_the_reason(
    items: Items, session_id: str
) -> None:
    batch = events.stream_batch(items.change("rows", None, items.row(session_id)))

    ours = failure_object_content(batch["Records"], "ParkedByHandler", "why", utc_now())

    assert ours.keys() - events.given_up(batch).keys() == {"reason"}
    assert ours["DDBStreamBatchInfo"].keys() <= events.given_up(batch)["DDBStreamBatchInfo"].keys()
    assert ours["DDBStreamBatchInfo"]["streamArn"] == batch["Records"][0]["eventSourceARN"]


# Schedules


def test_the_sweep_finds_a_payment_whose_message_was_lost(
    functions: Functions, packaged_api: PackagedApi, simulated_gateway: Gateway, session_id: str
) -> None:
    held = packaged_api.hold(session_id, "A1").body["reservationId"]
    simulated_gateway.charge(f"tx-lost-{uuid.uuid4()}", held, 2500)

    assert functions["on_reconciliation_due"](events.scheduled("sweep")) is None

    assert packaged_api.get(f"/api/reservations/{held}").body["status"] == "confirmed"


# The pump, where no Lambda feeds the handlers


def test_the_pump_makes_aws_s_records_of_a_queue_s_messages(items: Items, queues: Queues) -> None:
    name = f"{items.prefix}-pumped-{uuid.uuid4().hex[:8]}"
    url = queues.sqs.create_queue(QueueName=name)["QueueUrl"]
    attribute: Any = {"reason": {"DataType": "String", "StringValue": "was parked"}}
    queues.sqs.send_message(QueueUrl=url, MessageBody="{}", MessageAttributes=attribute)
    seen: list[Any] = []

    fed = queue_source("pumped", lambda event, _: seen.append(event), pump_clients().sqs, name, 10).feed()

    queues.sqs.delete_queue(QueueUrl=url)
    ((ours,), (aws,)) = seen[0]["Records"], events.queue_batch(name, "{}", reason=attribute["reason"])["Records"]
    assert fed.handled == 1
    assert aws.keys() - ours.keys() == {"md5OfMessageAttributes"}
    assert ours.keys() <= aws.keys()
    assert aws["attributes"].keys() - ours["attributes"].keys() <= {"AWSTraceHeader"}
    assert {type(value) for value in ours["attributes"].values()} == {str}
    assert ours["messageAttributes"]["reason"].keys() == {
        "stringValue",
        "stringListValues",
        "binaryListValues",
        "dataType",
    }


def test_the_pump_makes_aws_s_records_of_a_stream(packaged_api: PackagedApi, items: Items) -> None:
    seen: list[Any] = []
    source = stream_source(
        "pumped", lambda event, _: seen.append(event), pump_clients(), items.name("rows"), 100, None, utc_now
    )
    while source.skip():
        pass
    session_id, deadline = packaged_api.schedule(), utc_now() + timedelta(seconds=20)
    packaged_api.hold(session_id, "A1")

    while not any(session_id in json.dumps(event) for event in seen):
        assert utc_now() < deadline
        source.feed()

    ours = next(one for event in seen for one in event["Records"] if session_id in json.dumps(one))
    aws = items.change("rows", None, items.row(session_id))
    assert ours.keys() == aws.keys()
    assert ours["dynamodb"].keys() <= aws["dynamodb"].keys() | {"OldImage"}
    assert isinstance(ours["dynamodb"]["ApproximateCreationDateTime"], int | float)
    assert ours["eventSourceARN"].split("/")[1:3:2] == aws["eventSourceARN"].split("/")[1:3:2]
