"""Plays the critical scenario: a room with 2 seats left, 10 buyers at the same moment, several API instances."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from infra.races import crowd
from infra.races.crowd import Answer, Crowd
from infra.races.final_state import FinalState

BUYERS = 10
SEATS = 10
SOLD_BEFORE = tuple(f"A{number}" for number in range(1, 9))
LEFT = ("A9", "A10")
REFUSED = BUYERS - len(LEFT)


@dataclass(frozen=True, slots=True)
class Round:
    """The answers in one round: to all holds, then to the payments and purchase lists of the buyers who held a seat."""

    session: str
    users: Sequence[str]
    holds: Sequence[Answer]
    payments: Sequence[Answer]
    purchases: Sequence[Answer]

    @property
    def winners(self) -> list[Answer]:
        return [answer for answer in self.holds if answer.status == 201]

    @property
    def refused(self) -> list[Answer]:
        return [answer for answer in self.holds if answer.status == 409]

    @property
    def sales(self) -> list[Answer]:
        return [answer for answer in self.payments if answer.status == 200]

    @property
    def errors(self) -> list[Answer]:
        """Gives the answers that no buyer may get in a round."""
        answers = [*self.holds, *self.payments, *self.purchases]
        return [answer for answer in answers if answer.status not in (200, 201, 409)]


def play_round(buyers: Crowd) -> Round:
    """Plays one round in a new room: all buyers hold at once, then the buyers who got a seat pay at once."""
    session = _create_room_with_two_left(buyers)
    users = crowd.new_buyers(BUYERS)
    wanted = [LEFT[number % len(LEFT)] for number in range(BUYERS)]
    holds = buyers.ask_at_once(
        [crowd.hold_call(session, user, [seat]) for user, seat in zip(users, wanted, strict=True)]
    )
    held = [(user, answer.body) for user, answer in zip(users, holds, strict=True) if answer.status == 201]
    payments = buyers.ask_at_once([crowd.confirm_call(body["reservationId"], f"tx-{user}") for user, body in held])
    purchases = buyers.ask_at_once([crowd.purchases_call(user) for user, _ in held])
    return Round(session, users, holds, payments, purchases)


def find_broken_rules(rounds: Sequence[Round], final_state: FinalState) -> list[str]:
    """Names the rules that the answers or the final state break. Gives an empty list if none is broken."""
    faults = [
        fault for number, played in enumerate(rounds, 1) for fault in _find_broken_in_round(number, played, final_state)
    ]
    return faults + final_state.find_contradictions()


def _find_broken_in_round(round_number: int, played: Round, final_state: FinalState) -> Iterator[str]:
    """Names the rules that one round breaks."""
    yield from (f"round {round_number}: {answer.status} {answer.body}" for answer in played.errors)
    if (len(played.winners), len(played.refused)) != (len(LEFT), REFUSED):
        yield f"round {round_number}: {len(played.winners)} were given a seat and {len(played.refused)} refused"
    if not all(set(answer.body["conflictingSeats"]) <= set(LEFT) for answer in played.refused):
        yield f"round {round_number}: a refusal names a seat that nobody asked for"
    sold = {seat.number for seat in final_state.sold if seat.session == played.session}
    if sold != {*SOLD_BEFORE, *LEFT}:
        yield f"round {round_number}: {sorted(sold)} are sold"
    if not purchases_agree(played, final_state):
        yield f"round {round_number}: the purchases are not the sales"


def purchases_agree(played: Round, final_state: FinalState) -> bool:
    """Tells whether the buyers' purchases are exactly the sales in the room's last seats."""
    bought = sorted(
        (item["saleId"], *item["seats"]) for answer in played.purchases for item in answer.body["purchases"]
    )
    stand = ((entry.sale, seat.number) for seat, entry in final_state.sold.items() if seat.session == played.session)
    return bought == sorted(sale for sale in stand if sale[1] in LEFT)


def _create_room_with_two_left(buyers: Crowd) -> str:
    """Schedules a screening, sells all seats but LEFT and gives its id."""
    session = buyers.create_session(SEATS)
    early_bird = crowd.new_buyers(1)[0]
    reservation = buyers.expect(crowd.hold_call(session, early_bird, SOLD_BEFORE))["reservationId"]
    buyers.expect(crowd.confirm_call(reservation, f"tx-{early_bird}"), 200)
    return session
