"""The layout of a hall."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.refusals import SeatsNotFound
from chalicelib.domain.sessions import (
    SEAT_PATTERN,
    Session,
    row_index,
    row_letters,
    row_of_seat,
    seats_by_row_in_given_order,
)
from tests.builders import a_session

halls = st.builds(a_session, total_seats=st.integers(1, 2000), seats_per_row=st.integers(1, 50))


@pytest.mark.parametrize(
    ("index", "letters"), [(0, "A"), (25, "Z"), (26, "AA"), (51, "AZ"), (52, "BA"), (701, "ZZ"), (702, "AAA")]
)
def test_rows_are_lettered_from_a_to_z_and_on_with_aa(index: int, letters: str) -> None:
    assert row_letters(index) == letters


@given(st.integers(0, 20_000))
def test_a_rows_letters_tell_its_index(index: int) -> None:
    assert row_index(row_letters(index)) == index


def test_the_last_row_may_be_shorter() -> None:
    hall = a_session(total_seats=12, seats_per_row=5)

    assert " ".join(hall.seats) == "A1 A2 A3 A4 A5 B1 B2 B3 B4 B5 C1 C2"
    assert hall.rows == ("A", "B", "C")


def test_a_hall_of_full_rows_has_no_empty_one() -> None:
    assert a_session(total_seats=20, seats_per_row=10).rows == ("A", "B")


@given(halls.flatmap(lambda hall: st.tuples(st.just(hall), st.permutations(list(hall.seats)[:60]))))
def test_every_seat_of_the_hall_is_found_and_put_in_the_halls_order(hall_and_seats: tuple[Session, list[str]]) -> None:
    hall, shuffled = hall_and_seats

    assert hall.distinct_seats_in_hall_order(shuffled) == tuple(hall.seats)[:60]


@given(halls)
def test_a_hall_has_as_many_different_seats_as_it_says_all_in_its_rows(hall: Session) -> None:
    seats = set(hall.seats)

    assert len(seats) == hall.total_seats
    assert {row_of_seat(seat) for seat in seats} == set(hall.rows)


@given(halls, st.from_regex(SEAT_PATTERN, fullmatch=True))
def test_a_seat_is_found_exactly_if_it_is_listed(hall: Session, seat: str) -> None:
    try:
        found = hall.distinct_seats_in_hall_order([seat]) == (seat,)
    except SeatsNotFound:
        found = False

    assert found == (seat in set(hall.seats))


def test_a_seat_named_twice_is_one_seat() -> None:
    assert a_session().distinct_seats_in_hall_order(["B1", "A2", "B1", "A2"]) == ("A2", "B1")


def test_seats_are_ordered_by_place_not_by_spelling() -> None:
    hall = a_session(total_seats=300, seats_per_row=10)

    assert hall.distinct_seats_in_hall_order(["AA1", "A10", "B1", "A9"]) == ("A9", "A10", "B1", "AA1")


def test_all_seats_that_the_hall_lacks_are_named() -> None:
    with pytest.raises(SeatsNotFound) as refused:
        a_session(total_seats=16, seats_per_row=10).distinct_seats_in_hall_order(["B7", "A1", "A11", "C1"])

    assert refused.value.seats == ("B7", "A11", "C1")


@pytest.mark.parametrize(
    "number", ["", "A", "1", "A0", "A01", "a1", "A-1", "A1 ", "A1\n", " A1", "A\u0661", "Á1", "A1A", "A1.0"]
)
def test_what_is_no_seat_number_is_no_seat(number: str) -> None:
    with pytest.raises(SeatsNotFound):
        a_session().distinct_seats_in_hall_order([number])


def test_seats_cost_the_ticket_price_each() -> None:
    assert str(a_session().price_of(("A1", "A2", "A3"))) == "75.00"


def test_seats_are_grouped_by_row() -> None:
    assert seats_by_row_in_given_order(("A1", "A12", "AA1", "AA2")) == {"A": ("A1", "A12"), "AA": ("AA1", "AA2")}
