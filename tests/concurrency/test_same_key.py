"""One idempotency key from many clients and on all instances at once: one reservation, one effect, one answer."""

from collections import Counter
from collections.abc import Sequence

import pytest

from infra.races.crowd import Answer, Crowd, hold_call, new_buyers, schedule_call, seat_map_call
from infra.races.final_state import FinalState
from tests.concurrency.conftest import Crowds, ReadFinalState
from tests.effort import effort

ROUNDS = effort(4, 10)
CONTROL_ROUNDS = 5
CLIENTS = 12

IN_ONE_ROW = ("A1", "A2")
ACROSS_ROWS = ("A1", "B1")
SEVERAL_APART = [("A1", "A2"), ("A3", "A4"), ("B1",), ("B2", "C1"), ("C2", "C3")]
SEVERAL_OVERLAPPING = [("A1", "A2"), ("A2", "A3"), ("A3", "B1"), ("B1", "B2"), ("A1", "B2")]


def send_same_key(crowd: Crowd, session: str, requests: Sequence[tuple[str, ...]]) -> list[Answer]:
    """Sends one of the requests from each client, all by the same user with the same key."""
    (user,) = new_buyers(1)
    wanted = [requests[number % len(requests)] for number in range(CLIENTS)]
    return crowd.ask_at_once([hold_call(session, user, seats, key=f"key-{user}") for seats in wanted])


def play_rounds(
    crowd: Crowd, read_final_state: ReadFinalState, requests: Sequence[tuple[str, ...]], rounds: int
) -> tuple[dict[str, list[Answer]], FinalState]:
    """Sends the requests in new screenings; gives the answers by session, and the final state."""
    sessions = [crowd.create_session(30) for _ in range(rounds)]
    answered = {session: send_same_key(crowd, session, requests) for session in sessions}
    return answered, read_final_state(sessions)


def sessions_of_several_effects(answered: dict[str, list[Answer]], final_state: FinalState) -> list[str]:
    """Gives the sessions with several reservations, or with other seats than the clients were answered."""
    return [session for session, answers in answered.items() if not has_one_effect(session, answers, final_state)]


def has_one_effect(session: str, answers: Sequence[Answer], final_state: FinalState) -> bool:
    """Tells whether the key made one reservation, with the seats that were answered."""
    promised = {(answer.body["reservationId"], *answer.body["seats"]) for answer in answers if answer.status == 201}
    made = {(booking.id, *(seat.number for seat in booking.seats)) for booking in final_state.of_session(session)}
    held = {seat.number for seat in final_state.entries if seat.session == session}
    return len(made) == 1 and promised == made and held == {seat for _, *seats in made for seat in seats}


@pytest.mark.parametrize("seats", [IN_ONE_ROW, ACROSS_ROWS], ids=["in one row", "across rows"])
def test_the_same_request_sent_many_times_at_once_is_one_reservation_and_one_answer(
    crowd: Crowd, read_final_state: ReadFinalState, seats: tuple[str, ...]
) -> None:
    answered, final_state = play_rounds(crowd, read_final_state, [seats], ROUNDS)
    different = [answers for answers in answered.values() if any(each.body != answers[0].body for each in answers)]
    assert different == []
    assert {answer.status for answers in answered.values() for answer in answers} == {201}
    assert sessions_of_several_effects(answered, final_state) == []
    assert final_state.find_contradictions() == []


@pytest.mark.parametrize("requests", [SEVERAL_APART, SEVERAL_OVERLAPPING], ids=["seats apart", "seats overlapping"])
def test_of_different_requests_with_one_key_one_wins_and_the_others_hold_nothing(
    crowd: Crowd, read_final_state: ReadFinalState, requests: list[tuple[str, ...]]
) -> None:
    answered, final_state = play_rounds(crowd, read_final_state, requests, ROUNDS)
    codes = Counter(
        answer.body.get("error", answer.body.get("status")) for answers in answered.values() for answer in answers
    )
    assert set(codes) == {"pending", "IDEMPOTENCY_KEY_REUSED"}, codes
    assert sessions_of_several_effects(answered, final_state) == []
    assert final_state.find_contradictions() == []


def test_with_ids_that_ignore_the_key_a_resend_is_refused_its_own_seats(
    key_blind: Crowd, read_final_state: ReadFinalState
) -> None:
    answered, _ = play_rounds(key_blind, read_final_state, [IN_ONE_ROW], CONTROL_ROUNDS)
    assert 409 in {answer.status for answers in answered.values() for answer in answers}


def test_with_ids_that_ignore_the_key_one_key_makes_several_reservations(
    key_blind: Crowd, read_final_state: ReadFinalState
) -> None:
    answered, final_state = play_rounds(key_blind, read_final_state, SEVERAL_APART, CONTROL_ROUNDS)
    assert sessions_of_several_effects(answered, final_state), "the control proves nothing: one key was one reservation"


def test_the_same_screening_sent_many_times_at_once_is_one_screening_and_one_answer(crowd: Crowd) -> None:
    for key in new_buyers(ROUNDS):
        answers = crowd.ask_at_once([schedule_call(30, key=key)] * CLIENTS)

        assert {answer.status for answer in answers} == {201}
        assert all(answer.body == answers[0].body for answer in answers)


def test_of_different_screenings_with_one_key_one_is_made_and_can_be_booked(
    crowd: Crowd, read_final_state: ReadFinalState
) -> None:
    made: list[str] = []
    for key in new_buyers(ROUNDS):
        answers = crowd.ask_at_once([schedule_call(20 + number % 3 * 10, key=key) for number in range(CLIENTS)])

        codes = Counter(answer.body.get("error", answer.body.get("availableSeats")) for answer in answers)
        assert len(codes) == 2, codes
        assert codes["IDEMPOTENCY_KEY_REUSED"] == CLIENTS * 2 // 3
        (session,) = {answer.body["sessionId"] for answer in answers if answer.status == 201}
        (seats,) = {answer.body["availableSeats"] for answer in answers if answer.status == 201}
        assert len(crowd.expect(seat_map_call(session), 200)["seats"]) == seats
        crowd.expect(hold_call(session, key, ("A1", f"{'ABCD'[seats // 10 - 1]}10")))
        made.append(session)
    assert read_final_state(made).find_contradictions() == []


@pytest.fixture(scope="module")
def key_blind(crowds: Crowds) -> Crowd:
    return crowds(without="idempotency")
