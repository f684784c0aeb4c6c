"""Guards that no other test misses when they are gone: found by tests/mutants."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.consumers import PAYMENTS
from chalicelib.domain.events import OutgoingMessage, ReservationChange, RowClosed
from chalicelib.domain.identity import ANONYMOUS
from chalicelib.domain.payments import (
    Charge,
    Payment,
    PaymentChange,
    PaymentStatus,
    RefundReason,
    SettlementDue,
    claimed_payment_for,
    refund_request_for,
    sold_payment_of,
)
from chalicelib.domain.refusals import (
    BackendUnavailable,
    LatePayment,
    PaymentForCancelledReservation,
    PaymentRefundedOrWrongAmount,
    ReservationCancelled,
    ReservationExpired,
    SessionCancelled,
)
from chalicelib.domain.reservations import HeldSeat, HoldBarredBeforeStored, Reservation, State, without_lapsed_holds
from tests.builders import HOLD_SECONDS, NOW, Cinema, a_reservation
from tests.fakes import FakePayments, FakeReservations, FakeRows, crash, interposed

TX = "tx-1"


@pytest.fixture
def cinema() -> Cinema:
    return Cinema()


def a_charge(held: Reservation, cents: int = 2500) -> Charge:
    return Charge(TX, held.id, cents, "BRL", NOW)


def know(cinema: Cinema, payment: Payment) -> Payment:
    assert isinstance(cinema.payments, FakePayments)
    cinema.payments.known[payment.transaction_id] = payment
    return payment


def status(cinema: Cinema) -> PaymentStatus:
    found = cinema.payments.find(TX)
    assert found
    return found.status


def unavailable() -> None:
    raise BackendUnavailable("UpdateItem")


# Holds


def test_a_cancelled_screening_is_refused_before_its_rows_are_asked(cinema: Cinema) -> None:
    cinema.sessions.set_cancelled_at_for_display_if_unset(cinema.session.id, NOW)

    with pytest.raises(SessionCancelled):
        replace(cinema, rows=interposed(cinema.rows, "hold", before=crash)).hold("A1")


def test_a_hold_that_expired_before_it_was_stored_is_never_stored(cinema: Cinema) -> None:
    late = a_reservation("A1", session=cinema.session)
    cinema.rows.hold(late.hold, NOW)
    cinema.clock.forward(seconds=HOLD_SECONDS)

    cinema.expire(late.hold)

    with pytest.raises(HoldBarredBeforeStored):
        cinema.reservations.get_or_add_unless_hold_barred(late)


def test_a_reservation_that_was_stored_while_it_expired_ends(cinema: Cinema) -> None:
    slow = a_reservation("A1", session=cinema.session)
    cinema.rows.hold(slow.hold, NOW)
    cinema.clock.forward(seconds=HOLD_SECONDS)
    stored_meanwhile = interposed(
        cinema.reservations,
        "bar_hold_and_earlier_or_read_stored",
        before=lambda: cinema.reservations.get_or_add_unless_hold_barred(slow),
    )

    replace(cinema, reservations=stored_meanwhile).expire(slow.hold)

    ended = cinema.reservations.find(slow.id)
    assert ended
    assert ended.state is State.EXPIRED


def test_a_barred_hold_gives_its_seats_back(cinema: Cinema) -> None:
    rows, reservations = FakeRows(), FakeReservations()

    def bar() -> None:
        (entry,) = rows.taken[cinema.session.id].values()
        assert isinstance(entry, HeldSeat)
        reservations.barred[entry.reservation_id] = entry.expires_at

    barred_meanwhile = replace(
        cinema, rows=rows, reservations=interposed(reservations, "get_or_add_unless_hold_barred", before=bar)
    )

    with pytest.raises(ReservationCancelled):
        barred_meanwhile.hold("A1", key="k")

    assert rows.taken[cinema.session.id] == {}


def test_seats_of_a_reservation_that_lapses_while_it_is_asked_for_again_are_released(cinema: Cinema) -> None:
    cinema.hold("A1", key="k")
    assert isinstance(cinema.rows, FakeRows)
    lapses = interposed(cinema.reservations, "find", before=lambda: cinema.clock.forward(seconds=HOLD_SECONDS))

    with pytest.raises(ReservationExpired):
        replace(cinema, reservations=lapses).hold("A1", key="k")

    assert cinema.rows.taken[cinema.session.id] == {}


def test_a_reservation_that_was_cancelled_is_not_released_again(cinema: Cinema) -> None:
    held = cinema.hold("A1")
    cinema.cancel(held.id)

    again = replace(cinema, rows=interposed(cinema.rows, "release", before=crash)).cancel(held.id)

    assert again.state is State.CANCELLED


def test_a_hold_is_not_in_force_at_the_moment_of_its_expiry() -> None:
    assert without_lapsed_holds({"A1": HeldSeat("res-1", NOW)}, NOW) == {}


def test_what_ends_a_reservation_comes_after_its_beginning() -> None:
    held = a_reservation()

    assert held.at_least_1ms_after_creation(NOW - timedelta(seconds=5)) == NOW + timedelta(milliseconds=1)


# Payments


def test_a_payment_that_is_on_its_way_back_does_not_buy_the_hold_it_was_for(cinema: Cinema) -> None:
    held = cinema.hold("A1")
    know(cinema, refund_request_for(TX, held, RefundReason.LATE, NOW))

    with pytest.raises(PaymentRefundedOrWrongAmount):
        cinema.confirm(held.id, TX)

    assert cinema.seats() == {"A1": "reserved"}


def test_a_confirmation_by_a_wrong_amount_moves_no_money(cinema: Cinema) -> None:
    held = cinema.hold("A1")
    cinema.payments.record_charge_if_allowed_and_read(a_charge(held, cents=1))

    with pytest.raises(PaymentRefundedOrWrongAmount):
        cinema.confirm(held.id, TX)

    assert status(cinema) is PaymentStatus.ASSERTED


def test_a_sale_whose_reservation_was_deleted_is_stored_anew(cinema: Cinema) -> None:
    held = cinema.hold("A1")
    reservations = cinema.reservations
    assert isinstance(reservations, FakeReservations)
    deleted = interposed(
        reservations, "mark_confirmed_unless_sold_and_read", before=lambda: reservations.stored.pop(held.id)
    )

    replace(cinema, reservations=deleted).confirm(held.id, TX)

    stored = reservations.find(held.id)
    assert stored
    assert stored.sale


def test_a_hold_whose_seat_somebody_else_has_has_expired_whatever_this_clock_says(cinema: Cinema) -> None:
    held = cinema.hold("A1", user="ana")
    cinema.clock.forward(seconds=HOLD_SECONDS)
    cinema.hold("A1", user="bia")
    cinema.clock.forward(seconds=5 - HOLD_SECONDS)

    with pytest.raises(LatePayment):
        cinema.confirm(held.id, TX)


def test_a_payment_that_another_process_has_settled_is_settled(cinema: Cinema) -> None:
    held = cinema.hold("A1")
    known_before = cinema.payments.record_charge_if_allowed_and_read(a_charge(held))
    know(cinema, refund_request_for(TX, held, RefundReason.LATE, NOW))

    cinema.settle_payment.settle_unless_settled_or_raise_not_due(known_before)

    assert status(cinema) is PaymentStatus.REFUND_REQUESTED


def test_of_what_the_gateway_has_not_charged_nothing_is_returned(cinema: Cinema) -> None:
    cinema.change_settings(payments_charged_only=True)
    cancelled = cinema.cancel(cinema.hold("A1").id)

    with pytest.raises(PaymentForCancelledReservation):
        cinema.confirm(cancelled.id, TX)

    assert cinema.payments.find(TX) is None


def test_a_settled_payment_is_not_due_again_though_its_hold_seems_live(cinema: Cinema) -> None:
    """Of a cancelled screening: its holds end when their time has come, their payments at once."""
    held = cinema.hold("A1")
    settled = know(cinema, refund_request_for(TX, held, RefundReason.SCREENING_CANCELLED, NOW))

    cinema.settle_payment.settle_unless_settled_or_raise_not_due(settled)

    assert cinema.payments.find(TX) == settled


def test_the_gateway_is_not_asked_of_a_payment_that_is_not_to_be_returned(cinema: Cinema) -> None:
    bought = sold_payment_of(cinema.confirm(cinema.hold("A1").id, TX))
    assert bought
    cinema.gateway.is_silent = True  # type: ignore[attr-defined] # the fake's

    cinema.refund_or_settle.refund_if_requested_or_settle_by_charge(know(cinema, bought))

    assert cinema.payments.find(TX) == bought


def test_an_outage_while_a_payment_is_settled_is_no_end(cinema: Cinema) -> None:
    held = cinema.hold("A1")
    cinema.payments.record_charge_if_allowed_and_read(a_charge(held))

    with pytest.raises(BackendUnavailable):
        replace(cinema, rows=interposed(cinema.rows, "sell", before=unavailable)).settle_payment(a_charge(held))


def test_a_charged_payment_that_the_gateway_does_not_know_stays_to_be_returned(cinema: Cinema) -> None:
    held = cinema.hold("A1")
    gateway = replace(cinema.gateway, unknown={TX})  # type: ignore[type-var] # the fake is a dataclass
    requested = refund_request_for(TX, held, RefundReason.LATE, NOW)
    payment = know(cinema, replace(requested, charged_at=NOW, charged_cents=2500, charged_currency="BRL"))

    replace(cinema, gateway=gateway).refund_or_settle.refund_if_requested_or_settle_by_charge(payment)

    assert status(cinema) is PaymentStatus.REFUND_REQUESTED


def test_a_charge_of_a_fresh_claim_is_recorded_by_the_sweep(cinema: Cinema) -> None:
    held = cinema.hold("A1")
    know(cinema, claimed_payment_for(held, TX, "credit_card", NOW))
    cinema.gateway.pay(a_charge(held))  # type: ignore[attr-defined] # the fake's

    cinema.settling.reconcile_charges_refunds_and_sales()

    recorded = cinema.payments.find(TX)
    assert recorded
    assert recorded.was_charged


def test_a_payment_whose_purchase_is_anothers_is_a_finding(cinema: Cinema) -> None:
    held = cinema.hold("A1")
    bought = sold_payment_of(cinema.confirm(held.id, TX))
    assert bought
    strange = replace(bought, transaction_id="tx-2", sale_id="sale-2", charged_at=NOW, charged_cents=2500)
    know(cinema, strange)
    cinema.gateway.pay(replace(a_charge(held), transaction_id="tx-2"))  # type: ignore[attr-defined] # the fake's

    found = cinema.settling.reconcile_charges_refunds_and_sales().findings

    assert [each.transaction_id for each in found if "no such purchase" in each.says] == ["tx-2"]


# What the streams tell


def test_the_sales_of_a_closed_row_are_returned_and_only_the_last_row_tells(cinema: Cinema) -> None:
    held = cinema.hold("A1")
    cinema.confirm(held.id, TX)

    told = cinema.relay_row(RowClosed(cinema.session.id, "B", (held.id,), NOW))

    assert told == []
    assert status(cinema) is PaymentStatus.REFUND_REQUESTED


def test_a_sale_that_changes_later_is_not_told_again(cinema: Cinema) -> None:
    paid = cinema.confirm(cinema.hold("A1").id, TX)

    assert cinema.relay_reservation(ReservationChange(paid, replace(paid, refunded_at=NOW), NOW)) == []


def test_a_claim_is_due_when_its_hold_is_over_and_told_once(cinema: Cinema) -> None:
    held = cinema.hold("A1")
    claim = claimed_payment_for(held, TX, "credit_card", NOW)

    assert cinema.relay_payment(PaymentChange(None, claim)) == [
        OutgoingMessage(PAYMENTS, SettlementDue(TX, held.expires_at))
    ]
    assert cinema.relay_payment(PaymentChange(claim, replace(claim, charged_at=NOW))) == []


def test_a_held_seat_of_a_cancelled_screening_is_no_sale(cinema: Cinema) -> None:
    cinema.hold("A1")

    assert cinema.cancel_session().sales == 0


def test_nobody_in_particular_owns_nothing_also_where_no_owner_is_named() -> None:
    assert not ANONYMOUS.may_act_for("")


def test_the_stream_registers_a_sale_on_its_payment(cinema: Cinema) -> None:
    held = cinema.hold("A1")
    paid = cinema.confirm(held.id, TX)

    cinema.relay_reservation(ReservationChange(held, paid, NOW))

    assert status(cinema) is PaymentStatus.SOLD
