"""AWS's errors on the way of a message or of a stream's record: it comes again, or is parked with the reason, and what
it asks for is done once.
"""

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import boto3
import pytest

from chalicelib.domain.events import Event as Told
from chalicelib.domain.events import EventType
from chalicelib.domain.payments import Charge
from chalicelib.domain.times import to_ms, utc_whole_ms_from_iso_with_zone
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.sqs.envelopes import to_body
from infra.local import mailbox
from tests.builders import an_event
from tests.effort import mostly_thorough

from . import errors, events
from .clients import Items, PackagedApi, Queues
from .endpoint import Endpoint, Reply
from .errors import Fails, always, on_table, refuses_entries
from .runtime import FunctionFailed, Functions, Instance

ALL_HANDLED: dict[str, list[Any]] = {"batchItemFailures": []}


@dataclass(frozen=True)
class Work:
    """A message of a consumer, and the proof that what it asks for was done once."""

    function: str
    queue: str
    body: str
    is_done: Callable[[], bool]


@pytest.fixture
def works(packaged_api: PackagedApi, items: Items, emulator: str) -> Callable[[str], Work]:
    """Makes the work of a consumer, on a sale or a hold of its own."""

    def make(consumer: str) -> Work:
        session_id = packaged_api.schedule()
        address = f"{uuid.uuid4()}@example.com"
        held = packaged_api.hold(session_id, "A1", email=address).body["reservationId"]
        return _MAKERS[consumer](Reserved(packaged_api, items, emulator, session_id, held, address))

    return make


@dataclass(frozen=True)
class Reserved:
    """A seat that is held for a buyer with an address."""

    api: PackagedApi
    items: Items
    emulator: str
    session_id: str
    reservation_id: str
    address: str

    def tell(self, kind: EventType, **data: Any) -> Told:
        made = an_event(str(uuid.uuid4()), utc_now(), self.session_id)
        return replace(made, type=kind, reservation_id=self.reservation_id, seats=("A1",), data=data)


def _audit(held: Reserved) -> Work:
    told = held.tell(EventType.RESERVATION_CREATED)

    def is_done() -> bool:
        listed = held.api.get(f"/api/sessions/{held.session_id}/events").body["events"]
        return [one["id"] for one in listed] == [told.id]

    return Work("on_event_to_audit", "audit", to_body(told), is_done)


def _analytics(held: Reserved) -> Work:
    told = held.tell(EventType.RESERVATION_CREATED)

    def is_done() -> bool:
        counted = held.api.get(f"/api/sessions/{held.session_id}/analytics").body["totals"]
        return bool(counted["holds"] == 1)

    return Work("on_event_to_analytics", "analytics", to_body(told), is_done)


def _email(held: Reserved) -> Work:
    expires = held.api.get(f"/api/reservations/{held.reservation_id}").body["expiresAt"]
    told = held.tell(
        EventType.RESERVATION_CREATED, expiresAtMs=to_ms(utc_whole_ms_from_iso_with_zone(expires)), amountCents=2500
    )

    def is_done() -> bool:
        return [held.address in one.to for one in mailbox.read_emails(held.emulator)].count(True) == 1

    return Work("on_event_to_email", "email", to_body(told), is_done)


def _invoices(held: Reserved) -> Work:
    paid = held.tell(
        EventType.PAYMENT_CONFIRMED,
        saleId=f"sale-{uuid.uuid4()}",
        transactionId=f"tx-{uuid.uuid4()}",
        paymentMethod="pix",
        amountCents=2500,
        paidAtMs=to_ms(utc_now()),
    )

    def is_done() -> bool:
        return held.api.get(f"/api/reservations/{held.reservation_id}/invoice").status == 303

    return Work("on_sale_to_invoice", "invoices", to_body(paid), is_done)


def _payments(held: Reserved) -> Work:
    charge = Charge(f"tx-{uuid.uuid4()}", held.reservation_id, 2500, "BRL", utc_now(), 0)

    def is_done() -> bool:
        return bool(held.api.seats(held.session_id)["A1"] == "sold")

    return Work("on_payment_due", "payments", to_body(charge), is_done)


_MAKERS = {"audit": _audit, "analytics": _analytics, "email": _email, "invoices": _invoices, "payments": _payments}

TABLES = {"audit": "events", "analytics": "ledger", "email": "reservations", "invoices": "invoices", "payments": "rows"}
OPERATIONS = {
    "audit": "PutItem",
    "analytics": "TransactWriteItems",
    "email": "GetItem",
    "invoices": "TransactWriteItems",
    "payments": "UpdateItem",
}
KINDS = {
    "throttled": errors.THROTTLED_TABLE,
    "provisioned throughput": errors.PROVISIONED_THROUGHPUT,
    "broken": errors.BROKEN,
    "no right": errors.NO_RIGHT,
    "token expired": errors.TOKEN_EXPIRED,
}


def deliver(function: Instance, items: Items, work: Work, receives: int = 1) -> tuple[Any, Any]:
    """Delivers the message once. Gives the handler's answer, and the one that asks for the message again."""
    batch = events.queue_batch(items.name(work.queue), work.body, receives=receives)
    again = {"batchItemFailures": [{"itemIdentifier": batch["Records"][0]["messageId"]}]}
    return function(batch), again


@pytest.mark.parametrize("kind", mostly_thorough(KINDS, 3))
@pytest.mark.parametrize("consumer", TABLES)
def test_a_message_that_dynamodb_kept_from_being_handled_comes_again_and_is_handled_once(
    functions: Functions, endpoint: Endpoint, items: Items, works: Callable[[str], Work], consumer: str, kind: str
) -> None:
    work = works(consumer)
    fails = Fails("dynamodb", OPERATIONS[consumer], KINDS[kind], when=on_table(TABLES[consumer]))

    with endpoint.behaving(fails), endpoint.noting() as calls:
        answer, again = deliver(functions[work.function], items, work)

    assert fails.met > 0, "the consumer makes no such call"
    assert answer == again
    assert "ChangeMessageVisibility" in [call.operation for call in calls], "it is put off, not hammered"
    for _ in range(2):
        assert deliver(functions[work.function], items, work, 2)[0] == ALL_HANDLED
    assert work.is_done()


@pytest.mark.parametrize("kind", ["throttled", "no right"])
def test_what_fails_on_its_last_receive_is_parked_with_aws_s_word_for_it(
    functions: Functions, endpoint: Endpoint, items: Items, queues: Queues, works: Callable[[str], Work], kind: str
) -> None:
    work = works("audit")
    queues.take("audit-dlq")
    fails = Fails("dynamodb", "PutItem", KINDS[kind], when=on_table("events"))

    with endpoint.behaving(fails):
        answer, _ = deliver(functions[work.function], items, work, receives=5)

    assert answer == ALL_HANDLED
    assert queues.take("audit-dlq") == [json.loads(work.body)]


@pytest.mark.parametrize("reply", [errors.SQS_THROTTLED, errors.SQS_BROKEN, errors.NO_QUEUE, errors.SQS_NO_RIGHT])
def test_what_can_not_even_be_parked_stays_in_its_queue(
    functions: Functions, endpoint: Endpoint, items: Items, works: Callable[[str], Work], reply: Reply
) -> None:
    """SQS itself then moves it to its dead letters."""
    work = works("audit")
    broken = Fails("dynamodb", "PutItem", errors.BROKEN, when=on_table("events"))

    with endpoint.behaving(broken, Fails("sqs", "SendMessage", reply)):
        answer, again = deliver(functions[work.function], items, work, receives=5)

    assert answer == again


# Emails


@pytest.fixture
def mailer(functions: Functions) -> Iterator[Instance]:
    """An instance of its own: its breaker has met nothing yet."""
    with functions.new_instance("on_event_to_email") as instance:
        yield instance


def test_an_email_that_the_sandbox_refuses_is_parked_with_its_address_masked(
    mailer: Instance, endpoint: Endpoint, items: Items, queues: Queues, works: Callable[[str], Work]
) -> None:
    """No later try helps: SES sends to verified addresses only, until the account leaves the sandbox."""
    work = works("email")
    url = queues.sqs.get_queue_url(QueueName=items.name("email-dlq"))["QueueUrl"]

    with endpoint.behaving(Fails("ses", "SendRawEmail", errors.SANDBOX)):
        answer, _ = deliver(mailer, items, work)

    assert answer == ALL_HANDLED
    asked: Any = {"MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"], "WaitTimeSeconds": 0}
    (parked,) = [
        one for one in queues.sqs.receive_message(QueueUrl=url, **asked)["Messages"] if one["Body"] == work.body
    ]
    queues.sqs.delete_message(QueueUrl=url, ReceiptHandle=parked["ReceiptHandle"])
    reason = parked["MessageAttributes"]["reason"]["StringValue"]
    assert "MessageRejected" in reason
    assert "ana@example.com" not in reason


@pytest.mark.parametrize(
    "reply", [errors.SES_TOO_FAST, errors.SES_QUOTA_USED, errors.SES_PAUSED, errors.SES_BROKEN, errors.SES_NO_RIGHT]
)
def test_an_email_that_ses_does_not_take_now_comes_again_and_is_sent_once(
    mailer: Instance, endpoint: Endpoint, items: Items, queues: Queues, works: Callable[[str], Work], reply: Reply
) -> None:
    """By the queue's own redelivery, or as a message that waits in the same queue."""
    work = works("email")
    waiting = queues.count("email")

    with endpoint.behaving(Fails("ses", "SendRawEmail", reply)):
        answer, again = deliver(mailer, items, work)

    assert answer == again or queues.count("email") == waiting + 1
    for _ in range(2):
        assert deliver(mailer, items, work, 2)[0] == ALL_HANDLED
    assert work.is_done()


def test_emails_beyond_the_sending_rate_do_not_keep_the_next_ones_from_being_sent(
    mailer: Instance, endpoint: Endpoint, items: Items, works: Callable[[str], Work]
) -> None:
    """F7: SES that says "slower" is well. A breaker that opened would burn a receive of every email behind it."""
    throttled, next_one = works("email"), works("email")
    with endpoint.behaving(Fails("ses", "SendRawEmail", errors.SES_TOO_FAST)):
        for receives in range(1, 5):
            deliver(mailer, items, throttled, 1)
            deliver(mailer, items, throttled, receives)

    assert deliver(mailer, items, next_one)[0] == ALL_HANDLED
    assert next_one.is_done()


# Invoices


@pytest.mark.parametrize(
    "reply", mostly_thorough([errors.SLOW_DOWN, errors.S3_AWAY, errors.S3_CLOCK_SKEW, errors.S3_NO_RIGHT], 4)
)
def test_an_invoice_that_s3_does_not_take_is_filed_later_under_its_number(
    functions: Functions, endpoint: Endpoint, items: Items, works: Callable[[str], Work], reply: Reply
) -> None:
    work = works("invoices")

    with endpoint.behaving(Fails("s3", "PutObject", reply)):
        answer, again = deliver(functions[work.function], items, work)

    assert answer == again
    assert not work.is_done()
    assert deliver(functions[work.function], items, work, 2)[0] == ALL_HANDLED
    assert work.is_done()


def test_an_invoice_that_s3_has_already_is_filed(
    functions: Functions, endpoint: Endpoint, items: Items, works: Callable[[str], Work]
) -> None:
    """`If-None-Match: *` answers 412 once the first try has taken effect, and its answer was lost."""
    work = works("invoices")

    with endpoint.behaving(Fails("s3", "PutObject", errors.WRITTEN_ALREADY, takes_effect=True)):
        answer, _ = deliver(functions[work.function], items, work)

    assert answer == ALL_HANDLED
    assert work.is_done()


# The relays


@pytest.fixture
def created(packaged_api: PackagedApi, items: Items, queues: Queues) -> list[events.Event]:
    """Records of three reservations, each made in a screening of its own."""
    session_id = packaged_api.schedule()
    held = packaged_api.hold(session_id, "A1").body["reservationId"]
    item = items.reservation(held)
    queues.take("audit")
    named = [{**item, "id": {"S": f"res-{uuid.uuid4().hex}"}} for _ in range(3)]
    return [items.change("reservations", None, each, place=place) for place, each in enumerate(named)]


def ids_of(records: list[events.Event]) -> list[str]:
    return [record["dynamodb"]["NewImage"]["id"]["S"] for record in records]


@pytest.mark.parametrize(
    "reply",
    [
        errors.SQS_THROTTLED,
        errors.SQS_BROKEN,
        errors.NO_QUEUE,
        errors.TOO_MANY_IN_FLIGHT,
        errors.SQS_NO_RIGHT,
        errors.sqs_error("InvalidSignatureException", "Signature expired: now earlier than", 403),
    ],
)
def test_records_of_which_sqs_takes_no_message_all_come_again(
    functions: Functions, endpoint: Endpoint, queues: Queues, created: list[events.Event], reply: Reply
) -> None:
    relay = functions["on_reservation_changed"]

    with endpoint.behaving(Fails("sqs", "SendMessageBatch", reply)), pytest.raises(FunctionFailed) as failed:
        relay(events.stream_batch(*created))

    assert failed.value.kind == "NothingRelayed"
    assert relay(events.stream_batch(*created)) == ALL_HANDLED
    assert sorted(told["reservationId"] for told in queues.take("audit")) == sorted(ids_of(created))


@pytest.mark.parametrize(("code", "sender_fault"), [("InternalError", False), ("InvalidMessageContents", True)])
def test_a_batch_of_which_sqs_refuses_an_entry_comes_again_from_that_record_on(
    functions: Functions,
    endpoint: Endpoint,
    queues: Queues,
    created: list[events.Event],
    code: str,
    sender_fault: bool,
) -> None:
    """SendMessageBatch answers 200, with the entry in `Failed`."""
    relay = functions["on_reservation_changed"]

    with endpoint.behaving(refuses_entries("audit", [1], code, sender_fault=sender_fault)):
        answer = relay(events.stream_batch(*created))

    first_failed = created[1]["dynamodb"]["SequenceNumber"]
    assert answer == {"batchItemFailures": [{"itemIdentifier": first_failed}]}
    assert relay(events.stream_batch(*created[1:])) == ALL_HANDLED
    told = [each["reservationId"] for each in queues.take("audit")]
    assert set(told) == set(ids_of(created))
    assert told.count(ids_of(created)[0]) == 1


@pytest.mark.parametrize("reply", [errors.THROTTLED_TABLE, errors.BROKEN, errors.NO_RIGHT, errors.TOKEN_EXPIRED])
def test_a_sale_whose_reservation_can_not_be_finished_now_comes_again(
    functions: Functions, packaged_api: PackagedApi, endpoint: Endpoint, items: Items, reply: Reply
) -> None:
    session_id = packaged_api.schedule(ticketPrice=0)
    held = packaged_api.hold(session_id, "A1").body["reservationId"]
    fails = Fails("dynamodb", "UpdateItem", errors.BROKEN, when=on_table("reservations"))
    with endpoint.behaving(fails):
        assert packaged_api.post(f"/api/reservations/{held}/confirm", {}).status == 503
    sold = events.stream_batch(items.change("rows", {"id": {"S": f"{session_id}#A"}}, items.row(session_id)))
    fails = Fails("dynamodb", "UpdateItem", reply, when=on_table("reservations"))

    with endpoint.behaving(fails), pytest.raises(FunctionFailed):
        functions["on_row_changed"](sold)

    assert functions["on_row_changed"](sold) == ALL_HANDLED
    assert packaged_api.get(f"/api/reservations/{held}").body["status"] == "confirmed"


@pytest.mark.parametrize("reply", mostly_thorough([errors.SLOW_DOWN, errors.S3_NO_RIGHT], 2))
def test_a_record_that_can_not_be_put_aside_is_not_passed_over(
    functions: Functions, endpoint: Endpoint, created: list[events.Event], queues: Queues, reply: Reply
) -> None:
    strange = json.loads(json.dumps(created[1]))
    strange["dynamodb"]["NewImage"]["state"] = {"N": "1"}
    relay = functions["on_reservation_changed"]

    with endpoint.behaving(Fails("s3", "PutObject", reply, when=always)):
        answer = relay(events.stream_batch(created[0], strange, created[2]))

    number = strange["dynamodb"]["SequenceNumber"]
    assert answer == {"batchItemFailures": [{"itemIdentifier": number}]}
    assert ids_of(created)[2] not in [told["reservationId"] for told in queues.take("audit")]
    assert relay(events.stream_batch(strange, created[2])) == ALL_HANDLED
    s3, bucket = boto3.client("s3"), functions.values["STREAM_FAILURES_BUCKET"]
    (key,) = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"] if number in one["Key"]]
    s3.delete_object(Bucket=bucket, Key=key)
