"""Several seats at once: all of them or none, whatever the order they are named in, and nobody waits for anybody."""

import random
from collections.abc import Iterator, Sequence

import pytest

from infra.races.crowd import Answer, Crowd, hold_call, new_buyers, seat_map_call
from infra.races.final_state import FinalState
from tests.concurrency.conftest import Crowds, ReadFinalState
from tests.effort import effort

ROUNDS = effort(5, 15)
CONTROL_ROUNDS = 10
BUYERS = 6
PROMPT_MS = 2_000
"""A slower answer has waited for somebody: alone a hold takes some 20 ms."""

IN_ONE_ROW = ("A1", "A3")
ACROSS_ROWS = ("A1", "B3")


# Opposite orders: half of the buyers name the seats in one order, half in the other.


def hold_in_opposite_orders(crowd: Crowd, session: str, seats: tuple[str, str]) -> list[Answer]:
    """Sends a hold of the seats from each buyer at once, half of them in the opposite order."""
    orders = [seats, seats[::-1]]
    return crowd.ask_at_once([hold_call(session, user, orders[n % 2]) for n, user in enumerate(new_buyers(BUYERS))])


def find_broken_rules(crowd: Crowd, read_final_state: ReadFinalState, seats: tuple[str, str], rounds: int) -> list[str]:
    sessions = [crowd.create_session(20) for _ in range(rounds)]
    answered = [hold_in_opposite_orders(crowd, session, seats) for session in sessions]
    return [fault for answers in answered for fault in find_wrong_winners(answers)] + read_final_state(
        sessions
    ).find_contradictions()


def find_wrong_winners(answers: Sequence[Answer]) -> Iterator[str]:
    """Names what is wrong unless one buyer won and nobody waited."""
    statuses = sorted(answer.status for answer in answers)
    if statuses != [201, *[409] * (BUYERS - 1)]:
        yield f"not one winner: {statuses}"
    if any(answer.milliseconds > PROMPT_MS for answer in answers):
        yield f"somebody waited: {[answer.milliseconds for answer in answers]}"


@pytest.mark.parametrize("seats", [IN_ONE_ROW, ACROSS_ROWS], ids=["in one row", "across rows"])
def test_of_opposite_orders_exactly_one_wins_and_none_waits(
    crowd: Crowd, read_final_state: ReadFinalState, seats: tuple[str, str]
) -> None:
    assert find_broken_rules(crowd, read_final_state, seats, ROUNDS) == []


@pytest.mark.parametrize("seats", [IN_ONE_ROW, ACROSS_ROWS], ids=["in one row", "across rows"])
def test_seat_by_seat_opposite_orders_take_each_other_the_last_seat(
    seat_by_seat: Crowd, read_final_state: ReadFinalState, seats: tuple[str, str]
) -> None:
    sessions = [seat_by_seat.create_session(20) for _ in range(CONTROL_ROUNDS)]
    answered = [hold_in_opposite_orders(seat_by_seat, session, seats) for session in sessions]
    assert any(all(answer.status == 409 for answer in answers) for answers in answered), "each round had its winner"
    assert read_final_state(sessions).find_contradictions(), "no refused buyer kept a seat"


# Overlapping sets: everyone wants one to five seats of the same three rows.


def hold_overlapping_sets(crowd: Crowd, session: str) -> list[tuple[list[str], Answer]]:
    """Sends holds of random sets of seats at once; gives the sets with their answers."""
    room = [f"{row}{number}" for row in "ABC" for number in range(1, 7)]
    wanted = [random.sample(room, random.randint(1, 5)) for _ in range(2 * BUYERS)]
    calls = [hold_call(session, user, seats) for user, seats in zip(new_buyers(len(wanted)), wanted, strict=True)]
    return list(zip(wanted, crowd.ask_at_once(calls), strict=True))


def find_broken_rules_of_overlaps(crowd: Crowd, read_final_state: ReadFinalState, rounds: int) -> list[str]:
    sessions = [crowd.create_session(18, seats_per_row=6) for _ in range(rounds)]
    answered = {session: hold_overlapping_sets(crowd, session) for session in sessions}
    shown = {session: crowd.expect(seat_map_call(session), 200) for session in sessions}
    final_state = read_final_state(sessions)
    faults = [fault for session in sessions for fault in find_partial_holds(session, answered[session], final_state)]
    faults += [
        f"{session}: the map is wrong" for session in sessions if not map_agrees(shown[session], answered[session])
    ]
    return faults + final_state.find_contradictions()


def find_partial_holds(
    session: str, answered: Sequence[tuple[list[str], Answer]], final_state: FinalState
) -> Iterator[str]:
    """Names what is wrong unless each set was held whole or not at all."""
    won = [set(seats) for seats, answer in answered if answer.status == 201]
    taken = set().union(*won)
    if not won or sum(map(len, won)) != len(taken):
        yield f"{session}: a seat was given twice, or none at all: {won}"
    if {seat.number for seat in final_state.entries if seat.session == session} != taken:
        yield f"{session}: the rows have other seats than the buyers: {final_state.entries}"
    for seats, answer in answered:
        if answer.status != 201 and not refused_for_taken_seats(answer, set(seats) & taken):
            yield f"{session}: {seats} was answered {answer.status} {answer.body} while {taken} are taken"


def refused_for_taken_seats(answer: Answer, taken: set[str]) -> bool:
    return answer.status == 409 and set() < set(answer.body["conflictingSeats"]) <= taken


def map_agrees(shown: dict[str, object], answered: Sequence[tuple[list[str], Answer]]) -> bool:
    """Tells whether the seat map shows the held seats."""
    held = sum(len(seats) for seats, answer in answered if answer.status == 201)
    return shown["availableSeats"] == 18 - held


def test_overlapping_sets_are_held_whole_or_not_at_all_and_no_seat_twice(
    crowd: Crowd, read_final_state: ReadFinalState
) -> None:
    assert find_broken_rules_of_overlaps(crowd, read_final_state, ROUNDS) == []


def test_seat_by_seat_the_refused_keep_a_part_of_what_they_asked_for(
    seat_by_seat: Crowd, read_final_state: ReadFinalState
) -> None:
    sessions = [seat_by_seat.create_session(18, seats_per_row=6) for _ in range(CONTROL_ROUNDS)]
    for session in sessions:
        hold_overlapping_sets(seat_by_seat, session)
    final_state = read_final_state(sessions)
    assert final_state.find_contradictions(), "all or nothing held without its guard"
    assert not final_state.double_bookings(), "each seat still has its condition"


def test_without_the_hold_condition_overlapping_sets_get_the_same_seat(
    crowds: Crowds, read_final_state: ReadFinalState
) -> None:
    unguarded = crowds(without="hold-condition")
    sessions = [unguarded.create_session(18, seats_per_row=6) for _ in range(CONTROL_ROUNDS)]
    for session in sessions:
        hold_overlapping_sets(unguarded, session)
    assert read_final_state(sessions).double_bookings(), "the control proves nothing: no seat was given twice"


@pytest.fixture(scope="module")
def seat_by_seat(crowds: Crowds) -> Crowd:
    """Gives a crowd without all-or-nothing: seats are held one after the other, in the order asked for."""
    return crowds(without="all-or-nothing")
