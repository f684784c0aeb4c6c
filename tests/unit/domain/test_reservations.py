"""A reservation's state through time, and what stands in the rows for it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.reservations import (
    CLOCKS_DIFFER,
    CountedHold,
    HeldSeat,
    Occupancy,
    SeatsTakenOrHoldEnded,
    SoldSeat,
    State,
    buyer_pseudonym_or_empty,
)
from tests.builders import NOW, a_hold, a_reservation, a_sale, later_hold_of

A_MILLISECOND = timedelta(milliseconds=1)


def test_a_pending_reservation_is_expired_from_the_very_moment_of_its_expiry() -> None:
    reservation = a_reservation()

    assert reservation.state_at(reservation.expires_at - A_MILLISECOND) is State.PENDING
    assert reservation.state_at(reservation.expires_at) is State.EXPIRED


@pytest.mark.parametrize("state", [State.CONFIRMED, State.CANCELLED, State.EXPIRED])
def test_time_changes_no_state_but_pending(state: State) -> None:
    reservation = replace(a_reservation(), state=state)

    assert reservation.state_at(reservation.expires_at - A_MILLISECOND) is state
    assert reservation.state_at(reservation.expires_at + A_MILLISECOND) is state


def test_a_confirmed_reservation_keeps_its_sale() -> None:
    sale = a_sale()
    confirmed = a_reservation().confirmed(sale)

    assert (confirmed.state, confirmed.sale) == (State.CONFIRMED, sale)


def test_an_entry_is_of_its_hold_but_not_of_an_earlier_or_later_one_under_the_same_id() -> None:
    hold = a_hold(fingerprint="f")
    entry = HeldSeat(hold.reservation_id, hold.expires_at, "f")

    assert entry.is_exactly_of(hold)
    assert not entry.is_exactly_of(later_hold_of(hold))
    assert not entry.is_exactly_of(replace(hold, fingerprint="another"))
    assert not entry.is_exactly_of(replace(hold, reservation_id="another"))


def test_what_is_taken_is_told_apart_by_owner() -> None:
    mine: dict[str, Occupancy] = {"A1": HeldSeat("mine", NOW), "A2": SoldSeat("mine", "sale-1")}
    taken = SeatsTakenOrHoldEnded({**mine, "A3": HeldSeat("theirs", NOW), "A4": SoldSeat("theirs", "sale-2")})

    assert taken.entries_of("mine") == mine
    assert taken.seats_of_others("mine") == ("A3", "A4")
    assert taken.sale_id_of_any_seat_of("mine") == "sale-1"
    assert taken.sale_id_of_any_seat_of("theirs") == "sale-2"
    assert taken.sale_id_of_any_seat_of("nobody") is None


def test_the_buyer_is_read_from_an_id_of_ours_alone() -> None:
    assert buyer_pseudonym_or_empty(f"res-{'b' * 11}{'r' * 22}") == "b" * 11
    for text in ("", "res-1", f"res-{'b' * 32}", f"res-{'b' * 34}", f"res-{'é' * 33}"):
        assert buyer_pseudonym_or_empty(text) == ""


def test_a_hold_may_have_lapsed_as_soon_as_it_has_by_the_clock_that_is_most_ahead() -> None:
    reservation = a_reservation()
    moment = reservation.expires_at - CLOCKS_DIFFER

    assert reservation.hold_may_have_lapsed_by_some_clock(moment)
    assert not reservation.hold_may_have_lapsed_by_some_clock(moment - A_MILLISECOND)


def test_a_counted_hold_is_of_one_hold_not_of_a_later_one_under_its_id() -> None:
    hold = a_hold("A1")
    counted = CountedHold(hold.reservation_id, hold.expires_at, newer_holds=0)

    assert counted.was_counted_for(hold)
    assert not counted.was_counted_for(later_hold_of(hold))
