"""The critical scenario: a room with 2 seats left, 10 buyers at the same moment, several API instances."""

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
    """What the ten were told: to their holds, and where they had one to their payments; and what they then own."""

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
        """Answers that a buyer must never get here, whatever the others do."""
        told = [*self.holds, *self.payments, *self.purchases]
        return [answer for answer in told if answer.status not in (200, 201, 409)]


def play(buyers: Crowd) -> Round:
    """One round in a new room: all hold at once, then all who were given a seat pay at once."""
    session = _room_with_two_left(buyers)
    users = crowd.buyers(BUYERS)
    wanted = [LEFT[number % len(LEFT)] for number in range(BUYERS)]
    holds = buyers.at_once([crowd.hold(session, user, [seat]) for user, seat in zip(users, wanted, strict=True)])
    held = [(user, answer.body) for user, answer in zip(users, holds, strict=True) if answer.status == 201]
    payments = buyers.at_once([crowd.confirm(body["reservationId"], f"tx-{user}") for user, body in held])
    purchases = buyers.at_once([crowd.purchases(user) for user, _ in held])
    return Round(session, users, holds, payments, purchases)


def broken_rules(rounds: Sequence[Round], ledger: FinalState) -> list[str]:
    """What should not have come out, in words. Empty when every round was as it must be."""
    told = [fault for number, played in enumerate(rounds, 1) for fault in _broken_in(number, played, ledger)]
    return told + ledger.contradictions()


def _broken_in(number: int, played: Round, ledger: FinalState) -> Iterator[str]:
    yield from (f"round {number}: {answer.status} {answer.body}" for answer in played.errors)
    if (len(played.winners), len(played.refused)) != (len(LEFT), REFUSED):
        yield f"round {number}: {len(played.winners)} were given a seat and {len(played.refused)} refused"
    if not all(set(answer.body["conflictingSeats"]) <= set(LEFT) for answer in played.refused):
        yield f"round {number}: a refusal names a seat that nobody asked for"
    sold = {seat.number for seat in ledger.sold if seat.session == played.session}
    if sold != {*SOLD_BEFORE, *LEFT}:
        yield f"round {number}: {sorted(sold)} are sold"
    if not purchases_agree(played, ledger):
        yield f"round {number}: the purchases are not the sales"


def purchases_agree(played: Round, ledger: FinalState) -> bool:
    """Whether the buyers' own purchase lists name exactly the sales that stand in the seats of the room."""
    bought = sorted(
        (item["saleId"], *item["seats"]) for answer in played.purchases for item in answer.body["purchases"]
    )
    stand = ((entry.sale, seat.number) for seat, entry in ledger.sold.items() if seat.session == played.session)
    return bought == sorted(sale for sale in stand if sale[1] in LEFT)


def _room_with_two_left(buyers: Crowd) -> str:
    session = buyers.new_session(SEATS)
    early_bird = crowd.buyers(1)[0]
    reservation = buyers.expect(crowd.hold(session, early_bird, SOLD_BEFORE))["reservationId"]
    buyers.expect(crowd.confirm(reservation, f"tx-{early_bird}"), 200)
    return session
