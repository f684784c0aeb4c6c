"""Giving seats back because the buyer wants to."""

from dataclasses import replace

import pytest

from chalicelib.domain.refusals import (
    PaymentForCancelledReservation,
    ReservationConfirmed,
    ReservationExpired,
    ReservationNotFound,
)
from chalicelib.domain.reservations import State
from tests.builders import HOLD_SECONDS, Cinema
from tests.fakes import Crash, FakeReservations, crash, interposed


@pytest.fixture
def cinema() -> Cinema:
    return Cinema()


def test_cancelled_seats_are_free_at_once(cinema: Cinema) -> None:
    held = cinema.hold("A1", "B1")

    assert cinema.cancel(held.id).state is State.CANCELLED
    assert cinema.seats() == {}
    assert cinema.hold("A1", "B1", user="bia").seats == ("A1", "B1")


def test_cancelling_twice_is_cancelling_once(cinema: Cinema) -> None:
    held = cinema.hold("A1")
    first = cinema.cancel(held.id)
    cinema.clock.forward(days=1)

    assert cinema.cancel(held.id) == first


def test_cancelling_twice_leaves_the_seats_next_holder_alone(cinema: Cinema) -> None:
    held = cinema.hold("A1", user="ana")
    cinema.cancel(held.id)
    cinema.hold("A1", user="bia")

    cinema.cancel(held.id)

    assert cinema.seats() == {"A1": "reserved"}


def test_an_unknown_reservation_is_not_cancelled(cinema: Cinema) -> None:
    with pytest.raises(ReservationNotFound):
        cinema.cancel("no such reservation")


def test_a_paid_reservation_is_not_cancelled(cinema: Cinema) -> None:
    held = cinema.hold("A1")
    cinema.confirm(held.id)

    with pytest.raises(ReservationConfirmed):
        cinema.cancel(held.id)

    assert cinema.seats() == {"A1": "sold"}


def test_a_sale_that_is_not_written_down_yet_is_not_cancelled(cinema: Cinema) -> None:
    held = cinema.hold("A1")
    dying = replace(
        cinema, reservations=interposed(cinema.reservations, "mark_confirmed_unless_sold_and_read", before=crash)
    )
    with pytest.raises(Crash):
        dying.confirm(held.id)

    with pytest.raises(ReservationConfirmed):
        cinema.cancel(held.id)

    assert cinema.seats() == {"A1": "sold"}


def test_a_lapsed_reservation_is_expired_not_cancelled(cinema: Cinema) -> None:
    held = cinema.hold("A1")
    cinema.clock.forward(seconds=HOLD_SECONDS)

    with pytest.raises(ReservationExpired) as refused:
        cinema.cancel(held.id)

    assert refused.value.expired_at == held.expires_at


def test_an_expired_reservation_is_not_cancelled(cinema: Cinema) -> None:
    held = cinema.hold("A1")
    cinema.clock.forward(seconds=HOLD_SECONDS)
    cinema.expire(held.hold)

    with pytest.raises(ReservationExpired):
        cinema.cancel(held.id)


def test_cancelling_a_lapsed_hold_leaves_the_seats_next_holder_alone(cinema: Cinema) -> None:
    held = cinema.hold("A1", user="ana")
    cinema.clock.forward(seconds=HOLD_SECONDS)
    cinema.hold("A1", user="bia")

    with pytest.raises(ReservationExpired):
        cinema.cancel(held.id)

    assert cinema.seats() == {"A1": "reserved"}


def test_a_cancellation_that_crashed_in_the_middle_is_finished_by_the_next(cinema: Cinema) -> None:
    held = cinema.hold("A1")
    dying = replace(
        cinema, reservations=interposed(cinema.reservations, "mark_ended_if_pending_with_hold_and_read", before=crash)
    )
    with pytest.raises(Crash):
        dying.cancel(held.id)

    assert cinema.cancel(held.id).state is State.CANCELLED
    assert cinema.seats() == {}


def test_a_payment_after_such_a_crash_buys_nothing(cinema: Cinema) -> None:
    held = cinema.hold("A1")
    dying = replace(
        cinema, reservations=interposed(cinema.reservations, "mark_ended_if_pending_with_hold_and_read", before=crash)
    )
    with pytest.raises(Crash):
        dying.cancel(held.id)

    with pytest.raises(PaymentForCancelledReservation):
        cinema.confirm(held.id)


def test_a_payment_just_before_the_seats_go_back_wins(cinema: Cinema) -> None:
    held = cinema.hold("A1")
    rows = interposed(cinema.rows, "release", before=lambda: cinema.confirm(held.id))

    with pytest.raises(ReservationConfirmed):
        replace(cinema, rows=rows).cancel(held.id)

    assert cinema.seats() == {"A1": "sold"}


def test_a_reservation_deleted_meanwhile_is_not_found(cinema: Cinema) -> None:
    stored = FakeReservations()
    cinema.reservations = stored
    held = cinema.hold("A1")
    forgetful = interposed(cinema.reservations, "mark_ended_if_pending_with_hold_and_read", before=stored.stored.clear)

    with pytest.raises(ReservationNotFound):
        replace(cinema, reservations=forgetful).cancel(held.id)
