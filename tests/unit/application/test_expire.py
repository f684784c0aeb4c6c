"""Giving seats back because their hold has lapsed."""

from dataclasses import replace

import pytest

from chalicelib.application.release import NotLapsedYet
from chalicelib.domain.reservations import Reservation, State
from tests.builders import HOLD_SECONDS, NOW, Cinema, a_hold
from tests.fakes import Crash, crash, interposed


@pytest.fixture
def cinema() -> Cinema:
    return Cinema()


def state_of(reservation: Reservation | None) -> State:
    assert reservation
    return reservation.state


def state_after_expiry(cinema: Cinema, held: Reservation) -> State:
    cinema.expire(held.hold)
    return state_of(cinema.reservations.find(held.id))


def test_a_lapsed_hold_is_taken_out_of_its_rows_and_its_reservation_expires(cinema: Cinema) -> None:
    held = cinema.hold("A1", "B1")
    cinema.clock.forward(seconds=HOLD_SECONDS)

    assert state_after_expiry(cinema, held) is State.EXPIRED
    assert cinema.rows.read_entries_with_lapsed_or_raise_if_cancelled(cinema.session) == {}
    assert state_of(cinema.reservations.find(held.id)) is State.EXPIRED


def test_a_hold_is_not_expired_a_millisecond_early(cinema: Cinema) -> None:
    held = cinema.hold("A1")
    cinema.clock.forward(seconds=HOLD_SECONDS, milliseconds=-1)

    with pytest.raises(NotLapsedYet):
        cinema.expire(held.hold)

    assert cinema.seats() == {"A1": "reserved"}
    assert state_of(cinema.reservations.find(held.id)) is State.PENDING


def test_a_second_delivery_finds_nothing_left_to_do(cinema: Cinema) -> None:
    held = cinema.hold("A1", user="ana")
    cinema.clock.forward(seconds=HOLD_SECONDS)
    first = cinema.expire(held.hold)
    cinema.hold("A1", user="bia")

    assert cinema.expire(held.hold) == first
    assert cinema.seats() == {"A1": "reserved"}


def test_a_hold_sold_meanwhile_stays_sold(cinema: Cinema) -> None:
    held = cinema.hold("A1", "B1")
    cinema.confirm(held.id)
    cinema.clock.forward(seconds=HOLD_SECONDS)

    assert state_after_expiry(cinema, held) is State.CONFIRMED
    assert cinema.seats() == {"A1": "sold", "B1": "sold"}


def test_a_sale_that_is_not_written_down_yet_is_not_written_off(cinema: Cinema) -> None:
    held = cinema.hold("A1")
    dying = replace(
        cinema, reservations=interposed(cinema.reservations, "mark_confirmed_unless_sold_and_read", before=crash)
    )
    with pytest.raises(Crash):
        dying.confirm(held.id)
    cinema.clock.forward(seconds=HOLD_SECONDS)

    assert state_after_expiry(cinema, held) is State.PENDING
    assert state_of(cinema.confirm(held.id)) is State.CONFIRMED


def test_a_hold_cancelled_meanwhile_stays_cancelled(cinema: Cinema) -> None:
    held = cinema.hold("A1")
    cinema.cancel(held.id)
    cinema.clock.forward(seconds=HOLD_SECONDS)

    assert state_after_expiry(cinema, held) is State.CANCELLED


def test_a_hold_that_was_never_remembered_is_taken_out_of_its_rows(cinema: Cinema) -> None:
    hold = a_hold("A1", session=cinema.session)
    cinema.rows.hold(hold, NOW)
    cinema.clock.forward(seconds=HOLD_SECONDS)

    assert cinema.expire(hold)
    assert cinema.rows.read_entries_with_lapsed_or_raise_if_cancelled(cinema.session) == {}


def test_a_later_hold_under_the_same_id_is_untouched(cinema: Cinema) -> None:
    """A twin died between its writes; its resend came after the lapse and holds the seats anew."""
    dying = replace(cinema, reservations=interposed(cinema.reservations, "get_or_add_unless_hold_barred", before=crash))
    with pytest.raises(Crash):
        dying.hold("A1", key="k")
    cinema.clock.forward(seconds=HOLD_SECONDS)
    resent = cinema.hold("A1", key="k")
    first_hold = replace(resent.hold, expires_at=cinema.clock.now)

    cinema.expire(first_hold)

    assert cinema.seats() == {"A1": "reserved"}
    assert state_of(cinema.reservations.find(resent.id)) is State.PENDING


def test_an_expiry_that_crashed_in_the_middle_is_finished_by_the_next_delivery(cinema: Cinema) -> None:
    held = cinema.hold("A1")
    cinema.clock.forward(seconds=HOLD_SECONDS)
    dying = replace(
        cinema, reservations=interposed(cinema.reservations, "mark_ended_if_pending_with_hold_and_read", before=crash)
    )
    with pytest.raises(Crash):
        dying.expire(held.hold)

    assert state_after_expiry(cinema, held) is State.EXPIRED
