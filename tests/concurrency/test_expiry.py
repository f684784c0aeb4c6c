"""A payment at the moment its hold lapses, against the expiry handler and against others who want the seat.

held ─────────────────────────────── expiry ──────────────────────► time
                     └── payment, two rivals, handler ──┘ latecomer
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

import boto3
import pytest

from chalicelib.application.release import ExpireLapsedHoldUnlessSold, NotLapsedYet
from chalicelib.domain.reservations import Hold
from chalicelib.domain.times import utc_whole_ms_from_iso_with_zone
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.dynamodb.reservations import DynamoReservations
from chalicelib.infrastructure.dynamodb.rows import DynamoRows
from infra.races.crowd import Answer, Call, Crowd, confirm_call, hold_call, new_buyers
from infra.races.final_state import FinalState
from tests.concurrency.conftest import Crowds, ReadFinalState
from tests.effort import effort

ROUNDS = effort(1, 3)
CONTROL_ROUNDS = 5
SEATS = tuple(f"A{number}" for number in range(1, 11))
HOLD_SECONDS = 2
HOLD = timedelta(seconds=HOLD_SECONDS)
JITTER_SECONDS = 0.05
"""Time before and after the expiry: about what a request takes when this many come together."""

Expire = Callable[[Hold], None]


@dataclass(frozen=True, slots=True)
class Held:
    """A seat whose hold is about to lapse."""

    session: str
    seat: str
    reservation: str
    expires_at: str

    @property
    def hold(self) -> Hold:
        return Hold(self.session, self.reservation, (self.seat,), utc_whole_ms_from_iso_with_zone(self.expires_at))

    def around_expiry(self) -> float:
        """Gives a random moment near the expiry, in seconds since the epoch."""
        return utc_whole_ms_from_iso_with_zone(self.expires_at).timestamp() + random.uniform(
            -JITTER_SECONDS, JITTER_SECONDS
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answers about one seat: to its payment, and to the others who wanted it."""

    held: Held
    payment: Answer
    others: Sequence[Answer]

    @property
    def owners(self) -> int:
        """Counts those who owned the seat at the same time. On a busy machine a rival's hold may have lapsed before the
        latecomer's began."""
        ends = sorted(
            utc_whole_ms_from_iso_with_zone(answer.body["expiresAt"]) for answer in self.others if answer.status == 201
        )
        overlapping = sum(later - earlier < HOLD for earlier, later in pairwise(ends))
        return (self.payment.status == 200) + (1 + overlapping if ends else 0)


def play_round(crowd: Crowd, expire_hold_unless_sold_or_raise_unlapsed: Expire) -> list[Outcome]:
    """Plays one round. The expiry handler comes at the very moment for every other seat, and never for the rest."""
    held = hold_all_seats(crowd)
    with ThreadPoolExecutor(len(held)) as handlers:
        expiries = [handlers.submit(expire_hold_unless_sold_or_raise_unlapsed, each.hold) for each in held[::2]]
        payments_and_rivals = crowd.ask_at_once([call for each in held for call in calls_around_expiry(each)])
        for expiry in expiries:
            expiry.result()
    latecomers = crowd.ask_at_once(
        [hold_call(each.session, user, [each.seat]) for each, user in zip(held, new_buyers(len(held)), strict=True)]
    )
    answered = iter(payments_and_rivals)
    return [
        Outcome(each, next(answered), [next(answered), next(answered), late])
        for each, late in zip(held, latecomers, strict=True)
    ]


def hold_all_seats(crowd: Crowd) -> list[Held]:
    """Holds each seat of a new screening for another buyer."""
    session = crowd.create_session(len(SEATS))
    calls = [hold_call(session, user, [seat]) for user, seat in zip(new_buyers(len(SEATS)), SEATS, strict=True)]
    answered = [answer.body for answer in crowd.ask_at_once(calls)]
    return [Held(session, body["seats"][0], body["reservationId"], body["expiresAt"]) for body in answered]


def calls_around_expiry(held: Held) -> list[Call]:
    """Makes the payment and two rival holds, each at a moment near the expiry."""
    payment = confirm_call(held.reservation, f"tx-{held.reservation}", held.around_expiry())
    rivals = [hold_call(held.session, user, [held.seat], not_before=held.around_expiry()) for user in new_buyers(2)]
    return [payment, *rivals]


def find_broken_rules(outcomes: Sequence[Outcome], final_state: FinalState) -> list[str]:
    return [
        fault for outcome in outcomes for fault in find_faults(outcome, final_state)
    ] + final_state.find_contradictions()


def find_faults(outcome: Outcome, final_state: FinalState) -> Iterator[str]:
    """Names the answers that should not have been."""
    answered = (
        f"{outcome.held.seat}: payment {outcome.payment.status}, others {[each.status for each in outcome.others]}"
    )
    if outcome.payment.status not in (200, 410) or not {each.status for each in outcome.others} <= {201, 409}:
        yield f"{answered}: an answer that nobody should get"
    if outcome.owners != 1:
        yield f"{answered}: {outcome.owners} owners"
    paid = {booking.id for booking in final_state.bookings if booking.state == "confirmed"}
    if (outcome.held.reservation in paid) != (outcome.payment.status == 200):
        yield f"{answered}: the books say otherwise"


def test_a_seat_paid_for_as_its_hold_lapses_ends_with_exactly_one_owner(
    crowds: Crowds, read_final_state: ReadFinalState, expire_hold_unless_sold_or_raise_unlapsed: Expire
) -> None:
    crowd = crowds(HOLD_SECONDS=str(HOLD_SECONDS))
    for _ in range(ROUNDS):
        outcomes = play_round(crowd, expire_hold_unless_sold_or_raise_unlapsed)
        assert find_broken_rules(outcomes, read_final_state({outcomes[0].held.session})) == []


def test_without_the_sell_condition_a_late_payment_takes_somebody_elses_seat(
    crowds: Crowds, read_final_state: ReadFinalState, expire_hold_unless_sold_or_raise_unlapsed: Expire
) -> None:
    unguarded = crowds(without="sell-condition", HOLD_SECONDS=str(HOLD_SECONDS))
    for _ in range(CONTROL_ROUNDS):
        outcomes = play_round(unguarded, expire_hold_unless_sold_or_raise_unlapsed)
        if any(outcome.owners > 1 for outcome in outcomes):
            assert read_final_state({outcomes[0].held.session}).double_bookings()
            return
    pytest.fail(f"the control proves nothing: in {CONTROL_ROUNDS} rounds no seat had two owners")


@pytest.fixture(scope="module")
def expire_hold_unless_sold_or_raise_unlapsed(data_stack: str) -> Expire:
    """Gives a function that expires a hold as the handler does, as soon as it has lapsed."""
    client = boto3.client("dynamodb")
    reservations = DynamoReservations(client, f"{data_stack}-reservations")
    expire = ExpireLapsedHoldUnlessSold(DynamoRows(client, f"{data_stack}-rows"), reservations, utc_now)

    def at_its_moment(hold: Hold) -> None:
        deadline = time.monotonic() + 2 * HOLD_SECONDS
        while time.monotonic() < deadline:
            try:
                expire(hold)
            except NotLapsedYet:
                time.sleep(0.002)
            else:
                return
        pytest.fail("the hold never lapsed")

    return at_its_moment
