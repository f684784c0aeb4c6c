"""Payments from the gateway's side: how one starts, what its word sets off, and that every claim comes to an end."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from chalicelib.application.payments import QueueReportedCharge, SettlementNotDueYet, StartOrGetPayment
from chalicelib.domain.consumers import PAYMENTS
from chalicelib.domain.events import OutgoingMessage
from chalicelib.domain.payments import Charge, Payment, PaymentStatus, RefundReason, SettlementDue, claimed_payment_for
from chalicelib.domain.refusals import (
    BackendUnavailable,
    FreeOfCharge,
    PaymentNotReportedYet,
    PaymentsUnavailable,
    Refusal,
    ReservationCancelled,
    ReservationConfirmed,
    ReservationExpired,
    ReservationNotFound,
)
from chalicelib.domain.reservations import Reservation, Sale, State
from tests.builders import HOLD_SECONDS, NOW, Cinema, a_session
from tests.fakes import Crash, FakeGateway, FakeOutbox, FakePayments, FakeReservations, crash, interposed


@dataclass
class Till:
    """A cinema where a payment counts once the gateway has spoken."""

    payments: FakePayments = field(default_factory=FakePayments)
    reservations: FakeReservations = field(default_factory=FakeReservations)
    gateway: FakeGateway = field(default_factory=FakeGateway)

    def __post_init__(self) -> None:
        self.cinema = Cinema(payments=self.payments, reservations=self.reservations, gateway=self.gateway)
        self.cinema.change_settings(payments_charged_only=True)

    def hears(self, reservation: Reservation, transaction_id: str = "tx-1", cents: int = 2500) -> None:
        self.cinema.settle_payment(a_charge(transaction_id, reservation.id, cents))

    def status(self, transaction_id: str = "tx-1") -> tuple[PaymentStatus, RefundReason | None]:
        payment = self.payments.known[transaction_id]
        return payment.status, payment.reason

    def claimed(self, reservation: Reservation, transaction_id: str = "tx-1") -> Payment:
        """By a request that died there, where a client's word is enough."""
        claim = claimed_payment_for(reservation, transaction_id, "credit_card", self.cinema.clock())
        stands = self.payments.claim_for_reservation_if_allowed_and_read(claim, only_if_charged=False)
        assert stands
        return stands

    def due(self, transaction_id: str = "tx-1") -> None:
        self.cinema.settle_payment(SettlementDue(transaction_id, self.cinema.clock()))

    def state_of(self, reservation: Reservation) -> State:
        return self.reservations.stored[reservation.id].state


def a_charge(transaction_id: str, reservation_id: str, amount_cents: int) -> Charge:
    return Charge(transaction_id, reservation_id, amount_cents, "BRL", NOW)


@pytest.fixture
def till() -> Till:
    return Till()


# A buyer who comes back.


def test_a_payment_that_the_gateway_has_not_spoken_of_buys_nothing_yet(till: Till) -> None:
    held = till.cinema.hold("A1")

    with pytest.raises(PaymentNotReportedYet):
        till.cinema.confirm(held.id, "tx-1")

    assert till.payments.known == {}
    assert till.cinema.seats() == {"A1": "reserved"}


def test_a_payment_that_the_gateway_has_spoken_of_is_bought_by_whoever_comes_first(till: Till) -> None:
    held = till.cinema.hold("A1")
    till.payments.record_charge_if_allowed_and_read(a_charge("tx-1", held.id, 2500))
    sold = till.cinema.confirm(held.id, "tx-1")

    till.hears(held)

    assert sold.sale
    assert sold.sale.payment_method == "credit_card"
    assert till.reservations.stored[held.id] == sold


# A buyer who never comes back.


def test_what_was_charged_for_a_live_hold_is_sold_without_its_buyer(till: Till) -> None:
    held = till.cinema.hold("A1")

    for _ in range(3):
        till.hears(held)

    assert till.status() == (PaymentStatus.SOLD, None)
    assert till.cinema.seats() == {"A1": "sold"}
    stored = till.reservations.stored[held.id]
    assert stored.sale
    assert stored.sale.payment_method == "gateway"
    assert till.cinema.confirm(held.id, "tx-1") == stored


@pytest.mark.parametrize("cents", [0, 1, 2499, 2501, 5000])
def test_what_was_charged_wrongly_goes_back_and_the_hold_stays(till: Till, cents: int) -> None:
    held = till.cinema.hold("A1")
    till.hears(held, cents=cents)

    assert till.status() == (PaymentStatus.REFUND_REQUESTED, RefundReason.WRONG_AMOUNT)
    assert till.payments.known["tx-1"].charged_or_price_cents_if_known == cents
    assert till.cinema.seats() == {"A1": "reserved"}


def test_what_was_charged_in_another_currency_goes_back(till: Till) -> None:
    held = till.cinema.hold("A1")
    till.cinema.settle_payment(replace(a_charge("tx-1", held.id, 2500), currency="USD"))

    assert till.status() == (PaymentStatus.REFUND_REQUESTED, RefundReason.WRONG_AMOUNT)


def test_what_was_charged_too_late_goes_back(till: Till) -> None:
    held = till.cinema.hold("A1")
    till.cinema.clock.forward(seconds=HOLD_SECONDS)
    till.hears(held)

    assert till.status() == (PaymentStatus.REFUND_REQUESTED, RefundReason.LATE)
    assert till.state_of(held) is State.EXPIRED


def test_what_was_charged_for_a_cancelled_reservation_goes_back(till: Till) -> None:
    held = till.cinema.hold("A1")
    till.cinema.cancel(held.id)
    till.hears(held)

    assert till.status() == (PaymentStatus.REFUND_REQUESTED, RefundReason.RESERVATION_CANCELLED)


def test_what_was_charged_for_a_cancelled_screening_goes_back(till: Till) -> None:
    held = till.cinema.hold("A1")
    till.cinema.cancel_session()
    till.hears(held)

    assert till.status() == (PaymentStatus.REFUND_REQUESTED, RefundReason.SCREENING_CANCELLED)


def test_what_was_charged_twice_goes_back_once(till: Till) -> None:
    held = till.cinema.hold("A1")
    till.hears(held, "tx-1")
    till.hears(held, "tx-2")

    assert till.status("tx-1") == (PaymentStatus.SOLD, None)
    assert till.status("tx-2") == (PaymentStatus.REFUND_REQUESTED, RefundReason.TWICE)


@pytest.mark.parametrize("reservation_id", ["res-forgotten", ""])
def test_what_was_charged_for_nobody_goes_back(till: Till, reservation_id: str) -> None:
    till.cinema.settle_payment(a_charge("tx-1", reservation_id, 2500))

    assert till.status() == (PaymentStatus.REFUND_REQUESTED, RefundReason.RESERVATION_UNKNOWN)


def test_what_was_charged_for_something_free_goes_back(till: Till) -> None:
    free = replace(a_session(), ticket_price=Decimal(0))
    till.cinema.sessions.get_or_add_with_rows(free)
    held = till.cinema.hold("A1", session_id=free.id)
    till.hears(held)

    assert till.status() == (PaymentStatus.REFUND_REQUESTED, RefundReason.WRONG_AMOUNT)


# Claims.


def test_a_claim_is_not_due_while_its_hold_may_still_be_paid_for(till: Till) -> None:
    held = till.cinema.hold("A1")
    till.claimed(held)

    with pytest.raises(SettlementNotDueYet):
        till.due()

    assert till.status() == (PaymentStatus.CLAIMED, None)


def test_a_claim_that_nobody_comes_back_to_goes_back_when_its_hold_is_over(till: Till) -> None:
    held = till.cinema.hold("A1")
    till.claimed(held)
    till.cinema.clock.forward(seconds=HOLD_SECONDS)

    for _ in range(2):
        till.due()

    assert till.status() == (PaymentStatus.REFUND_REQUESTED, RefundReason.LATE)
    assert till.cinema.seats() == {}


def test_a_claim_that_was_charged_is_sold_at_once_and_not_only_when_its_hold_is_over(till: Till) -> None:
    held = till.cinema.hold("A1")
    till.claimed(held)
    till.hears(held)

    assert till.status() == (PaymentStatus.SOLD, None)
    assert till.cinema.seats() == {"A1": "sold"}


@pytest.mark.parametrize("seconds", [1, HOLD_SECONDS, 3600])
def test_a_claim_whose_row_was_sold_before_its_request_died_is_a_sale(till: Till, seconds: int) -> None:
    till.cinema.change_settings(payments_charged_only=False)
    held = till.cinema.hold("A1", user="ana")
    dying = replace(
        till.cinema, reservations=interposed(till.reservations, "mark_confirmed_unless_sold_and_read", before=crash)
    )
    with pytest.raises(Crash):
        dying.confirm(held.id, "tx-1")
    till.cinema.clock.forward(seconds=seconds)
    till.hears(held)

    assert till.status() == (PaymentStatus.SOLD, None)
    assert till.cinema.bought_by("ana") == [held.id]


def test_a_sale_whose_reservation_is_gone_is_restored_from_its_claim(till: Till) -> None:
    """Its request died after the commit point, its record was given up, and TTL deleted what was pending."""
    till.cinema.change_settings(payments_charged_only=False)
    held = till.cinema.hold("A1", "A2", user="ana", key="k")
    dying = replace(
        till.cinema, reservations=interposed(till.reservations, "mark_confirmed_unless_sold_and_read", before=crash)
    )
    with pytest.raises(Crash):
        dying.confirm(held.id, "tx-1")
    del till.reservations.stored[held.id]
    till.cinema.clock.forward(days=2)
    till.due()

    assert till.status() == (PaymentStatus.SOLD, None)
    (restored,) = till.reservations.stored.values()
    assert restored.state is State.CONFIRMED
    assert (restored.id, restored.seats, restored.amount) == (held.id, held.seats, held.amount)
    assert (restored.movie_title, restored.user_id) == (held.movie_title, "ana")
    assert (restored.expires_at, restored.fingerprint) == (held.expires_at, "")
    payment = till.payments.known["tx-1"]
    assert payment.claimed_at
    assert restored.created_at == payment.claimed_at - timedelta(milliseconds=1)
    assert restored.sale == Sale(payment.sale_id, "tx-1", "credit_card", payment.claimed_at), "paid when it was claimed"


def test_a_sale_that_is_restored_in_a_cancelled_screening_goes_back(till: Till) -> None:
    """The cancellation has missed it, because no reservation was there to be found."""
    till.cinema.change_settings(payments_charged_only=False)
    held = till.cinema.hold("A1", user="ana")
    dying = replace(
        till.cinema, reservations=interposed(till.reservations, "mark_confirmed_unless_sold_and_read", before=crash)
    )
    with pytest.raises(Crash):
        dying.confirm(held.id, "tx-1")
    del till.reservations.stored[held.id]
    till.cinema.cancel_session()
    till.cinema.clock.forward(days=2)
    till.due()

    assert till.status() == (PaymentStatus.REFUND_REQUESTED, RefundReason.SCREENING_CANCELLED)
    assert till.cinema.bought_by("ana") == [held.id]


def test_a_claim_whose_reservation_is_gone_and_whose_row_was_not_sold_goes_back(till: Till) -> None:
    held = till.cinema.hold("A1")
    till.claimed(held)
    till.reservations.stored.clear()
    till.cinema.clock.forward(days=2)
    till.due()

    assert till.status() == (PaymentStatus.REFUND_REQUESTED, RefundReason.RESERVATION_UNKNOWN)


def test_a_sale_of_a_screening_that_was_cancelled_before_its_request_could_finish_goes_back(till: Till) -> None:
    till.cinema.change_settings(payments_charged_only=False)
    held = till.cinema.hold("A1")
    dying = replace(
        till.cinema, reservations=interposed(till.reservations, "mark_confirmed_unless_sold_and_read", before=crash)
    )
    with pytest.raises(Crash):
        dying.confirm(held.id, "tx-1")
    cancellation = till.cinema.cancel_session()
    assert (cancellation.sales, cancellation.unfinished_sales) == (1, (held.id,))
    till.cinema.clock.forward(seconds=HOLD_SECONDS)
    till.due()

    assert till.status() == (PaymentStatus.REFUND_REQUESTED, RefundReason.SCREENING_CANCELLED)
    assert till.payments.known["tx-1"].sale_id


def test_a_settled_payment_is_left_alone(till: Till) -> None:
    held = till.cinema.hold("A1")
    till.hears(held)
    before = dict(till.payments.known)

    till.due()

    assert till.payments.known == before


def test_a_payment_that_is_due_and_that_nobody_knows_is_not_swallowed(till: Till) -> None:
    with pytest.raises(LookupError):
        till.due("tx-nobody-knows")


def test_a_refund_asks_for_the_hold_back_first_so_that_a_slow_instance_can_not_sell_it_afterwards(till: Till) -> None:
    """Its clock is behind: by that, the hold is still live when another instance finds it lapsed."""
    till.cinema.change_settings(payments_charged_only=False)
    held = till.cinema.hold("A1")
    till.cinema.clock.forward(seconds=HOLD_SECONDS - 1)
    behind = replace(till.cinema, clock=replace(till.cinema.clock))

    def settle_meanwhile() -> None:
        till.cinema.clock.forward(seconds=2)
        till.due()

    slow = replace(behind, rows=interposed(till.cinema.rows, "sell", before=settle_meanwhile))
    with pytest.raises(Refusal):
        slow.confirm(held.id, "tx-1")

    assert till.status() == (PaymentStatus.REFUND_REQUESTED, RefundReason.LATE)
    assert till.cinema.seats() == {}


# What its reader knew may be out of date.


def test_what_is_claimed_stays_claimed_though_it_was_charged_for_another_while_its_row_may_be_sold(till: Till) -> None:
    """Where a client's word is enough. The charge is heard once the claim has ended."""
    till.cinema.change_settings(payments_charged_only=False)
    held, theirs = till.cinema.hold("A1", user="ana"), till.cinema.hold("A2", user="bia")

    def hear_meanwhile() -> None:
        with pytest.raises(SettlementNotDueYet):
            till.hears(theirs, "tx-1")

    rows = interposed(till.cinema.rows, "sell", before=hear_meanwhile, after=hear_meanwhile)
    replace(till.cinema, rows=rows).confirm(held.id, "tx-1")
    till.hears(theirs, "tx-1")

    assert till.status() == (PaymentStatus.SOLD, None)
    assert till.cinema.seats() == {"A1": "sold", "A2": "reserved"}


def test_a_claim_that_came_to_nothing_gives_way_to_whom_the_payment_was_charged_for(till: Till) -> None:
    till.cinema.change_settings(payments_charged_only=False)
    held, theirs = till.cinema.hold("A1", user="ana"), till.cinema.hold("A2", user="bia")
    till.claimed(held)
    till.cinema.cancel(held.id)
    till.gateway.pay(a_charge("tx-1", theirs.id, 2500))

    till.hears(theirs, "tx-1")
    till.cinema.refund_or_settle.refund_if_requested_or_settle_by_charge(till.payments.known["tx-1"])

    assert till.status() == (PaymentStatus.SOLD, None)
    assert till.cinema.seats() == {"A2": "sold"}
    assert till.gateway.returned == {}


def test_who_read_a_payment_before_it_was_claimed_does_not_return_it(till: Till) -> None:
    """It bought its seats meanwhile, and its reservation is gone."""
    held = till.cinema.hold("A1")
    read = till.payments.record_charge_if_allowed_and_read(a_charge("tx-1", held.id, 2500))
    till.cinema.confirm(held.id, "tx-1")
    del till.reservations.stored[held.id]

    till.cinema.settle_payment.settle_unless_settled_or_raise_not_due(read)
    assert till.status() == (PaymentStatus.CLAIMED, None)

    till.cinema.clock.forward(seconds=HOLD_SECONDS)
    till.due()
    assert till.status() == (PaymentStatus.SOLD, None)


@pytest.mark.parametrize("cents", [2499, 2501])
def test_what_was_charged_wrongly_goes_back_after_its_hold_was_made_by_every_clock(till: Till, cents: int) -> None:
    held = till.cinema.hold("A1")
    till.cinema.clock.forward(seconds=-4)

    till.hears(held, cents=cents)

    request = till.payments.known["tx-1"]
    assert request.requested_at
    assert request.requested_at > held.created_at


def test_what_goes_back_does_so_after_its_sale_and_after_it_was_requested_by_every_clock() -> None:
    sale = Payment("tx-1", "res-1", sale_id="sale-1", sold_at=NOW)
    behind = NOW - timedelta(seconds=4)

    request = sale.with_refund_requested(RefundReason.SCREENING_CANCELLED, behind)
    assert request.requested_at == NOW + timedelta(milliseconds=1)
    returned = request.with_refund_completed("re-1", behind)
    assert returned.refunded_at == NOW + timedelta(milliseconds=2)
    assert request.with_refund_completed("re-1", NOW + timedelta(seconds=1)).refunded_at == NOW + timedelta(seconds=1)


# Starting one.


@pytest.fixture
def start(till: Till) -> StartOrGetPayment:
    return StartOrGetPayment(till.reservations, till.gateway, till.cinema.clock)


def test_a_payment_is_started_once_for_each_hold(till: Till, start: StartOrGetPayment) -> None:
    one, other = till.cinema.hold("A1", user="ana"), till.cinema.hold("A2", user="bia")

    first = start(one.id)
    till.cinema.clock.forward(seconds=5)

    assert start(one.id) == first
    assert first[0] == one
    assert start(other.id)[1].id != first[1].id
    assert till.cinema.seats() == {"A1": "reserved", "A2": "reserved"}


def test_nothing_is_started_for_what_can_not_be_paid(till: Till, start: StartOrGetPayment) -> None:
    cancelled, sold, lapsed = (till.cinema.hold(seat, user=seat) for seat in ("A1", "A2", "A3"))
    till.cinema.cancel(cancelled.id)
    till.hears(sold)
    till.cinema.clock.forward(seconds=HOLD_SECONDS)
    wanted = {
        cancelled.id: ReservationCancelled,
        sold.id: ReservationConfirmed,
        lapsed.id: ReservationExpired,
        "res-forgotten": ReservationNotFound,
    }

    for reservation_id, refusal in wanted.items():
        with pytest.raises(refusal) as refused:
            start(reservation_id)
        assert refused.value.args[0] == reservation_id
        if isinstance(refused.value, ReservationExpired):
            assert refused.value.expired_at == lapsed.expires_at
    assert till.gateway.started == {}


def test_nothing_is_started_for_what_is_free(till: Till, start: StartOrGetPayment) -> None:
    free = replace(a_session(), ticket_price=Decimal(0))
    till.cinema.sessions.get_or_add_with_rows(free)

    held = till.cinema.hold("A1", session_id=free.id)
    with pytest.raises(FreeOfCharge) as refused:
        start(held.id)

    assert refused.value.args == (held.id,)


def test_a_gateway_that_does_not_answer_is_said_to_be_unavailable(till: Till, start: StartOrGetPayment) -> None:
    held = till.cinema.hold("A1")
    till.gateway.is_silent = True

    with pytest.raises(PaymentsUnavailable) as refused:
        start(held.id)

    assert refused.value.args == (held.id,)


# Hearing the gateway.


@dataclass
class Messages:
    """Says whatever it was told to say, to the one request that it expects."""

    said: Charge | None

    def read_charge(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Charge | None:
        assert (headers, body, now) == ({}, b"", NOW)
        return self.said


def test_what_the_gateway_says_is_worked_on_by_whoever_the_queue_wakes(till: Till) -> None:
    outbox, charge = FakeOutbox(), a_charge("tx-1", "res-1", 2500)

    QueueReportedCharge(Messages(charge), outbox, till.cinema.clock)({}, b"")
    QueueReportedCharge(Messages(None), outbox, till.cinema.clock)({}, b"")

    assert outbox.sent == [(OutgoingMessage(PAYMENTS, charge), NOW)]


def test_a_message_that_the_queue_does_not_take_is_sent_again_by_the_gateway(till: Till) -> None:
    outbox = FakeOutbox(deaf={PAYMENTS})

    with pytest.raises(BackendUnavailable):
        QueueReportedCharge(Messages(a_charge("tx-1", "res-1", 2500)), outbox, till.cinema.clock)({}, b"")


def test_a_claim_is_due_when_its_hold_lapses(till: Till) -> None:
    held = till.cinema.hold("A1")

    assert till.claimed(held).due_at == NOW + timedelta(seconds=HOLD_SECONDS)
