"""One user, twenty holds of different seats at the same moment and on all instances: as many as allowed are made."""

import time
from collections import Counter
from collections.abc import Sequence

import pytest

from infra.races.crowd import Answer, Crowd, cancel_call, confirm_call, hold_call, new_buyers
from infra.races.final_state import FinalState
from tests.concurrency.conftest import Crowds, ReadFinalState
from tests.effort import effort

ROUNDS = effort(2, 5)
SEATS = [f"{row}{number}" for row in "AB" for number in range(1, 11)]
LIMIT = 2
HOLD_SECONDS = 2


def hold_each_at_once(crowd: Crowd, session: str, user: str, seats: Sequence[str] = SEATS) -> list[Answer]:
    """Sends a hold of each seat at the same moment."""
    return crowd.ask_at_once([hold_call(session, user, [seat]) for seat in seats])


def created(answers: Sequence[Answer]) -> list[Answer]:
    """Gives the answers with status 201."""
    return [answer for answer in answers if answer.status == 201]


def seats_held_in(final_state: FinalState, session: str) -> set[str]:
    return {seat.number for seat in final_state.entries if seat.session == session}


def test_of_twenty_holds_at_once_two_are_made_and_the_others_hold_nothing(
    crowd: Crowd, read_final_state: ReadFinalState
) -> None:
    for user in new_buyers(ROUNDS):
        session = crowd.create_session(len(SEATS))
        answers = hold_each_at_once(crowd, session, user)
        final_state = read_final_state({session})

        codes = Counter(answer.body.get("error", answer.body.get("status")) for answer in answers)
        assert codes == {"pending": LIMIT, "TOO_MANY_HOLDS": len(SEATS) - LIMIT}
        assert seats_held_in(final_state, session) == {
            seat for answer in created(answers) for seat in answer.body["seats"]
        }
        assert len(final_state.of_session(session)) == LIMIT
        assert final_state.find_contradictions() == []


def test_without_the_limit_in_the_write_one_user_gets_more(crowds: Crowds, read_final_state: ReadFinalState) -> None:
    unguarded = crowds(without="live-holds-limit")
    session = unguarded.create_session(len(SEATS))
    (user,) = new_buyers(1)

    hold_each_at_once(unguarded, session, user)

    assert len(read_final_state({session}).of_session(session)) > LIMIT, "the control proves nothing"


@pytest.mark.parametrize("ended", ["paid", "cancelled"])
def test_each_hold_that_has_ended_makes_room_for_one_of_many_at_once(
    crowd: Crowd, read_final_state: ReadFinalState, ended: str
) -> None:
    session = crowd.create_session(len(SEATS))
    (user,) = new_buyers(1)
    first, second = (crowd.expect(hold_call(session, user, [seat]))["reservationId"] for seat in SEATS[:2])
    ends = {"paid": (confirm_call(first, f"tx-{first}"), 200), "cancelled": (cancel_call(first), 200)}
    crowd.expect(*ends[ended])

    (third,) = created(hold_each_at_once(crowd, session, user, SEATS[2:]))

    kept = [booking.id for booking in read_final_state({session}).of_session(session) if booking.state == "pending"]
    assert sorted(kept) == sorted([second, third.body["reservationId"]])


def test_lapsed_holds_make_room_from_the_very_second_that_the_refusal_names(crowds: Crowds) -> None:
    crowd = crowds(HOLD_SECONDS=str(HOLD_SECONDS))
    session = crowd.create_session(len(SEATS))
    (user,) = new_buyers(1)
    lapses = [crowd.expect(hold_call(session, user, [seat]))["expiresAt"] for seat in SEATS[:2]]
    refusal = crowd.expect(hold_call(session, user, [SEATS[2]]), 409)
    assert refusal["freeAt"] == lapses[0]

    deadline = time.monotonic() + 5 * HOLD_SECONDS
    while not created(answers := crowd.ask_at_once([hold_call(session, user, [SEATS[2]])])):
        assert time.monotonic() < deadline, answers
    assert answers[0].body["expiresAt"] > lapses[1]
