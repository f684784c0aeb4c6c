"""Every event reaches every consumer and takes effect once: through the real streams, queues and handlers."""

import random
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.application.consumers.analytics import CountEvent
from chalicelib.application.consumers.audit import RecordEvent
from chalicelib.application.consumers.email import WAITS_FOR_TICKETS, SendBuyerEmail
from chalicelib.application.consumers.invoices import IssueInvoicesOfSalesNotFree
from chalicelib.application.consumers.webhooks import NumberEventsAndQueueDeliveries
from chalicelib.application.refunds import RefundOrSettle
from chalicelib.domain.events import Event, EventType
from chalicelib.domain.payments import Charge, PaymentStatus, RefundReason
from chalicelib.domain.reservations import Contact
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.dynamodb import connection
from chalicelib.infrastructure.dynamodb.events.analytics import DynamoAnalytics
from chalicelib.infrastructure.dynamodb.events.event_log import DynamoEventLog
from chalicelib.infrastructure.dynamodb.events.invoices import DynamoInvoices
from chalicelib.infrastructure.dynamodb.events.notifications import DynamoNotifications
from chalicelib.infrastructure.dynamodb.events.processed_events import DynamoProcessedEvents
from chalicelib.infrastructure.dynamodb.payments import DynamoPayments
from chalicelib.infrastructure.ids import buyer_partition_of_user
from chalicelib.infrastructure.sqs.envelopes import to_body
from infra.local.pump import Pump
from tests.builders import NOW, a_reservation, a_sale, a_session
from tests.effort import effort
from tests.fakes import (
    FakeEmailRenderer,
    FakeEmailSender,
    FakeGateway,
    FakeInvoiceFiles,
    FakeOutbox,
    FakeReservations,
    FakeSessions,
    FakeSuppressedAddresses,
    FakeTickets,
    FakeWebhooks,
    MovableClock,
)
from tests.http_api import Api
from tests.integration.conftest import drain_until
from tests.integration.crashing import BatchConsumer, Consumer


def listed(api: Api, session_id: str) -> list[Any]:
    return list(api.get(f"/api/sessions/{session_id}/events?limit=100").body["events"])


def a_story(sold: str, cancelled: str, lapsed: str) -> dict[tuple[str, str], int]:
    """Gives how often each event is told of: two seats are sold, two given back, and one lapses."""
    return {
        ("ReservationCreated", sold): 1,
        ("PaymentConfirmed", sold): 1,
        ("ReservationCreated", cancelled): 1,
        ("ReservationCancelled", cancelled): 1,
        ("SeatReleased", cancelled): 2,
        ("ReservationCreated", lapsed): 1,
        ("ReservationExpired", lapsed): 1,
        ("SeatReleased", lapsed): 1,
    }


def a_listed_payment(sold: str, sale: dict[str, Any]) -> dict[str, Any]:
    """Gives Ana's payment for two seats, without its id."""
    return {
        "type": "PaymentConfirmed",
        "occurredAt": sale["paidAt"],
        "reservationId": sold,
        "userId": buyer_partition_of_user("ana"),
        "seats": ["A1", "A2"],
        "data": {
            "amountCents": 5000,
            "saleId": sale["saleId"],
            "transactionId": f"tx-{sold}",
            "paymentMethod": "credit_card",
        },
    }


def test_a_screening_tells_its_whole_story_in_order(quick: Api, pump: Pump) -> None:
    session_id = quick.schedule()
    sold = quick.hold(session_id, "A1", "A2", user="ana").body["reservationId"]
    sale = quick.confirm(sold, f"tx-{sold}").body
    cancelled = quick.hold(session_id, "A10", "B1", user="bia").body["reservationId"]
    quick.delete(f"/api/reservations/{cancelled}")
    lapsed = quick.hold(session_id, "B2", user="caio").body["reservationId"]

    def story() -> Counter[tuple[str, str]]:
        return Counter((event["type"], event["reservationId"]) for event in listed(quick, session_id))

    drain_until(pump, lambda: ("ReservationExpired", lapsed) in story())
    pump.drain()

    assert story() == a_story(sold, cancelled, lapsed)
    payment = next(event for event in listed(quick, session_id) if event["type"] == "PaymentConfirmed")
    assert payment.pop("id").startswith(f"PaymentConfirmed:{sold}:")
    assert payment == a_listed_payment(sold, sale)
    numbers = quick.get(f"/api/sessions/{session_id}/analytics").body
    assert numbers["totals"]["sales"] == 1


def test_the_events_of_an_unknown_screening_are_404(quick: Api) -> None:
    assert quick.get("/api/sessions/550e8400-e29b-41d4-a716-446655440000/events").status == 404


# Many events, delivered twice, to consumers that crash.

SALES = effort(200, 1000)
DUPLICATES, POISON = SALES // 5, 10


@pytest.fixture
def sales() -> list[Event]:
    session_id = str(uuid.uuid4())
    return [
        Event(
            f"PaymentConfirmed:{number}",
            EventType.PAYMENT_CONFIRMED,
            NOW + timedelta(milliseconds=number),
            session_id,
            f"res-{number}",
            ("A1",),
            {"amountCents": 2500, "saleId": f"sale-{number}", "transactionId": "tx", "paymentMethod": "pix"},
        )
        for number in range(SALES)
    ]


@pytest.fixture(scope="module")
def database(data_stack: str) -> Iterator[Any]:
    with closing(connection.new_dynamodb_client()) as client:
        yield client


def worked_through(consumer: Consumer, sales: list[Event], chance: random.Random) -> None:
    deliveries = sales + chance.sample(sales, DUPLICATES)
    chance.shuffle(deliveries)
    consumer.send(deliveries)
    consumer.poison(POISON)
    consumer.work()
    reasons = Counter(message["MessageAttributes"]["reason"]["StringValue"][:8] for message in consumer.parked())
    assert reasons == {"not JSON": POISON / 2, "not a me": POISON / 2}


def test_many_sales_are_in_the_audit_log_once_each(database: Any, data_stack: str, sales: list[Event]) -> None:
    chance = random.Random(1)
    log = DynamoEventLog(database, f"{data_stack}-events")

    worked_through(Consumer(RecordEvent(log), chance), sales, chance)

    assert [event.id for event in log.list_events(sales[0].session_id, SALES + 1, None).items] == [s.id for s in sales]


def test_many_sales_are_counted_once_each(database: Any, data_stack: str, sales: list[Event]) -> None:
    chance = random.Random(2)
    ledger = DynamoProcessedEvents(database, f"{data_stack}-ledger", f"analytics-{uuid.uuid4()}", utc_now)
    analytics = DynamoAnalytics(database, f"{data_stack}-analytics", ledger)

    worked_through(Consumer(CountEvent(analytics), chance), sales, chance)

    counted = list(analytics.read_tallies_by_bucket(sales[0].session_id).values())
    assert sum(tally.sales for tally in counted) == SALES
    assert sum(tally.revenue_cents for tally in counted) == SALES * 2500


def test_many_sales_are_numbered_for_webhooks_once_each(database: Any, data_stack: str, sales: list[Event]) -> None:
    chance = random.Random(4)
    notifications = DynamoNotifications(database, f"{data_stack}-notifications")
    announce = NumberEventsAndQueueDeliveries(notifications, FakeWebhooks(), FakeOutbox(), utc_now)

    worked_through(BatchConsumer(announce, chance), sales, chance)

    session_id = sales[0].session_id
    told = [notifications.find(session_id, sequence) for sequence in range(1, SALES + 2)]
    assert {one.event.id for one in told if one} == {sale.id for sale in sales}
    assert told[-1] is None


def test_many_sales_get_an_invoice_once_each(database: Any, data_stack: str, sales: list[Event]) -> None:
    chance = random.Random(5)
    session = replace(a_session(), id=sales[0].session_id)
    own = [replace(sale, reservation_id=a_reservation(session=session).id) for sale in sales]
    invoices, files = DynamoInvoices(database, f"{data_stack}-invoices"), FakeInvoiceFiles()
    known = FakeReservations(), FakeSessions({session.id: session}), invoices
    issue = IssueInvoicesOfSalesNotFree(*known, lambda invoice: invoice.number.encode(), files, ("Cinema",), "UTC")

    worked_through(BatchConsumer(issue, chance), own, chance)

    issued = [invoice for sale in own if (invoice := invoices.find(sale.reservation_id))]
    places = sorted(invoice.place for invoice in issued)
    assert places == list(range(places[0], places[0] + SALES))
    assert sorted(files.puts) == sorted((invoice.number, invoice.number.encode()) for invoice in issued)


def test_many_buyers_get_their_letter_once_each(database: Any, data_stack: str, sales: list[Event]) -> None:
    chance = random.Random(6)
    session, mail = replace(a_session(), id=sales[0].session_id), FakeEmailSender()
    ana = Contact("ana@example.com", "en")
    bought = (replace(a_reservation(session=session), id=sale.reservation_id, contact=ana) for sale in sales)
    reservations = FakeReservations({each.id: each.confirmed(a_sale()) for each in bought})
    ledger = DynamoProcessedEvents(database, f"{data_stack}-ledger", f"email-{uuid.uuid4()}", utc_now)
    write = SendBuyerEmail(
        reservations,
        FakeSessions({session.id: session}),
        FakeEmailRenderer(),
        mail,
        ledger,
        FakeSuppressedAddresses(),
        FakeTickets(),
        MovableClock(NOW + WAITS_FOR_TICKETS * 2),
    )

    worked_through(Consumer(write, chance), sales, chance)

    assert sorted(message.reference for message in mail.sent) == sorted(sale.id for sale in sales)


def test_many_payments_are_returned_once_each(database: Any, data_stack: str, sales: list[Event]) -> None:
    chance = random.Random(7)
    payments, gateway, run = DynamoPayments(database, f"{data_stack}-payments"), FakeGateway(), uuid.uuid4()
    requests = [replace(sale, data={"transactionId": f"{sale.id}-{run}"}) for sale in sales]
    transactions = [str(request.data["transactionId"]) for request in requests]
    for transaction in transactions:
        charge = Charge(transaction, "res-forgotten", 2500, "BRL", NOW)
        gateway.pay(charge)
        stands = payments.record_charge_if_allowed_and_read(charge)
        payments.request_refund_if_allowed_and_read(stands.with_refund_requested(RefundReason.RESERVATION_UNKNOWN, NOW))

    settle = RefundOrSettle(payments, gateway, lambda payment: None, utc_now)
    worked_through(Consumer(settle, chance), requests, chance)

    assert sorted(transaction for transaction, _ in gateway.returned.values()) == sorted(transactions)
    assert {payment.status for each in transactions if (payment := payments.find(each))} == {PaymentStatus.REFUNDED}


def test_a_redriven_message_takes_effect(database: Any, data_stack: str, sales: list[Event]) -> None:
    """What was parked because its handler was broken is whole, and is handled once it is sent back."""
    log = DynamoEventLog(database, f"{data_stack}-events")
    consumer = Consumer(RecordEvent(log), random.Random(3))
    broken = Consumer(lambda event: 1 / 0, random.Random(3))  # type: ignore[arg-type] # it never returns
    broken.send(sales[:3])
    broken.work()
    parked = broken.parked()
    assert {message["MessageAttributes"]["receives"]["StringValue"] for message in parked} == {"5"}

    for message in parked:
        consumer.sqs.send_message(QueueUrl=consumer.queue.url, MessageBody=message["Body"])
    consumer.work()

    assert list(log.list_events(sales[0].session_id, 10, None).items) == sales[:3]
    assert {message["Body"] for message in parked} == {to_body(sale) for sale in sales[:3]}
