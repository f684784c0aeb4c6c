"""The rows of seats, as every use case may rely on them, wherever they are kept."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.events import SeatsHeld, SeatsReleased, SeatsSold
from chalicelib.domain.reservations import HeldSeat, Occupancy, SeatsTakenOrHoldEnded, SoldSeat
from chalicelib.domain.sessions import Session
from tests.builders import NOW, a_hold, a_sale, a_session, later_hold_of
from tests.contract.conftest import Backend
from tests.contract.seats import held, held_entry, in_one_row_and_in_two, sold

A_MILLISECOND = timedelta(milliseconds=1)


# Holding.


@in_one_row_and_in_two
@pytest.mark.parametrize("fingerprint", ["", "0123456789ab"])
def test_held_seats_stand_in_their_rows(
    backend: Backend, session: Session, seats: tuple[str, ...], fingerprint: str
) -> None:
    hold = held(backend, session, *seats, fingerprint=fingerprint)

    assert backend.rows.read_entries_with_lapsed_or_raise_if_cancelled(session) == dict.fromkeys(
        seats, held_entry(hold)
    )


def test_other_seats_of_a_row_are_held_beside(backend: Backend, session: Session) -> None:
    one, other = held(backend, session, "A1"), held(backend, session, "A2")

    assert backend.rows.read_entries_with_lapsed_or_raise_if_cancelled(session) == {
        "A1": held_entry(one),
        "A2": held_entry(other),
    }


def test_the_same_seat_of_another_screening_is_another_seat(backend: Backend, session: Session) -> None:
    another = a_session()
    backend.sessions.get_or_add_with_rows(another)
    held(backend, session, "A1")

    assert backend.rows.read_entries_with_lapsed_or_raise_if_cancelled(another) == {}
    held(backend, another, "A1")


@in_one_row_and_in_two
@pytest.mark.parametrize("taken", [0, 1])
def test_one_held_seat_refuses_all(backend: Backend, session: Session, seats: tuple[str, ...], taken: int) -> None:
    theirs = held(backend, session, seats[taken])

    with pytest.raises(SeatsTakenOrHoldEnded) as refused:
        held(backend, session, *seats)

    assert refused.value.occupancy == {seats[taken]: held_entry(theirs)}
    assert backend.rows.read_entries_with_lapsed_or_raise_if_cancelled(session) == {seats[taken]: held_entry(theirs)}


@in_one_row_and_in_two
def test_one_sold_seat_refuses_all(backend: Backend, session: Session, seats: tuple[str, ...]) -> None:
    theirs, sale = sold(backend, session, seats[1])

    with pytest.raises(SeatsTakenOrHoldEnded) as refused:
        held(backend, session, *seats)

    assert refused.value.occupancy == {seats[1]: SoldSeat(theirs.reservation_id, sale.id)}
    assert list(backend.rows.read_entries_with_lapsed_or_raise_if_cancelled(session)) == [seats[1]]


@pytest.mark.parametrize("rows", ["A", "AB"])
def test_a_refusal_names_every_seat_taken_held_or_sold_and_no_other(
    backend: Backend, session: Session, rows: str
) -> None:
    wanted = [f"{row}{number}" for row in rows for number in (1, 2, 3)]
    taken: dict[str, Occupancy] = {}
    for row in rows:
        hold, (buyer, sale) = held(backend, session, f"{row}1"), sold(backend, session, f"{row}2")
        taken |= {f"{row}1": held_entry(hold), f"{row}2": SoldSeat(buyer.reservation_id, sale.id)}
    held(backend, session, "A5")

    with pytest.raises(SeatsTakenOrHoldEnded) as refused:
        held(backend, session, *wanted)

    assert refused.value.occupancy == taken


@in_one_row_and_in_two
def test_a_hold_is_taken_over_from_its_very_expiry(backend: Backend, session: Session, seats: tuple[str, ...]) -> None:
    lapsed = held(backend, session, *seats)
    taker = a_hold(*seats, session=session, expires_in=60)

    backend.rows.hold(taker, lapsed.expires_at)

    assert backend.rows.read_entries_with_lapsed_or_raise_if_cancelled(session) == dict.fromkeys(
        seats, held_entry(taker)
    )


@in_one_row_and_in_two
def test_a_hold_is_not_taken_over_a_millisecond_before(
    backend: Backend, session: Session, seats: tuple[str, ...]
) -> None:
    hold = held(backend, session, *seats)

    with pytest.raises(SeatsTakenOrHoldEnded) as refused:
        backend.rows.hold(a_hold(*seats, session=session), hold.expires_at - A_MILLISECOND)

    assert refused.value.occupancy == dict.fromkeys(seats, held_entry(hold))


@in_one_row_and_in_two
def test_a_lapsed_hold_beside_a_live_one_is_not_named(
    backend: Backend, session: Session, seats: tuple[str, ...]
) -> None:
    held(backend, session, seats[0], expires_in=10)
    live = held(backend, session, seats[1], expires_in=20)

    with pytest.raises(SeatsTakenOrHoldEnded) as refused:
        backend.rows.hold(a_hold(*seats, session=session), NOW + timedelta(seconds=10))

    assert refused.value.occupancy == {seats[1]: held_entry(live)}


def test_a_sold_seat_is_never_taken_over(backend: Backend, session: Session) -> None:
    sold(backend, session, "A1")

    with pytest.raises(SeatsTakenOrHoldEnded):
        backend.rows.hold(a_hold("A1", session=session), NOW + timedelta(days=3650))


@in_one_row_and_in_two
def test_a_hold_sent_again_meets_itself(backend: Backend, session: Session, seats: tuple[str, ...]) -> None:
    hold = held(backend, session, *seats, fingerprint="0123456789ab")

    with pytest.raises(SeatsTakenOrHoldEnded) as refused:
        backend.rows.hold(hold, NOW)

    assert all(isinstance(found, HeldSeat) and found.is_exactly_of(hold) for found in refused.value.occupancy.values())
    assert set(refused.value.occupancy) == set(seats)


# Selling.


@in_one_row_and_in_two
def test_a_live_hold_is_sold(backend: Backend, session: Session, seats: tuple[str, ...]) -> None:
    hold, sale = sold(backend, session, *seats)

    assert backend.rows.read_entries_with_lapsed_or_raise_if_cancelled(session) == dict.fromkeys(
        seats, SoldSeat(hold.reservation_id, sale.id)
    )


@in_one_row_and_in_two
def test_a_hold_is_sold_in_its_last_millisecond(backend: Backend, session: Session, seats: tuple[str, ...]) -> None:
    hold = held(backend, session, *seats)

    backend.rows.sell(hold, a_sale(hold), hold.expires_at - A_MILLISECOND)


@in_one_row_and_in_two
def test_a_hold_is_not_sold_from_its_very_expiry(backend: Backend, session: Session, seats: tuple[str, ...]) -> None:
    hold = held(backend, session, *seats)

    with pytest.raises(SeatsTakenOrHoldEnded) as refused:
        backend.rows.sell(hold, a_sale(hold), hold.expires_at)

    assert refused.value.sale_id_of_any_seat_of(hold.reservation_id) is None
    assert backend.rows.read_entries_with_lapsed_or_raise_if_cancelled(session) == dict.fromkeys(
        seats, held_entry(hold)
    )


@in_one_row_and_in_two
def test_sold_seats_are_not_sold_again_and_tell_by_which_sale(
    backend: Backend, session: Session, seats: tuple[str, ...]
) -> None:
    hold, sale = sold(backend, session, *seats)

    with pytest.raises(SeatsTakenOrHoldEnded) as refused:
        backend.rows.sell(hold, a_sale(hold, "tx-2"), NOW)

    assert refused.value.sale_id_of_any_seat_of(hold.reservation_id) == sale.id
    assert backend.rows.read_entries_with_lapsed_or_raise_if_cancelled(session) == dict.fromkeys(
        seats, SoldSeat(hold.reservation_id, sale.id)
    )


def test_free_seats_are_not_sold(backend: Backend, session: Session) -> None:
    hold = a_hold("A1", session=session)

    with pytest.raises(SeatsTakenOrHoldEnded) as refused:
        backend.rows.sell(hold, a_sale(hold), NOW)

    assert refused.value.occupancy == {}
    assert backend.rows.read_entries_with_lapsed_or_raise_if_cancelled(session) == {}


@pytest.mark.parametrize(
    "change", [{"reservation_id": "another"}, {"fingerprint": "another"}], ids=lambda c: next(iter(c))
)
def test_only_this_very_hold_is_sold(backend: Backend, session: Session, change: dict[str, str]) -> None:
    hold = held(backend, session, "A1", fingerprint="0123456789ab")

    with pytest.raises(SeatsTakenOrHoldEnded):
        backend.rows.sell(replace(hold, **change), a_sale(hold), NOW)  # type: ignore[arg-type] # both are text

    assert backend.rows.read_entries_with_lapsed_or_raise_if_cancelled(session) == {"A1": held_entry(hold)}


def test_a_later_hold_under_the_same_id_is_not_sold_for_the_earlier_one(backend: Backend, session: Session) -> None:
    hold = held(backend, session, "A1")
    later = later_hold_of(hold)
    backend.rows.hold(later, hold.expires_at)

    with pytest.raises(SeatsTakenOrHoldEnded):
        backend.rows.sell(hold, a_sale(hold), NOW)

    assert backend.rows.read_entries_with_lapsed_or_raise_if_cancelled(session) == {"A1": held_entry(later)}


@in_one_row_and_in_two
@pytest.mark.parametrize("missing", [0, 1])
def test_a_hold_that_lost_a_seat_is_not_sold_in_part(
    backend: Backend, session: Session, seats: tuple[str, ...], missing: int
) -> None:
    hold = held(backend, session, *seats)
    backend.rows.release(replace(hold, seats=(seats[missing],)), NOW)

    with pytest.raises(SeatsTakenOrHoldEnded):
        backend.rows.sell(hold, a_sale(hold), NOW)

    assert backend.rows.read_entries_with_lapsed_or_raise_if_cancelled(session) == {
        seats[1 - missing]: held_entry(hold)
    }


# All seats at once.


@pytest.mark.parametrize("backend", ["fake", "cached", "cached in a cluster", "simulated", "emulator"], indirect=True)
def test_the_occupancy_of_250_rows_is_complete(backend: Backend) -> None:
    """Not on moto, which copies all it has with each of the transactions: 20 s for what the emulator shows in one."""
    session = a_session(total_seats=250, seats_per_row=1)
    backend.sessions.get_or_add_with_rows(session)
    first, last = session.rows[0], session.rows[-1]
    seats = (f"{first}1", f"{session.rows[99]}1", f"{session.rows[100]}1", f"{session.rows[200]}1", f"{last}1")

    hold = held(backend, session, *seats)

    assert backend.rows.read_entries_with_lapsed_or_raise_if_cancelled(session) == dict.fromkeys(
        seats, held_entry(hold)
    )


# What a row tells, with the fact itself.


@in_one_row_and_in_two
def test_each_row_tells_of_its_own_seats_held(backend: Backend, session: Session, seats: tuple[str, ...]) -> None:
    hold = held(backend, session, *seats, fingerprint="0123456789ab")

    in_row_a = replace(hold, seats=tuple(seat for seat in seats if seat.startswith("A")))
    assert backend.last_event(session.id, "A") == SeatsHeld(in_row_a, NOW)


@in_one_row_and_in_two
def test_each_row_tells_of_its_own_seats_sold(backend: Backend, session: Session, seats: tuple[str, ...]) -> None:
    hold = held(backend, session, *seats)
    sale = a_sale(hold, paid_at=NOW)
    backend.rows.sell(hold, sale, NOW)

    in_row_a = tuple(seat for seat in seats if seat.startswith("A"))
    assert backend.last_event(session.id, "A") == SeatsSold(
        session_id=session.id, reservation_id=hold.reservation_id, seats=in_row_a, sale=sale, occurred_at=NOW
    )


def test_a_row_tells_only_of_the_seats_that_were_really_released(backend: Backend, session: Session) -> None:
    hold = held(backend, session, "A1", "A2")
    backend.rows.hold(a_hold("A1", session=session, expires_in=60), hold.expires_at)

    backend.rows.release(hold, hold.expires_at)

    event = SeatsReleased(
        session_id=session.id, reservation_id=hold.reservation_id, seats=("A2",), occurred_at=hold.expires_at
    )
    assert backend.last_event(session.id, "A") == event


def test_a_refused_write_tells_nothing(backend: Backend, session: Session) -> None:
    hold = held(backend, session, "A1")
    event = backend.last_event(session.id, "A")

    with pytest.raises(SeatsTakenOrHoldEnded):
        held(backend, session, "A1", "A2")
    backend.rows.release(later_hold_of(hold), NOW)

    assert backend.last_event(session.id, "A") == event
