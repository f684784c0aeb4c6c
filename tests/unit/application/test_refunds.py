"""Money back: what a payment that bought nothing sets off, and that it happens once."""

import logging
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from chalicelib.domain.consumers import ANALYTICS, AUDIT, NOTIFICATION, PAYMENTS, REFUNDS, TICKETS
from chalicelib.domain.events import Event, EventType, OutgoingMessage, ReservationChange, UnreadableMessage
from chalicelib.domain.payments import (
    Charge,
    Payment,
    PaymentChange,
    PaymentStatus,
    RefundNotConfirmed,
    RefundReason,
    SettlementDue,
)
from chalicelib.domain.refusals import (
    BackendUnavailable,
    LatePayment,
    PaidByAnotherTransaction,
    PaymentClaimedOrUsed,
    PaymentForCancelledReservation,
    PaymentNotReportedYet,
    PaymentRefundedOrWrongAmount,
    Refusal,
    ReservationNotFound,
    TransactionMissing,
)
from chalicelib.domain.reservations import Reservation, State
from chalicelib.domain.sessions import Session
from tests.builders import HOLD_SECONDS, NOW, Cinema, a_session
from tests.fakes import Crash, FakeGateway, FakePayments, crash, interposed
from tests.telling import Stage

AT_ONCE = NOW + timedelta(milliseconds=1)
"""Nothing happens to a reservation in the very millisecond in which it was made."""


@dataclass
class Till:
    """A cinema with the parts at hand that know of money."""

    payments: FakePayments = field(default_factory=FakePayments)
    gateway: FakeGateway = field(default_factory=FakeGateway)
    session: Session = field(default_factory=a_session)

    def __post_init__(self) -> None:
        self.cinema = Cinema(payments=self.payments, gateway=self.gateway, session=self.session)

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

    def status(self, transaction_id: str) -> tuple[PaymentStatus, RefundReason | None]:
        payment = self.payments.known[transaction_id]
        return payment.status, payment.reason

    def requested(self, transaction_id: str) -> list[OutgoingMessage]:
        return self.cinema.relay_payment(PaymentChange(None, self.payments.known[transaction_id]))

    def settle(self, transaction_id: str) -> list[OutgoingMessage]:
        """What the refund consumer does with the event, and what is told of it."""
        before = self.payments.known[transaction_id]
        self.cinema.refund_or_settle(told(self.requested(transaction_id)))
        return self.cinema.relay_payment(PaymentChange(before, self.payments.known[transaction_id]))


def a_charge(transaction_id: str, reservation_id: str, amount_cents: int) -> Charge:
    return Charge(transaction_id, reservation_id, amount_cents, "BRL", NOW)


def told(messages: list[OutgoingMessage]) -> Event:
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
        PaymentStatus.REFUND_REQUESTED,
        session_id=held.session_id,
        user_id="ana",
        seats=("A1", "A2"),
        amount_cents=5000,
        method="credit_card",
        claimed_at=NOW + timedelta(seconds=HOLD_SECONDS),
        due_at=held.expires_at,
        reason=RefundReason.LATE,
        requested_at=NOW + timedelta(seconds=HOLD_SECONDS),
    )


def test_a_second_payment_is_to_be_returned_and_the_first_keeps_its_sale(till: Till) -> None:
    sold = till.sold("A1", transaction_id="tx-1")

    assert isinstance(till.refused(sold.id, "tx-2"), PaidByAnotherTransaction)

    assert till.status("tx-2") == (PaymentStatus.REFUND_REQUESTED, RefundReason.TWICE)
    assert till.status("tx-1") == (PaymentStatus.SOLD, None)


def test_a_payment_for_a_cancelled_reservation_is_to_be_returned(till: Till) -> None:
    held = till.cinema.hold("A1")
    till.cinema.cancel(held.id)

    assert isinstance(till.refused(held.id, "tx-1"), PaymentForCancelledReservation)

    assert till.status("tx-1") == (PaymentStatus.REFUND_REQUESTED, RefundReason.RESERVATION_CANCELLED)


@pytest.mark.parametrize("only_if_charged", [False, True])
@pytest.mark.parametrize("reservation_id", ["res-" + "A" * 33, "no id of ours"])
def test_what_is_said_of_a_reservation_that_nobody_knows_moves_no_money(
    till: Till, only_if_charged: bool, reservation_id: str
) -> None:
    till.gateway.pay(a_charge("tx-strangers", "res-of-a-stranger", 2500))
    till.cinema.change_settings(payments_charged_only=only_if_charged)

    assert type(till.refused(reservation_id, "tx-strangers")) is ReservationNotFound

    assert till.payments.known == {}
    assert till.gateway.returned == {}


def test_what_only_a_client_says_moves_no_money_where_only_the_gateway_counts(till: Till) -> None:
    till.cinema.change_settings(payments_charged_only=True)
    held = till.cinema.hold("A1")
    till.cinema.clock.forward(seconds=HOLD_SECONDS)

    assert isinstance(till.refused(held.id, "tx-strangers"), PaymentNotReportedYet)

    assert till.payments.known == {}


# One payment, one sale.


def test_a_payment_that_went_back_buys_nothing_any_more(till: Till) -> None:
    cancelled = till.cinema.hold("A1")
    till.cinema.cancel(cancelled.id)
    assert isinstance(till.refused(cancelled.id, "tx-1"), PaymentForCancelledReservation)
    better = till.cinema.hold("A1", "A2", "A3")

    for _ in range(2):
        assert isinstance(till.refused(better.id, "tx-1"), PaymentRefundedOrWrongAmount)
        till.gateway.pay(a_charge("tx-1", cancelled.id, 2500))
        till.settle("tx-1")

    assert till.status("tx-1") == (PaymentStatus.REFUNDED, RefundReason.RESERVATION_CANCELLED)
    assert till.cinema.seats() == {"A1": "reserved", "A2": "reserved", "A3": "reserved"}


def test_a_payment_buys_one_reservation_whoever_claims_it(till: Till) -> None:
    holds = [till.cinema.hold(seat, user=user) for seat, user in (("A1", "ana"), ("A2", "bia"), ("A3", "eva"))]
    sold = till.cinema.confirm(holds[0].id, "tx-1")

    for other in holds[1:]:
        assert isinstance(till.refused(other.id, "tx-1"), PaymentClaimedOrUsed)
    till.cinema.relay_reservation(ReservationChange(holds[0], sold, NOW))

    assert till.cinema.confirm(holds[0].id, "tx-1") == sold
    assert till.status("tx-1") == (PaymentStatus.SOLD, None)


def test_of_two_who_claim_a_payment_in_the_same_moment_one_gets_it(till: Till) -> None:
    first, second = till.cinema.hold("A1", user="ana"), till.cinema.hold("A2", user="bia")
    rows = interposed(till.cinema.rows, "sell", before=lambda: till.refused(second.id, "tx-1"))

    assert replace(till.cinema, rows=rows).confirm(first.id, "tx-1").sale

    assert till.cinema.seats() == {"A1": "sold", "A2": "reserved"}


def test_a_payment_that_was_charged_for_another_reservation_buys_nothing(till: Till) -> None:
    theirs, mine = till.cinema.hold("A1", user="ana"), till.cinema.hold("A2", user="bia")
    till.payments.record_charge_if_allowed_and_read(a_charge("tx-1", theirs.id, 2500))

    assert isinstance(till.refused(mine.id, "tx-1"), PaymentClaimedOrUsed)
    assert till.cinema.confirm(theirs.id, "tx-1").sale


# Free of charge.


def test_a_refund_that_died_as_its_payment_proved_to_be_anothers_is_ended_by_its_next_delivery(till: Till) -> None:
    theirs = till.cinema.hold("A1")
    late = till.cinema.hold("A2")
    till.cinema.clock.forward(seconds=HOLD_SECONDS)
    assert isinstance(till.refused(late.id, "tx-1"), LatePayment)
    till.gateway.pay(a_charge("tx-1", theirs.id, 2500))
    request = told(till.requested("tx-1"))
    dying = replace(till.cinema, reservations=interposed(till.cinema.reservations, "find", before=crash))

    with pytest.raises(Crash):
        dying.refund_or_settle(request)
    assert till.status("tx-1") == (PaymentStatus.ASSERTED, None)
    till.cinema.refund_or_settle(request)

    assert till.status("tx-1") == (PaymentStatus.REFUND_REQUESTED, RefundReason.LATE)


def test_what_is_free_is_confirmed_without_a_payment_and_nothing_is_returned() -> None:
    till = Till(session=replace(a_session(), ticket_price=Decimal(0)))
    held = till.cinema.hold("A1", "A2")

    sold = till.cinema.confirm(held.id, "")
    till.cinema.relay_reservation(ReservationChange(held, sold, NOW))
    till.cinema.cancel_session()

    assert sold.sale
    assert sold.sale.transaction_id == ""
    assert till.cinema.confirm(held.id, "tx-1") == sold, "a payment that is named all the same is no matter"
    assert till.payments.known == {}


def test_a_late_confirmation_of_what_is_free_asks_for_no_money_back() -> None:
    till = Till(session=replace(a_session(), ticket_price=Decimal(0)))
    held = till.cinema.hold("A1")
    till.cinema.clock.forward(seconds=HOLD_SECONDS)

    assert isinstance(till.refused(held.id, ""), LatePayment)
    assert till.payments.known == {}


def test_what_costs_something_needs_a_payment(till: Till) -> None:
    assert isinstance(till.refused(till.cinema.hold("A1").id, ""), TransactionMissing)


def test_a_payment_that_buys_its_sale_is_not_returned_when_it_is_confirmed_again(till: Till) -> None:
    sold = till.sold("A1")

    assert till.cinema.confirm(sold.id, "tx-1") == sold

    assert till.status("tx-1") == (PaymentStatus.SOLD, None)


def test_a_payment_that_has_bought_a_sale_is_not_returned_for_another_reservation(
    till: Till, caplog: pytest.LogCaptureFixture
) -> None:
    till.sold("A1", transaction_id="tx-1")
    cancelled = till.cinema.hold("A2")
    till.cinema.cancel(cancelled.id)

    till.refused(cancelled.id, "tx-1")

    assert till.status("tx-1") == (PaymentStatus.SOLD, None)
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
        raise BackendUnavailable("PutItem")

    till.cinema.payments = interposed(till.payments, "request_refund_if_allowed_and_read", before=no_answer)
    held = till.cinema.hold("A1")
    till.cinema.clock.forward(seconds=HOLD_SECONDS)

    assert isinstance(till.refused(held.id, "tx-1"), BackendUnavailable)
    till.cinema.payments = till.payments
    assert isinstance(till.refused(held.id, "tx-1"), LatePayment)


# What is registered.


def test_a_sale_is_registered_with_all_that_its_return_would_need(till: Till) -> None:
    sold = till.sold("A1", "B1")

    assert sold.sale
    assert till.payments.known["tx-1"] == Payment(
        "tx-1",
        sold.id,
        PaymentStatus.SOLD,
        session_id=sold.session_id,
        user_id="ana",
        seats=("A1", "B1"),
        amount_cents=5000,
        method="credit_card",
        claimed_at=AT_ONCE,
        due_at=sold.expires_at,
        sale_id=sold.sale.id,
        sold_at=sold.sale.paid_at,
    )


def test_a_sale_without_a_claim_takes_its_money_back_from_a_request_that_nobody_has_settled(till: Till) -> None:
    """The row is the commit point: should anything have said otherwise, that gives way."""
    sold = till.sold("A1", transaction_id="tx-1")
    payment = till.payments.known["tx-1"]
    till.payments.known["tx-1"] = replace(payment, sale_id="", sold_at=None).with_refund_requested(
        RefundReason.LATE, NOW
    )

    till.cinema.relay_reservation(ReservationChange(replace(sold, state=State.PENDING, sale=None), sold, NOW))
    till.cinema.refund_or_settle(_request("tx-1"))

    assert till.status("tx-1") == (PaymentStatus.SOLD, None)
    assert till.gateway.returned == {}


def test_a_sale_whose_money_was_returned_already_is_told_loudly(till: Till, caplog: pytest.LogCaptureFixture) -> None:
    sold = till.sold("A1", transaction_id="tx-1")
    payment = (
        till.payments.known["tx-1"].with_refund_requested(RefundReason.LATE, NOW).with_refund_completed("re-1", NOW)
    )
    till.payments.known["tx-1"] = replace(payment, sale_id="")

    till.cinema.relay_reservation(ReservationChange(replace(sold, state=State.PENDING, sale=None), sold, NOW))

    assert till.status("tx-1")[0] is PaymentStatus.REFUNDED
    assert [r.levelno for r in caplog.records if "sale without its money" in r.message] == [logging.ERROR]


def test_a_sale_told_twice_is_registered_once_and_quietly(till: Till, caplog: pytest.LogCaptureFixture) -> None:
    sold = till.sold("A1")
    till.cinema.relay_reservation(ReservationChange(till.cinema.hold("A2"), sold, NOW))

    assert till.status("tx-1") == (PaymentStatus.SOLD, None)
    assert caplog.text == ""


# What is told.


def test_a_request_is_told_to_who_settles_it(till: Till) -> None:
    sold = till.sold("A1")
    till.refused(sold.id, "tx-2")

    messages = till.requested("tx-2")

    assert {message.queue for message in messages} == {AUDIT, ANALYTICS, NOTIFICATION, REFUNDS, TICKETS}
    event = told(messages)
    assert (event.type, event.occurred_at, event.seats) == (EventType.REFUND_REQUESTED, AT_ONCE, ("A1",))
    assert event.data == {"transactionId": "tx-2", "reason": "twice", "amountCents": 2500}
    assert event.id == told(till.requested("tx-2")).id


def test_what_concerns_no_screening_is_told_only_to_who_settles_it(till: Till) -> None:
    till.gateway.pay(a_charge("tx-1", "", 2500))
    till.cinema.settle_payment(a_charge("tx-1", "", 2500))

    assert [message.queue for message in till.requested("tx-1")] == [REFUNDS]
    assert till.settle("tx-1") == []
    assert till.gateway.returned == {"refund-tx-1": ("tx-1", 2500)}


def test_a_claim_waits_in_its_queue_until_its_hold_is_over(till: Till) -> None:
    held = till.cinema.hold("A1")
    till.cinema.confirm(held.id, "tx-1")

    assert till.requested("tx-1") == [OutgoingMessage(PAYMENTS, SettlementDue("tx-1", held.expires_at))]


def test_a_settled_refund_is_told(till: Till) -> None:
    sold = till.sold("A1")
    till.refused(sold.id, "tx-2")
    till.gateway.pay(a_charge("tx-2", sold.id, 2500))

    event = told(till.settle("tx-2"))

    assert event.type is EventType.REFUND_COMPLETED
    assert event.data == {
        "transactionId": "tx-2",
        "reason": "twice",
        "amountCents": 2500,
        "refundId": "re-refund-tx-2",
    }


def test_a_purchase_is_not_marked_when_another_payment_for_it_went_back(till: Till) -> None:
    sold = till.sold("A1")
    till.refused(sold.id, "tx-2")
    till.gateway.pay(a_charge("tx-2", sold.id, 2500))
    till.settle("tx-2")

    assert till.cinema.reservations.find(sold.id) == sold


def test_neither_a_sale_nor_a_deletion_nor_a_change_of_nothing_is_told(till: Till) -> None:
    till.sold("A1")
    payment = till.payments.known["tx-1"]

    assert till.cinema.relay_payment(PaymentChange(None, payment)) == []
    assert till.cinema.relay_payment(PaymentChange(payment, None)) == []
    assert till.cinema.relay_payment(PaymentChange(payment, payment)) == []


# How it is settled.


def _request(transaction_id: str) -> Event:
    data = {"transactionId": transaction_id}
    return Event("id", EventType.REFUND_REQUESTED, NOW, "session-1", "res-1", (), data)


@pytest.fixture
def late(till: Till) -> Till:
    """With a late payment, tx-1, of 25.00, that was charged."""
    held = till.cinema.hold("A1")
    till.gateway.pay(a_charge("tx-1", held.id, 2500))
    till.cinema.clock.forward(seconds=HOLD_SECONDS)
    till.refused(held.id, "tx-1")
    return till


def test_a_refund_is_settled_once_whatever_is_delivered_twice(late: Till) -> None:
    for _ in range(3):
        late.cinema.refund_or_settle(_request("tx-1"))

    assert late.gateway.returned == {"refund-tx-1": ("tx-1", 2500)}
    assert late.status("tx-1")[0] is PaymentStatus.REFUNDED


def test_a_crash_between_gateway_and_record_returns_the_money_once(late: Till) -> None:
    late.cinema.payments = interposed(late.payments, "mark_refunded_if_requested", before=crash)
    with pytest.raises(Crash):
        late.cinema.refund_or_settle(_request("tx-1"))
    late.cinema.payments = late.payments
    assert late.status("tx-1")[0] is PaymentStatus.REFUND_REQUESTED

    late.cinema.refund_or_settle(_request("tx-1"))

    assert len(late.gateway.returned) == 1
    assert late.status("tx-1")[0] is PaymentStatus.REFUNDED


def test_a_declined_refund_stays_requested_and_is_asked_for_again(late: Till) -> None:
    late.gateway.declined.add("tx-1")
    with pytest.raises(RefundNotConfirmed):
        late.cinema.refund_or_settle(_request("tx-1"))
    assert late.status("tx-1")[0] is PaymentStatus.REFUND_REQUESTED
    late.gateway.declined.clear()

    late.cinema.refund_or_settle(_request("tx-1"))

    assert late.status("tx-1")[0] is PaymentStatus.REFUNDED


def test_what_the_gateway_does_not_know_stays_on_the_list_until_it_does(till: Till) -> None:
    held = till.cinema.hold("A1")
    till.cinema.cancel(held.id)
    till.refused(held.id, "tx-1")

    till.cinema.refund_or_settle(_request("tx-1"))
    till.cinema.clock.forward(days=40)
    till.cinema.refund_or_settle(_request("tx-1"))
    (waiting,) = till.payments.list_outstanding_refunds()
    assert (waiting.asked, waiting.asked_at) == (2, till.cinema.clock())

    till.gateway.pay(a_charge("tx-1", held.id, 2500))
    till.cinema.refund_or_settle(_request("tx-1"))

    assert till.status("tx-1")[0] is PaymentStatus.REFUNDED
    assert list(till.payments.list_outstanding_refunds()) == []


def test_a_strangers_payment_that_was_claimed_for_a_lapsed_hold_is_not_returned_but_buys_its_own(till: Till) -> None:
    """Where a client's word is enough for a sale: it still is not enough for a refund."""
    theirs = till.cinema.hold("A1", user="ana")
    till.gateway.pay(a_charge("tx-1", theirs.id, 2500))
    thiefs = till.cinema.hold("A2", user="bia")
    till.cinema.cancel(thiefs.id)
    till.refused(thiefs.id, "tx-1")

    till.cinema.refund_or_settle(_request("tx-1"))

    assert till.gateway.returned == {}
    assert till.cinema.seats() == {"A1": "sold"}
    assert till.status("tx-1") == (PaymentStatus.SOLD, None)


def test_a_charge_that_is_told_after_the_tries_has_its_refund_requested_again(till: Till) -> None:
    sold = till.sold("A1")
    till.refused(sold.id, "tx-2")
    till.settle("tx-2")
    before = till.payments.known["tx-2"]
    assert (before.asked, before.was_charged) == (1, False)

    till.gateway.pay(a_charge("tx-2", sold.id, 2500))
    after = till.payments.record_charge_if_allowed_and_read(a_charge("tx-2", sold.id, 2500))

    (message,) = till.cinema.relay_payment(PaymentChange(before, after))
    assert (message.queue, told([message]).data["transactionId"]) == (REFUNDS, "tx-2")
    till.cinema.refund_or_settle(told([message]))
    assert till.status("tx-2")[0] is PaymentStatus.REFUNDED
    assert till.cinema.relay_payment(PaymentChange(after, after)) == []


def test_a_refund_that_learns_of_the_charge_itself_is_requested_once(till: Till) -> None:
    sold = till.sold("A1")
    till.refused(sold.id, "tx-2")
    before = till.payments.known["tx-2"]

    after = till.payments.record_charge_if_allowed_and_read(a_charge("tx-2", sold.id, 2500))

    assert (after.status, after.was_charged, after.asked) == (PaymentStatus.REFUND_REQUESTED, True, 0)
    assert till.cinema.relay_payment(PaymentChange(before, after)) == []


def test_what_was_charged_goes_back_whatever_the_seats_cost(till: Till) -> None:
    held = till.cinema.hold("A1")
    till.cinema.settle_payment(a_charge("tx-1", held.id, 2499))

    till.cinema.refund_or_settle(_request("tx-1"))

    assert till.gateway.returned == {"refund-tx-1": ("tx-1", 2499)}
    assert till.status("tx-1") == (PaymentStatus.REFUNDED, RefundReason.WRONG_AMOUNT)


def test_a_request_without_a_payment_is_not_swallowed(till: Till) -> None:
    with pytest.raises(LookupError):
        till.cinema.refund_or_settle(_request("tx-nobody-knows"))


@pytest.mark.parametrize("data", [{}, {"transactionId": ""}, {"transactionId": 7}])
def test_an_event_that_names_no_payment_is_unreadable(till: Till, data: dict[str, str | int]) -> None:
    with pytest.raises(UnreadableMessage):
        till.cinema.refund_or_settle(Event("id", EventType.REFUND_REQUESTED, NOW, "s", "r", (), data))


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
    stage = Stage()
    charges = played(stage, history)
    for charge in charges.values():
        stage.cinema.gateway.pay(charge)  # type: ignore[attr-defined]
        stage.cinema.settle_payment(charge)
    stage.events()

    assert stage.payments.known.keys() == charges.keys()
    assert {payment.status for payment in stage.payments.known.values()} <= {PaymentStatus.SOLD, PaymentStatus.REFUNDED}
    returned = [transaction for transaction, _ in stage.cinema.gateway.returned.values()]  # type: ignore[attr-defined]
    refunded = [
        payment.transaction_id for payment in stage.payments.known.values() if payment.status is PaymentStatus.REFUNDED
    ]
    assert sorted(returned) == sorted(refunded)
    if stage.rows.closed:
        assert sorted(returned) == sorted(charges), "nothing was sold that was not returned"


def played(stage: Stage, history: list[tuple[str, Any]]) -> dict[str, Charge]:
    """What was charged meanwhile, each for the reservation that it was first sent for."""
    charges = dict[str, Charge]()
    for step in history:
        known = ["res-made-up", *stage.reservations.stored]
        match step:
            case ("hold", seat):
                stage.request("hold", seat)
            case ("pay", (number, transaction)):
                reservation_id = known[number % len(known)]
                charges.setdefault(transaction, a_charge(transaction, reservation_id, 2500))
                stage.request("confirm", reservation_id, transaction)
            case ("cancel", number):
                stage.request("cancel", known[number % len(known)])
            case ("wait", seconds):
                stage.clock.forward(seconds=seconds)
            case ("cancel the screening", _):
                stage.cinema.cancel_session()
            case _:
                stage.events()
    return charges
