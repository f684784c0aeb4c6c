"""Money back: what a payment that bought nothing sets off, and that it happens once."""

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from chalicelib.application.relay import ANALYTICS, AUDIT, NOTIFICATION, REFUNDS
from chalicelib.domain.events import Event, EventType, ReservationChange, UnreadableMessage
from chalicelib.domain.payments import Fate, Payment, PaymentChange, PaymentUnknown, RefundReason, RefundRefused
from chalicelib.domain.ports import Outgoing
from chalicelib.domain.refusals import (
    AlreadyPaid,
    LatePayment,
    PaymentForCancelled,
    PaymentForUnknown,
    Refusal,
    ReservationNotFound,
    StoreUnavailable,
)
from chalicelib.domain.reservations import Reservation
from tests.builders import HOLD_SECONDS, NOW, Cinema
from tests.fakes import Crash, FakeGateway, FakePayments, crash, interposed
from tests.telling import Stage


@dataclass
class Till:
    """A cinema with the parts at hand that know of money."""

    payments: FakePayments = field(default_factory=FakePayments)
    gateway: FakeGateway = field(default_factory=FakeGateway)

    def __post_init__(self) -> None:
        self.cinema = Cinema(payments=self.payments, gateway=self.gateway)

    def refused(self, reservation_id: str, transaction_id: str) -> Refusal:
        with pytest.raises(Refusal) as refused:
            self.cinema.confirm(reservation_id, transaction_id)
        return refused.value

    def sold(self, *seats: str, transaction_id: str = "tx-1") -> Reservation:
        """And registered, as the reservations' stream does it."""
        held = self.cinema.hold(*seats)
        sold = self.cinema.confirm(held.id, transaction_id)
        self.cinema.relay_reservation(ReservationChange(held, sold, NOW))
        return sold

    def fate(self, transaction_id: str) -> tuple[Fate, RefundReason | None]:
        payment = self.payments.known[transaction_id]
        return payment.fate, payment.reason

    def requested(self, transaction_id: str) -> list[Outgoing]:
        return self.cinema.relay_payment(PaymentChange(None, self.payments.known[transaction_id]))

    def settle(self, transaction_id: str) -> list[Outgoing]:
        """What the refund consumer does with the event, and what is told of it."""
        before = self.payments.known[transaction_id]
        self.cinema.settle_refund(told(self.requested(transaction_id)))
        return self.cinema.relay_payment(PaymentChange(before, self.payments.known[transaction_id]))


def told(messages: list[Outgoing]) -> Event:
    event = messages[0].content
    assert isinstance(event, Event)
    return event


@pytest.fixture
def till() -> Till:
    return Till()


# What is requested.


def test_a_late_payment_is_to_be_returned(till: Till) -> None:
    held = till.cinema.hold("A1", "A2")
    till.cinema.clock.forward(seconds=HOLD_SECONDS)

    assert isinstance(till.refused(held.id, "tx-1"), LatePayment)

    assert till.payments.known["tx-1"] == Payment(
        "tx-1",
        held.id,
        Fate.REFUND_REQUESTED,
        session_id=held.session_id,
        user_id="ana",
        seats=("A1", "A2"),
        amount_cents=5000,
        reason=RefundReason.LATE,
        requested_at=NOW + timedelta(seconds=HOLD_SECONDS),
    )


def test_a_second_payment_is_to_be_returned_and_the_first_keeps_its_sale(till: Till) -> None:
    sold = till.sold("A1", transaction_id="tx-1")

    assert isinstance(till.refused(sold.id, "tx-2"), AlreadyPaid)

    assert till.fate("tx-2") == (Fate.REFUND_REQUESTED, RefundReason.TWICE)
    assert till.fate("tx-1") == (Fate.SOLD, None)


def test_a_payment_for_a_cancelled_reservation_is_to_be_returned(till: Till) -> None:
    held = till.cinema.hold("A1")
    till.cinema.cancel(held.id)

    assert isinstance(till.refused(held.id, "tx-1"), PaymentForCancelled)

    assert till.fate("tx-1") == (Fate.REFUND_REQUESTED, RefundReason.RESERVATION_CANCELLED)


def test_a_payment_for_a_reservation_that_nobody_knows_is_to_be_returned_whole(till: Till) -> None:
    assert isinstance(till.refused("res-forgotten", "tx-1"), PaymentForUnknown)

    assert till.fate("tx-1") == (Fate.REFUND_REQUESTED, RefundReason.RESERVATION_UNKNOWN)
    assert till.payments.known["tx-1"].amount_cents is None


def test_what_is_no_reservations_id_leaves_no_trace(till: Till) -> None:
    assert type(till.refused("no id of ours", "tx-1")) is ReservationNotFound

    assert till.payments.known == {}


def test_a_payment_that_buys_its_sale_is_not_returned_when_it_is_confirmed_again(till: Till) -> None:
    sold = till.sold("A1")

    assert till.cinema.confirm(sold.id, "tx-1") == sold

    assert till.fate("tx-1") == (Fate.SOLD, None)


def test_a_payment_that_has_bought_a_sale_is_not_returned_for_another_reservation(
    till: Till, caplog: pytest.LogCaptureFixture
) -> None:
    till.sold("A1", transaction_id="tx-1")

    till.refused("res-made-up", "tx-1")

    assert till.fate("tx-1") == (Fate.SOLD, None)
    assert "not returned" in caplog.text


def test_a_payment_is_requested_back_once_however_often_it_is_sent(till: Till) -> None:
    held = till.cinema.hold("A1")
    till.cinema.clock.forward(seconds=HOLD_SECONDS)
    till.refused(held.id, "tx-1")
    first = till.payments.known["tx-1"]
    till.cinema.clock.forward(seconds=5)

    till.refused(held.id, "tx-1")
    till.refused("res-made-up", "tx-1")

    assert till.payments.known["tx-1"] == first


def test_the_client_must_ask_again_when_the_request_could_not_be_written_down(till: Till) -> None:
    def no_answer() -> None:
        raise StoreUnavailable("PutItem")

    till.cinema.payments = interposed(till.payments, "request_refund", before=no_answer)
    held = till.cinema.hold("A1")
    till.cinema.clock.forward(seconds=HOLD_SECONDS)

    assert isinstance(till.refused(held.id, "tx-1"), StoreUnavailable)
    till.cinema.payments = till.payments
    assert isinstance(till.refused(held.id, "tx-1"), LatePayment)


# What is registered.


def test_a_sale_is_registered_with_all_that_its_return_would_need(till: Till) -> None:
    sold = till.sold("A1", "B1")

    assert sold.sale
    assert till.payments.known["tx-1"] == Payment(
        "tx-1",
        sold.id,
        Fate.SOLD,
        session_id=sold.session_id,
        user_id="ana",
        seats=("A1", "B1"),
        amount_cents=5000,
        sale_id=sold.sale.id,
        sold_at=sold.sale.paid_at,
    )


def test_a_sale_takes_its_money_back_from_a_request_that_nobody_has_settled(till: Till) -> None:
    """Its transaction was sent for something else too, before the stream told of the sale."""
    till.refused("res-made-up", "tx-1")

    till.sold("A1", transaction_id="tx-1")
    till.cinema.settle_refund(_request("tx-1"))

    assert till.fate("tx-1") == (Fate.SOLD, None)
    assert till.gateway.returned == {}


def test_a_sale_whose_money_was_returned_already_is_told_loudly(till: Till, caplog: pytest.LogCaptureFixture) -> None:
    till.refused("res-made-up", "tx-1")
    till.settle("tx-1")

    till.sold("A1", transaction_id="tx-1")

    assert till.fate("tx-1")[0] is Fate.REFUNDED
    assert [r.levelno for r in caplog.records if "sale without its money" in r.message] == [logging.ERROR]


def test_two_sales_of_one_payment_are_told_loudly(till: Till, caplog: pytest.LogCaptureFixture) -> None:
    first = till.sold("A1", transaction_id="tx-1")
    till.sold("A2", transaction_id="tx-1")

    assert till.payments.known["tx-1"].reservation_id == first.id
    assert "sale without its money" in caplog.text


def test_a_sale_told_twice_is_registered_once_and_quietly(till: Till, caplog: pytest.LogCaptureFixture) -> None:
    sold = till.sold("A1")
    till.cinema.relay_reservation(ReservationChange(till.cinema.hold("A2"), sold, NOW))

    assert till.fate("tx-1") == (Fate.SOLD, None)
    assert caplog.text == ""


# What is told.


def test_a_request_is_told_to_who_settles_it(till: Till) -> None:
    sold = till.sold("A1")
    till.refused(sold.id, "tx-2")

    messages = till.requested("tx-2")

    assert {message.queue for message in messages} == {AUDIT, ANALYTICS, NOTIFICATION, REFUNDS}
    event = told(messages)
    assert (event.type, event.occurred_at, event.seats) == (EventType.REFUND_REQUESTED, NOW, ("A1",))
    assert event.data == {"transactionId": "tx-2", "reason": "twice", "amountCents": 2500}
    assert event.id == told(till.requested("tx-2")).id


def test_what_concerns_no_screening_is_told_only_to_who_settles_it(till: Till) -> None:
    till.refused("res-forgotten", "tx-1")

    assert [message.queue for message in till.requested("tx-1")] == [REFUNDS]
    assert till.settle("tx-1") == []


def test_a_settled_refund_is_told(till: Till) -> None:
    sold = till.sold("A1")
    till.refused(sold.id, "tx-2")

    event = told(till.settle("tx-2"))

    assert event.type is EventType.REFUND_COMPLETED
    assert event.data == {
        "transactionId": "tx-2",
        "reason": "twice",
        "amountCents": 2500,
        "refundId": "re-refund-tx-2",
    }


def test_neither_a_sale_nor_a_deletion_nor_a_change_of_nothing_is_told(till: Till) -> None:
    till.sold("A1")
    payment = till.payments.known["tx-1"]

    assert till.cinema.relay_payment(PaymentChange(None, payment)) == []
    assert till.cinema.relay_payment(PaymentChange(payment, None)) == []
    assert till.cinema.relay_payment(PaymentChange(payment, payment)) == []


# How it is settled.


def _request(transaction_id: str) -> Event:
    data = {"transactionId": transaction_id}
    return Event("id", EventType.REFUND_REQUESTED, NOW, "session-1", "res-1", "ana", (), data)


@pytest.fixture
def late(till: Till) -> Till:
    """With a late payment, tx-1, of 25.00."""
    held = till.cinema.hold("A1")
    till.cinema.clock.forward(seconds=HOLD_SECONDS)
    till.refused(held.id, "tx-1")
    return till


def test_a_refund_is_settled_once_whatever_is_delivered_twice(late: Till) -> None:
    for _ in range(3):
        late.cinema.settle_refund(_request("tx-1"))

    assert late.gateway.returned == {"refund-tx-1": ("tx-1", 2500)}
    assert late.fate("tx-1")[0] is Fate.REFUNDED


def test_a_crash_between_gateway_and_record_returns_the_money_once(late: Till) -> None:
    late.cinema.payments = interposed(late.payments, "settle", before=crash)
    with pytest.raises(Crash):
        late.cinema.settle_refund(_request("tx-1"))
    late.cinema.payments = late.payments
    assert late.fate("tx-1")[0] is Fate.REFUND_REQUESTED

    late.cinema.settle_refund(_request("tx-1"))

    assert len(late.gateway.returned) == 1
    assert late.fate("tx-1")[0] is Fate.REFUNDED


def test_a_declined_refund_stays_requested_and_is_asked_for_again(late: Till) -> None:
    late.gateway.declined.add("tx-1")
    with pytest.raises(RefundRefused):
        late.cinema.settle_refund(_request("tx-1"))
    assert late.fate("tx-1")[0] is Fate.REFUND_REQUESTED
    late.gateway.declined.clear()

    late.cinema.settle_refund(_request("tx-1"))

    assert late.fate("tx-1")[0] is Fate.REFUNDED


def test_a_made_up_payment_for_a_made_up_reservation_ends_as_void(till: Till) -> None:
    till.gateway.unknown.add("tx-1")
    till.refused("res-made-up", "tx-1")

    assert till.settle("tx-1") == []

    assert till.fate("tx-1")[0] is Fate.VOID


def test_a_payment_for_a_real_reservation_that_the_gateway_does_not_know_is_not_given_up(late: Till) -> None:
    late.gateway.unknown.add("tx-1")

    with pytest.raises(PaymentUnknown):
        late.cinema.settle_refund(_request("tx-1"))

    assert late.fate("tx-1")[0] is Fate.REFUND_REQUESTED


def test_a_sale_made_while_its_money_is_being_returned_is_told_loudly(
    late: Till, caplog: pytest.LogCaptureFixture
) -> None:
    late.cinema.gateway = interposed(late.gateway, "refund", after=lambda: late.sold("A2", transaction_id="tx-1"))

    late.cinema.settle_refund(_request("tx-1"))

    assert late.fate("tx-1")[0] is Fate.SOLD
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_a_request_without_a_payment_is_not_swallowed(till: Till) -> None:
    with pytest.raises(LookupError):
        till.cinema.settle_refund(_request("tx-nobody-knows"))


@pytest.mark.parametrize("data", [{}, {"transactionId": ""}, {"transactionId": 7}])
def test_an_event_that_names_no_payment_is_unreadable(till: Till, data: dict[str, str | int]) -> None:
    with pytest.raises(UnreadableMessage):
        till.cinema.settle_refund(Event("id", EventType.REFUND_REQUESTED, NOW, "s", "r", "u", (), data))


# Any history.

SEATS = ("A1", "A2", "B1")
TRANSACTIONS = ("tx-1", "tx-2", "tx-3", "tx-4")
steps = some.lists(
    some.one_of(
        some.tuples(some.just("hold"), some.sampled_from(SEATS)),
        some.tuples(some.just("pay"), some.tuples(some.integers(0, 5), some.sampled_from(TRANSACTIONS))),
        some.tuples(some.just("cancel"), some.integers(0, 5)),
        some.tuples(some.just("wait"), some.sampled_from((1, HOLD_SECONDS))),
        some.tuples(some.just("cancel the screening"), some.none()),
        some.tuples(some.just("events"), some.none()),
    ),
    max_size=30,
)


@given(steps)
def test_every_payment_ends_as_a_sale_or_a_refund_and_none_is_returned_twice(history: list[tuple[str, Any]]) -> None:
    stage, sent = Stage(), set[str]()
    for step in history:
        known = ["res-made-up", *stage.reservations.stored]
        match step:
            case ("hold", seat):
                stage.request("hold", seat)
            case ("pay", (number, transaction)):
                sent.add(transaction)
                stage.request("confirm", known[number % len(known)], transaction)
            case ("cancel", number):
                stage.request("cancel", known[number % len(known)])
            case ("wait", seconds):
                stage.clock.forward(seconds=seconds)
            case ("cancel the screening", _):
                stage.cinema.cancel_session()
            case _:
                stage.events()
    stage.events()

    assert set(stage.payments.known) == sent
    assert {payment.fate for payment in stage.payments.known.values()} <= {Fate.SOLD, Fate.REFUNDED}
    returned = [transaction for transaction, _ in stage.cinema.gateway.returned.values()]  # type: ignore[attr-defined]
    refunded = [payment.transaction_id for payment in stage.payments.known.values() if payment.fate is Fate.REFUNDED]
    assert sorted(returned) == sorted(refunded)
    if stage.rows.closed:
        assert sorted(returned) == sorted(sent), "nothing was sold that was not returned"
