"""A machine of states over the public API: whatever is asked, in whatever order, the seats are as the answers said.

The model knows only what was answered. It has no clock: holds last longer than a run.
"""

import uuid
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule, run_state_machine_as_test

from tests.effort import effort
from tests.http_api import Answer, Api

SEATS = tuple(f"{row}{number}" for row in "AB" for number in range(1, 4))
SCREENING = {"totalSeats": len(SEATS), "seatsPerRow": 3}

RUNS, STEPS = effort(5, 50), 30

some_seats = st.lists(st.sampled_from(SEATS), min_size=1, max_size=3, unique=True)


@dataclass
class Held:
    """A hold as it was answered. `ended` is `sold` or `cancelled` once that was answered, too."""

    id: str
    user: str
    seats: tuple[str, ...]
    key: str
    answer: Any
    ended: str = ""
    sale: Any = None


@dataclass
class Known:
    """What was answered: who has which seat."""

    taken: dict[str, Held] = field(default_factory=dict)

    def status(self, seat: str) -> str:
        held = self.taken.get(seat)
        return "available" if held is None else "sold" if held.ended == "sold" else "reserved"


class Screening(RuleBasedStateMachine):
    """One screening, and what was answered about it."""

    api: Api
    holds = Bundle("holds")

    def __init__(self) -> None:
        super().__init__()
        self.known = Known()
        self.session_id = self.api.schedule(**SCREENING)

    def _ask_for(self, user: str, seats: tuple[str, ...], key: str) -> Answer:
        return self.api.hold(self.session_id, *seats, user=user, Idempotency_Key=key)

    @rule(target=holds, seats=some_seats)
    def hold(self, seats: list[str]) -> Any:
        """Holds exactly if all seats are free; else nothing is held, and the answer says which were taken."""
        user, key = f"user-{uuid.uuid4()}", uuid.uuid4().hex
        answer = self._ask_for(user, tuple(seats), key)
        taken = {seat for seat in seats if seat in self.known.taken}
        if taken:
            assert answer.status == 409
            assert set(answer.body["conflictingSeats"]) == taken
            return Held("", user, (), "", None, ended="refused")
        assert answer.status == 201, answer.text
        held = Held(answer.body["reservationId"], user, tuple(seats), key, answer.body)
        self.known.taken |= dict.fromkeys(seats, held)
        return held

    @rule(held=holds)
    def ask_again_with_the_same_key(self, held: Held) -> None:
        """The same answer as long as the hold stands; told that it has ended afterwards. No second effect."""
        if held.ended == "refused":
            return
        answer = self._ask_for(held.user, held.seats, held.key)
        if held.ended == "cancelled":
            assert answer.status == 410, answer.text
        else:
            assert (answer.status, answer.body["reservationId"]) == (201, held.id), answer.text
            assert answer.body["expiresAt"] == held.answer["expiresAt"]

    @rule(held=holds, seats=some_seats)
    def ask_for_other_seats_with_the_same_key(self, held: Held, seats: list[str]) -> None:
        if held.ended != "refused" and set(seats) != set(held.seats):
            answer = self._ask_for(held.user, tuple(seats), held.key)
            assert answer.status in (409, 422), answer.text

    @rule(held=holds)
    def pay(self, held: Held) -> None:
        if held.ended == "refused":
            return
        answer = self.api.confirm(held.id)
        if held.ended == "cancelled":
            assert answer.status in (409, 410), answer.text
            return
        assert answer.status == 200, answer.text
        assert held.sale in (None, answer.body), "paid twice with one transaction: the same sale"
        held.sale, held.ended = answer.body, "sold"

    @rule(held=holds, other=holds)
    def pay_with_the_transaction_of_another(self, held: Held, other: Held) -> None:
        if other.ended == "sold" and held is not other and not held.ended:
            answer = self.api.confirm(held.id, f"tx-of-{other.id}"[:100])
            assert (answer.status, answer.body["error"]) == (409, "PAYMENT_ALREADY_USED")

    @rule(held=holds)
    def cancel(self, held: Held) -> None:
        if held.ended == "refused":
            return
        answer = self.api.delete(f"/api/reservations/{held.id}")
        if held.ended == "sold":
            assert answer.status == 409, answer.text
            return
        assert answer.status in (200, 204), answer.text
        held.ended = "cancelled"
        self.known.taken = {seat: each for seat, each in self.known.taken.items() if each is not held}

    @rule(held=consumes(holds))
    def look_at_the_purchases(self, held: Held) -> None:
        """A sale is among its buyer's purchases as soon as it was answered."""
        bought = self.api.get(f"/api/users/{held.user}/purchases").body["purchases"]
        assert [each["saleId"] for each in bought] == ([held.sale["saleId"]] if held.sale else [])

    @invariant()
    def the_seat_map_says_what_was_answered(self) -> None:
        assert self.api.seats(self.session_id) == {seat: self.known.status(seat) for seat in SEATS}


def test_whatever_is_asked_the_seats_are_as_the_answers_said(server: str) -> None:
    class OnThisServer(Screening):
        api = Api(server)

    run_state_machine_as_test(
        OnThisServer,
        settings=settings(
            max_examples=RUNS, stateful_step_count=STEPS, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
