"""Paying for a hold."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.refusals import (
    LatePayment,
    PaidByAnotherTransaction,
    PaymentForCancelledReservation,
    ReservationNotFound,
)
from chalicelib.domain.reservations import State
from tests.builders import HOLD_SECONDS, NOW, Cinema
from tests.fakes import Crash, FakeReservations, MovableClock, crash, interposed, sent_twice


@pytest.fixture
def cinema() -> Cinema:
    return Cinema()


def test_a_payment_turns_the_hold_into_a_sale(cinema: Cinema) -> None:
    held = cinema.hold("A1", "B1")
    cinema.clock.forward(seconds=5)

    paid = cinema.confirm(held.id, "tx-1")

    assert paid.state is State.CONFIRMED
    assert paid.sale
    assert (paid.sale.transaction_id, paid.sale.payment_method) == ("tx-1", "credit_card")
    assert paid.sale.paid_at == NOW + timedelta(seconds=5)
    assert cinema.seats() == {"A1": "sold", "B1": "sold"}


def test_a_sale_is_a_purchase_at_once(cinema: Cinema) -> None:
    held = cinema.hold("A1", user="ana")
    cinema.confirm(held.id)

    assert cinema.bought_by("ana") == [held.id]


def test_a_sold_seat_stays_sold_when_the_hold_would_have_lapsed(cinema: Cinema) -> None:
    cinema.confirm(cinema.hold("A1").id)
    cinema.clock.forward(days=30)

    assert cinema.seats() == {"A1": "sold"}


def test_the_same_payment_twice_gives_the_same_sale(cinema: Cinema) -> None:
    held = cinema.hold("A1")
    first = cinema.confirm(held.id, "tx-1")
    cinema.clock.forward(days=1)

    assert cinema.confirm(held.id, "tx-1") == first


def test_another_payment_for_a_paid_reservation_is_refused_loudly(cinema: Cinema) -> None:
    held = cinema.hold("A1")
    first = cinema.confirm(held.id, "tx-1")

    with pytest.raises(PaidByAnotherTransaction) as refused:
        cinema.confirm(held.id, "tx-2")

    assert refused.value.refund_reason
    assert first.sale
    assert refused.value.args == (held.id, first.sale.id, "tx-2")
    assert cinema.reservations.find(held.id) == first


def test_a_payment_for_an_unknown_reservation_is_refused(cinema: Cinema) -> None:
    with pytest.raises(ReservationNotFound):
        cinema.confirm("no such reservation")


def test_a_payment_in_the_last_millisecond_is_in_time(cinema: Cinema) -> None:
    held = cinema.hold("A1")
    cinema.clock.forward(seconds=HOLD_SECONDS, milliseconds=-1)

    assert cinema.confirm(held.id).state is State.CONFIRMED


def test_a_payment_at_the_very_moment_of_the_lapse_is_late(cinema: Cinema) -> None:
    held = cinema.hold("A1")
    cinema.clock.forward(seconds=HOLD_SECONDS)

    with pytest.raises(LatePayment) as refused:
        cinema.confirm(held.id, "tx-1")

    assert refused.value.refund_reason
    assert refused.value.args == (held.id, held.expires_at, "tx-1")
    assert cinema.seats() == {}


def test_a_payment_after_the_expiry_was_written_down_is_late(cinema: Cinema) -> None:
    held = cinema.hold("A1")
    cinema.clock.forward(seconds=HOLD_SECONDS)
    cinema.expire(held.hold)

    with pytest.raises(LatePayment):
        cinema.confirm(held.id)


def test_a_late_payment_does_not_take_the_seat_from_its_next_holder(cinema: Cinema) -> None:
    late = cinema.hold("A1", user="ana")
    cinema.clock.forward(seconds=HOLD_SECONDS)
    next_holder = cinema.hold("A1", user="bia")

    with pytest.raises(LatePayment):
        cinema.confirm(late.id)

    assert cinema.confirm(next_holder.id, "tx-2").state is State.CONFIRMED


def test_a_payment_for_a_cancelled_reservation_is_refused_loudly(cinema: Cinema) -> None:
    held = cinema.hold("A1")
    cinema.cancel(held.id)

    with pytest.raises(PaymentForCancelledReservation) as refused:
        cinema.confirm(held.id, "tx-1")

    assert refused.value.refund_reason
    assert refused.value.transaction_id == "tx-1"
    assert cinema.seats() == {}


def test_a_payment_while_the_buyer_cancels_buys_nothing(cinema: Cinema) -> None:
    held = cinema.hold("A1")
    rows = interposed(cinema.rows, "sell", before=lambda: cinema.cancel(held.id))

    with pytest.raises(PaymentForCancelledReservation):
        replace(cinema, rows=rows).confirm(held.id)

    assert cinema.seats() == {}


def test_the_same_payment_twice_while_the_buyer_cancels_is_told_the_same_twice(cinema: Cinema) -> None:
    held = cinema.hold("A1")

    def refuse_the_first() -> None:
        cinema.cancel(held.id)
        with pytest.raises(PaymentForCancelledReservation):
            cinema.confirm(held.id, "tx-1")

    reservations = interposed(cinema.reservations, "find", after=refuse_the_first)

    with pytest.raises(PaymentForCancelledReservation):
        replace(cinema, reservations=reservations).confirm(held.id, "tx-1")


def test_who_lost_the_seats_to_an_instance_that_is_ahead_is_told_one_story(cinema: Cinema) -> None:
    held = cinema.hold("A1", "A2", user="ana")
    ahead = replace(cinema, clock=MovableClock(cinema.clock() + timedelta(seconds=HOLD_SECONDS + 4)))
    theirs = ahead.hold("A1", user="bia")
    cinema.clock.forward(seconds=HOLD_SECONDS - 2)

    with pytest.raises(LatePayment) as refused:
        cinema.confirm(held.id, "tx-1")

    assert refused.value.expired_at == cinema.clock()
    ended = cinema.reservations.find(held.id)
    assert ended
    assert (ended.state, ended.ended_at) == (State.EXPIRED, cinema.clock())
    assert cinema.seats() == {"A1": "reserved"}, "what was left of the hold is given back"
    assert ahead.confirm(theirs.id, "tx-2").state is State.CONFIRMED


def test_who_lost_a_hold_to_an_instance_that_is_ahead_is_not_told_that_somebody_has_cancelled(cinema: Cinema) -> None:
    held = cinema.hold("A1")
    cinema.clock.forward(seconds=HOLD_SECONDS - 4)
    ahead = replace(cinema, clock=MovableClock(cinema.clock() + timedelta(seconds=5)))
    rows = interposed(cinema.rows, "sell", before=lambda: ahead.rows.release(held.hold, ahead.clock()))

    with pytest.raises(LatePayment):
        replace(cinema, rows=rows).confirm(held.id)

    ended = cinema.reservations.find(held.id)
    assert ended
    assert ended.state is State.EXPIRED


def test_who_stopped_until_the_hold_was_over_is_not_told_that_somebody_has_cancelled(cinema: Cinema) -> None:
    held = cinema.hold("A1")

    def stop() -> None:
        cinema.clock.forward(seconds=HOLD_SECONDS)
        cinema.rows.release(held.hold, cinema.clock())

    rows = interposed(cinema.rows, "sell", before=stop)
    with pytest.raises(LatePayment):
        replace(cinema, rows=rows).confirm(held.id)

    ended = cinema.reservations.find(held.id)
    assert ended
    assert ended.state is State.EXPIRED


def test_after_the_row_is_sold_nothing_says_that_the_payment_bought_nothing(cinema: Cinema) -> None:
    """Should a reservation ever say that it has ended, whose row was sold all the same: the row is right."""
    held = cinema.hold("A1")

    def close_wrongly() -> None:
        cinema.reservations.mark_ended_if_pending_with_hold_and_read(held.hold, State.CANCELLED, NOW)

    rows = interposed(cinema.rows, "sell", after=close_wrongly)
    paid = replace(cinema, rows=rows).confirm(held.id, "tx-1")

    assert paid.state is State.CONFIRMED
    assert cinema.reservations.find(held.id) == paid
    assert cinema.payments.find("tx-1")


# Crashes, lost answers, and two at once.


def test_a_crash_before_the_commit_point_sells_nothing(cinema: Cinema) -> None:
    held = cinema.hold("A1")
    dying = replace(cinema, rows=interposed(cinema.rows, "sell", before=crash))

    with pytest.raises(Crash):
        dying.confirm(held.id)

    assert cinema.seats() == {"A1": "reserved"}


@pytest.mark.parametrize("seconds_later", [1, HOLD_SECONDS, 3600])
def test_a_resend_finishes_a_sale_that_crashed_after_the_commit_point(cinema: Cinema, seconds_later: int) -> None:
    held = cinema.hold("A1", user="ana")
    dying = replace(
        cinema, reservations=interposed(cinema.reservations, "mark_confirmed_unless_sold_and_read", before=crash)
    )
    with pytest.raises(Crash):
        dying.confirm(held.id, "tx-1")
    cinema.clock.forward(seconds=seconds_later)

    assert cinema.confirm(held.id, "tx-1").state is State.CONFIRMED
    assert cinema.bought_by("ana") == [held.id]


def test_a_sale_that_is_finished_after_its_holds_time_is_dated_within_it(cinema: Cinema) -> None:
    held = cinema.hold("A1")
    dying = replace(
        cinema, reservations=interposed(cinema.reservations, "mark_confirmed_unless_sold_and_read", before=crash)
    )
    with pytest.raises(Crash):
        dying.confirm(held.id)
    cinema.clock.forward(seconds=300)

    finished = cinema.confirm(held.id).sale
    assert finished
    assert finished.paid_at == held.expires_at


def test_after_such_a_crash_another_payment_is_still_refused(cinema: Cinema) -> None:
    held = cinema.hold("A1")
    dying = replace(
        cinema, reservations=interposed(cinema.reservations, "mark_confirmed_unless_sold_and_read", before=crash)
    )
    with pytest.raises(Crash):
        dying.confirm(held.id, "tx-1")

    with pytest.raises(PaidByAnotherTransaction):
        cinema.confirm(held.id, "tx-2")


def test_a_sale_that_the_client_library_sends_twice_is_one_sale(cinema: Cinema) -> None:
    held = cinema.hold("A1", "B1")
    cinema.rows = sent_twice(cinema.rows, "sell")

    assert cinema.confirm(held.id).state is State.CONFIRMED


def test_of_two_payments_at_once_one_buys_and_the_other_is_refused(cinema: Cinema) -> None:
    held = cinema.hold("A1")
    rows = interposed(cinema.rows, "sell", before=lambda: cinema.confirm(held.id, "tx-2"))

    with pytest.raises(PaidByAnotherTransaction) as refused:
        replace(cinema, rows=rows).confirm(held.id, "tx-1")

    stored = cinema.reservations.find(held.id)
    assert stored
    assert stored.sale
    assert stored.sale.transaction_id == "tx-2"
    assert refused.value.transaction_id == "tx-1"


def test_the_same_payment_twice_at_once_is_one_sale(cinema: Cinema) -> None:
    held = cinema.hold("A1")
    twins = []
    rows = interposed(cinema.rows, "sell", before=lambda: twins.append(cinema.confirm(held.id, "tx-1")))

    assert replace(cinema, rows=rows).confirm(held.id, "tx-1") == twins[0]


def test_a_sale_is_answered_though_its_reservation_was_deleted_meanwhile(cinema: Cinema) -> None:
    stored = FakeReservations()
    cinema.reservations = stored
    held = cinema.hold("A1")
    forgetful = interposed(cinema.reservations, "mark_confirmed_unless_sold_and_read", before=stored.stored.clear)

    paid = replace(cinema, reservations=forgetful).confirm(held.id)

    assert paid.state is State.CONFIRMED
    assert cinema.seats() == {"A1": "sold"}
