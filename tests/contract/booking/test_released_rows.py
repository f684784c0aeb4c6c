"""Releasing seats in their rows, as every use case may rely on it, wherever they are kept."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.reservations import ReleaseResult, SeatsTakenOrHoldEnded, SoldSeat
from chalicelib.domain.sessions import Session
from tests.builders import HOLD_SECONDS, NOW, a_hold, a_sale, later_hold_of
from tests.contract.conftest import Backend
from tests.contract.seats import held, held_entry, in_one_row_and_in_two, sold

A_MILLISECOND = timedelta(milliseconds=1)


@in_one_row_and_in_two
def test_released_seats_are_free(backend: Backend, session: Session, seats: tuple[str, ...]) -> None:
    hold = held(backend, session, *seats)

    assert backend.rows.release(hold, NOW) == ReleaseResult(seats)
    assert backend.rows.read_entries_with_lapsed_or_raise_if_cancelled(session) == {}
    held(backend, session, *seats, expires_in=HOLD_SECONDS + 0.001)


@in_one_row_and_in_two
def test_a_released_hold_can_not_be_made_again(backend: Backend, session: Session, seats: tuple[str, ...]) -> None:
    """Neither the very request that made it may, which a client library may repeat minutes later, nor an older one."""
    hold = held(backend, session, *seats)
    older = replace(a_hold(*seats, session=session), expires_at=hold.expires_at - A_MILLISECOND)
    backend.rows.release(hold, NOW)

    for late in (hold, older):
        with pytest.raises(SeatsTakenOrHoldEnded) as refused:
            backend.rows.hold(late, NOW)
        assert (refused.value.occupancy, {*refused.value.held_meanwhile}) == ({}, {*seats})
    assert backend.rows.read_entries_with_lapsed_or_raise_if_cancelled(session) == {}


@in_one_row_and_in_two
def test_a_released_hold_can_not_be_made_again_after_others_had_the_seats(
    backend: Backend, session: Session, seats: tuple[str, ...]
) -> None:
    hold = held(backend, session, *seats)
    backend.rows.release(hold, NOW)
    theirs = held(backend, session, *seats, expires_in=HOLD_SECONDS + 1)
    backend.rows.release(theirs, NOW)

    with pytest.raises(SeatsTakenOrHoldEnded):
        backend.rows.hold(hold, NOW)


@pytest.mark.parametrize("theirs", ["A2", "B1"])
def test_only_the_seats_that_others_had_meanwhile_refuse_a_hold(
    backend: Backend, session: Session, theirs: str
) -> None:
    slow = a_hold("A1", "A2", "B1", session=session)
    later = a_hold(theirs, session=session, expires_in=HOLD_SECONDS + 1)
    backend.rows.hold(later, NOW)
    backend.rows.release(later, NOW)

    with pytest.raises(SeatsTakenOrHoldEnded) as refused:
        backend.rows.hold(slow, NOW)

    assert refused.value.held_meanwhile == (theirs,)


def test_a_seat_given_back_is_not_shown_to_viewers_nor_sold(backend: Backend, session: Session) -> None:
    hold = held(backend, session, "A1")
    backend.rows.release(hold, NOW)

    with pytest.raises(SeatsTakenOrHoldEnded):
        backend.rows.sell(hold, a_sale(hold), NOW)
    assert backend.rows.close_row_and_read_entries_with_lapsed(session.id, "A", NOW) == {}


def test_sales_are_found_by_when_their_row_was_last_written(backend: Backend, session: Session) -> None:
    first, sale = sold(backend, session, "A1")
    held(backend, session, "B1")

    def between(since: float, until: float) -> dict[str, str]:
        moments = (NOW + timedelta(seconds=seconds) for seconds in (since, until))
        return dict(backend.rows.sale_ids_by_reservation_in_rows_last_written_between(session, *moments))

    assert between(-1, 1) == between(0, 0) == {first.reservation_id: sale.id}
    assert between(1, 2) == between(-2, -1) == {}


@in_one_row_and_in_two
def test_a_lapsed_hold_is_released_too(backend: Backend, session: Session, seats: tuple[str, ...]) -> None:
    hold = held(backend, session, *seats)

    assert backend.rows.release(hold, hold.expires_at) == ReleaseResult(seats)
    assert backend.rows.read_entries_with_lapsed_or_raise_if_cancelled(session) == {}


@in_one_row_and_in_two
def test_releasing_twice_frees_nothing_more(backend: Backend, session: Session, seats: tuple[str, ...]) -> None:
    hold = held(backend, session, *seats)
    backend.rows.release(hold, NOW)
    theirs = held(backend, session, *seats, expires_in=HOLD_SECONDS + 1)

    assert backend.rows.release(hold, NOW) == ReleaseResult(())
    assert backend.rows.read_entries_with_lapsed_or_raise_if_cancelled(session) == dict.fromkeys(
        seats, held_entry(theirs)
    )


@in_one_row_and_in_two
def test_sold_seats_are_not_released_and_tell_their_sale(
    backend: Backend, session: Session, seats: tuple[str, ...]
) -> None:
    hold, sale = sold(backend, session, *seats)

    assert backend.rows.release(hold, hold.expires_at) == ReleaseResult((), sale.id)
    assert backend.rows.read_entries_with_lapsed_or_raise_if_cancelled(session) == dict.fromkeys(
        seats, SoldSeat(hold.reservation_id, sale.id)
    )


def test_someone_elses_sale_is_not_told_as_ones_own(backend: Backend, session: Session) -> None:
    hold = held(backend, session, "A1", expires_in=1)
    theirs = a_hold("A1", session=session, expires_in=60)
    backend.rows.hold(theirs, hold.expires_at)
    backend.rows.sell(theirs, a_sale(theirs), hold.expires_at)

    assert backend.rows.release(hold, hold.expires_at) == ReleaseResult(())


@in_one_row_and_in_two
def test_a_later_hold_under_the_same_id_is_not_released(
    backend: Backend, session: Session, seats: tuple[str, ...]
) -> None:
    hold = held(backend, session, *seats)
    later = later_hold_of(hold)
    backend.rows.hold(later, hold.expires_at)

    assert backend.rows.release(hold, hold.expires_at) == ReleaseResult(())
    assert backend.rows.read_entries_with_lapsed_or_raise_if_cancelled(session) == dict.fromkeys(
        seats, held_entry(later)
    )


def test_another_request_under_the_same_id_is_not_released(backend: Backend, session: Session) -> None:
    hold = held(backend, session, "A1", fingerprint="0123456789ab")

    assert backend.rows.release(replace(hold, fingerprint="another"), NOW) == ReleaseResult(())
    assert backend.rows.read_entries_with_lapsed_or_raise_if_cancelled(session) == {"A1": held_entry(hold)}


@pytest.mark.parametrize("taken", ["A1", "A2", "A10", "B1", "B2"])
def test_what_is_left_of_a_partly_taken_hold_is_released(backend: Backend, session: Session, taken: str) -> None:
    seats = ("A1", "A2", "A10", "B1", "B2")
    hold = held(backend, session, *seats)
    taker = a_hold(taken, session=session, expires_in=60)
    backend.rows.hold(taker, hold.expires_at)

    assert backend.rows.release(hold, hold.expires_at) == ReleaseResult(tuple(seat for seat in seats if seat != taken))
    assert backend.rows.read_entries_with_lapsed_or_raise_if_cancelled(session) == {taken: held_entry(taker)}


def test_what_is_left_of_a_hold_is_released_though_a_later_one_under_the_same_id_has_the_rest(
    backend: Backend, session: Session
) -> None:
    hold = held(backend, session, "A1", "A2")
    later = replace(later_hold_of(hold), seats=("A2",))
    backend.rows.hold(later, hold.expires_at)

    assert backend.rows.release(hold, hold.expires_at) == ReleaseResult(("A1",))
    assert backend.rows.read_entries_with_lapsed_or_raise_if_cancelled(session) == {"A2": held_entry(later)}
