"""One reservation, several payments at once; and a payment against a cancellation: one of them counts, in all books."""

from collections.abc import Iterator, Sequence

import pytest

from infra.races.crowd import Answer, Call, Crowd, cancel_call, confirm_call, hold_call, new_buyers
from tests.concurrency.conftest import Crowds, ReadFinalState
from tests.effort import effort

ROUNDS = effort(5, 15)
CONTROL_ROUNDS = 10
CONTROL_ATTEMPTS = 4
CLIENTS = 6

IN_ONE_ROW = ("A1", "A2")
ACROSS_ROWS = ("A1", "A2", "B1")
LOST_PAYMENT = {"second payment": 409, "cancellation": 410}
"""The status of a payment that lost, by its rival."""


def ask_against_each_other(crowd: Crowd, first: Call, second: Call) -> tuple[list[Answer], list[Answer]]:
    """Sends the one call from half of the clients, the other from the rest. Gives the answers to each."""
    answered = crowd.ask_at_once([first if number % 2 else second for number in range(CLIENTS)])
    return answered[1::2], answered[::2]


def play_rounds(crowd: Crowd, seats: Sequence[str], rounds: int, *, against: str) -> tuple[list[str], list[str]]:
    """Plays so many rounds; gives their sessions, and what was wrong with the answers."""
    sessions = [crowd.create_session(20) for _ in range(rounds)]
    faults: list[str] = []
    for session, user in zip(sessions, new_buyers(rounds), strict=True):
        reservation = crowd.expect(hold_call(session, user, seats))["reservationId"]
        rival = (
            cancel_call(reservation)
            if against == "cancellation"
            else confirm_call(reservation, f"tx-second-{reservation}")
        )
        payments, rivals = ask_against_each_other(crowd, confirm_call(reservation, f"tx-first-{reservation}"), rival)
        faults += find_disagreements(payments, rivals, LOST_PAYMENT[against])
    return sessions, faults


def find_disagreements(payments: Sequence[Answer], rivals: Sequence[Answer], lost_payment: int) -> Iterator[str]:
    """Names what is wrong unless all got the same answer to the same call, and only one side got 200."""
    statuses = {answer.status for answer in payments}, {answer.status for answer in rivals}
    if statuses not in (({200}, {409}), ({lost_payment}, {200})):
        yield f"not one outcome: {statuses}"
    for side in (payments, rivals):
        if side[0].status == 200 and any(answer.body != side[0].body for answer in side):
            yield f"different answers to the same: {side}"


@pytest.mark.parametrize("seats", [IN_ONE_ROW, ACROSS_ROWS], ids=["in one row", "across rows"])
@pytest.mark.parametrize("against", LOST_PAYMENT)
def test_a_payment_and_its_rival_have_one_outcome_on_which_all_agree(
    crowd: Crowd, read_final_state: ReadFinalState, against: str, seats: Sequence[str]
) -> None:
    sessions, faults = play_rounds(crowd, seats, ROUNDS, against=against)
    assert faults == []
    assert read_final_state(sessions).find_contradictions() == []


@pytest.mark.parametrize("against", LOST_PAYMENT)
def test_without_the_sell_condition_both_are_told_yes_or_the_books_contradict_each_other(
    without_sell_condition: Crowd, read_final_state: ReadFinalState, against: str
) -> None:
    for _ in range(CONTROL_ATTEMPTS):
        sessions, faults = play_rounds(without_sell_condition, IN_ONE_ROW, CONTROL_ROUNDS, against=against)
        if faults or read_final_state(sessions).find_contradictions():
            return
    pytest.fail("the control proves nothing: one outcome, and books that agree, without the condition")


@pytest.fixture(scope="module")
def without_sell_condition(crowds: Crowds) -> Crowd:
    return crowds(without="sell-condition")
