"""The critical scenario: 2 seats left, 10 buyers at the same moment, 3 instances."""

from infra.races import last_seats
from infra.races.crowd import Crowd
from tests.concurrency.conftest import Crowds, ReadFinalState
from tests.effort import effort

ROUNDS = effort(8, 25)
CONTROL_ROUNDS = 10


def play_and_find_broken_rules(crowd: Crowd, read_final_state: ReadFinalState, rounds: int) -> list[str]:
    """Plays so many rounds and names the rules that they break."""
    played = [last_seats.play_round(crowd) for _ in range(rounds)]
    return last_seats.find_broken_rules(played, read_final_state({each.session for each in played}))


def test_each_of_the_last_seats_is_sold_once_and_everyone_else_is_told(
    crowd: Crowd, read_final_state: ReadFinalState
) -> None:
    assert play_and_find_broken_rules(crowd, read_final_state, ROUNDS) == []


def test_without_the_conditions_the_last_seats_are_sold_more_than_once(
    crowds: Crowds, read_final_state: ReadFinalState
) -> None:
    unguarded = crowds(without="both-conditions")
    sessions = {last_seats.play_round(unguarded).session for _ in range(CONTROL_ROUNDS)}
    assert read_final_state(sessions).double_bookings(), "the control proves nothing: it never oversold"
