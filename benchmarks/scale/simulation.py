"""An on-sale, step by step: who asks, who is refused where, who holds and buys, and what is still to be done."""

import heapq
import math
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from benchmarks import budgets, prices
from benchmarks.bill import Part, total_usd
from chalicelib.domain.events import EventType

from .backlogs import Events
from .designs import Design, Hall
from .front import SECONDS_OF_A_HOLD, SECONDS_OF_A_REFUSAL, Front, Gate
from .limits import NEW_TABLE_WRITES, UNBOUNDED, Quotas
from .store import Row, Table

STEP = 0.1
"""Seconds. The gate knows what was taken up to the step before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnSale:
    """An on-sale of some screenings at once. Each buyer asks for `seats` seats in a row of their choice."""

    name: str
    design: Design
    hall: Hall
    screenings: int = 1
    attempts: int
    """A second, while it is at its height; a tenth of it afterwards."""
    height_seconds: float = 10.0
    seconds: float = 60.0
    seats: int = 2
    quotas: Quotas = UNBOUNDED
    redis_nodes: int = 3
    """0: no gate."""
    table_writes: int = NEW_TABLE_WRITES
    pay: float = 0.8
    """The share of holds that are paid for, after `pay_seconds`; the others lapse."""
    pay_seconds: float = 15.0
    hold_seconds: float = 30.0
    seed: int = 1


@dataclass(slots=True)
class Result:
    """The result of an on-sale. `asked` is the number of attempts, `ends` counts them by where each ended."""

    on_sale: OnSale
    asked: int = 0
    ends: Counter[str] = field(default_factory=Counter[str])
    """held, and refused at: gateway, lambda, gate, row, throttled."""
    sold: int = 0
    lapsed: int = 0
    conflicts: int = 0
    write_units: float = 0.0
    function_seconds: float = 0.0
    half_sold_after: float | None = None
    """Seconds until half of all seats were held or sold."""
    partitions: int = 0
    latest_relay: float = 0.0
    caught_up: Mapping[str, float] = field(default_factory=dict)
    messages: float = 0.0

    @property
    def last_caught_up(self) -> tuple[str, float]:
        return max(self.caught_up.items(), key=lambda one: one[1], default=("", 0.0))

    def bill(self) -> list[Part]:
        """Gives the cost of the attempts, holds and sales, without maps, emails and logs (benchmarks/bill.py)."""
        requests = self.asked - self.ends["gateway"]
        return [
            Part("writes of DynamoDB", self.write_units, prices.WRITE_UNIT),
            Part("requests", requests + self.sold, prices.REST_REQUEST),
            Part("functions run", requests - self.ends["lambda"] + self.sold, prices.INVOCATION),
            Part("functions' time", self.function_seconds, prices.GB_SECOND),
            Part("messages", self.messages * 3, prices.SQS_REQUEST),
        ]

    def usd_per_million_held(self) -> float:
        return total_usd(self.bill()) / max(1, self.ends["held"]) * 1_000_000


def simulate(on_sale: OnSale) -> Result:
    """Plays an on-sale to its end. The same one gives the same result: its chance has a seed."""
    return _Play(on_sale).result()


class _Play:
    def __init__(self, on_sale: OnSale) -> None:
        self.on_sale = on_sale
        self.chance = random.Random(on_sale.seed)
        self.table = Table(on_sale.design, on_sale.hall, on_sale.screenings, on_sale.table_writes, self.chance)
        self.front, self.gate = Front.of(on_sale.quotas), Gate.of(on_sale.redis_nodes)
        self.events = Events(on_sale.screenings)
        self.ends_of_holds: list[tuple[float, int, int, bool]] = []
        self.made = Result(on_sale)
        self.seconds_each = SECONDS_OF_A_HOLD

    def result(self) -> Result:
        steps = round((self.on_sale.seconds + self.on_sale.hold_seconds) / STEP)
        for number in range(steps):
            self._play(number * STEP)
        self.made.partitions = len(self.table.partitions)
        self.made.latest_relay = self.events.latest_relay
        self.made.caught_up, self.made.messages = self.events.caught_up(), self.events.messages()
        return self.made

    def _play(self, now: float) -> None:
        self.table.begin(now, STEP)
        self.gate.fill(now)
        self._end_holds(now)
        for row in self.table.rows:
            row.known_free = row.free
        wanted = self._count_arrivals(now)
        served, at_gateway, at_lambda = self.front.let_in(wanted, now, STEP, self.seconds_each)
        self.made.asked += wanted
        self.made.ends.update(gateway=at_gateway, **{"lambda": at_lambda})
        self._serve(served, now)
        self.events.relay(self.table.partitions, STEP)
        self.events.work(now, STEP)

    def _count_arrivals(self, now: float) -> int:
        if now >= self.on_sale.seconds:
            return 0
        rate = self.on_sale.attempts * (1 if now < self.on_sale.height_seconds else 0.1)
        return round(rate * STEP)

    def _serve(self, served: int, now: float) -> None:
        spent = 0.0
        for place, attempts in self._attempts_by_row(served):
            spent += self._attempt_row(place, attempts, now)
        self.made.function_seconds += spent
        if served:
            self.seconds_each = max(spent / served, SECONDS_OF_A_REFUSAL)

    def _attempts_by_row(self, served: int) -> Iterator[tuple[int, int]]:
        """Shares attempts out among rows; rows with attempts that were throttled before come too."""
        rows = self.table.rows
        if served > 2 * len(rows):
            yield from self._share_out(served, len(rows))
            return
        chosen = Counter(self.chance.choices(range(len(rows)), k=served)) if served else Counter[int]()
        chosen.update({place: 0 for place, row in enumerate(rows) if any(row.waiting)})
        yield from chosen.items()

    def _share_out(self, served: int, rows: int) -> Iterator[tuple[int, int]]:
        """Shares many attempts out as chance would, with a normal distribution; all of them are given away."""
        left = served
        for place in range(rows - 1):
            mean = left / (rows - place)
            share = min(left, max(0, round(self.chance.gauss(mean, mean**0.5))))
            left -= share
            yield place, share
        yield rows - 1, left

    def _attempt_row(self, place: int, attempts: int, now: float) -> float:
        """Lets attempts at one row go through the gate to the table. Gives the seconds that functions took."""
        row = self.table.rows[place]
        stopped = self._count_stopped_by_gate(row, attempts)
        outcome = self.table.attempt(row, attempts - stopped, self.on_sale.seats, STEP)
        self.made.ends.update(gate=stopped, held=outcome.held, row=outcome.refused, throttled=outcome.throttled)
        self.made.conflicts += outcome.conflicts
        self.made.write_units += outcome.units
        for _ in range(outcome.held):
            self._note_hold(place, now)
        return stopped * SECONDS_OF_A_REFUSAL + (attempts - stopped) * SECONDS_OF_A_HOLD

    def _count_stopped_by_gate(self, row: Row, attempts: int) -> int:
        answered = self.gate.count_answered(row.screening, attempts)
        if not answered:
            return 0
        seats = self.on_sale.seats
        ways, free = math.comb(row.seats, seats), math.comb(row.known_free, seats)
        mean = answered * (1 - free / ways)
        spread = (mean * free / ways) ** 0.5
        return min(answered, max(0, round(self.chance.gauss(mean, spread)))) if spread else round(mean)

    def _note_hold(self, place: int, now: float) -> None:
        pays = self.chance.random() < self.on_sale.pay
        over = now + (self.on_sale.pay_seconds if pays else self.on_sale.hold_seconds)
        heapq.heappush(self.ends_of_holds, (over, len(self.ends_of_holds), place, pays))
        self.made.write_units += budgets.HOLD.write_units - budgets.REFUSED_HOLD.write_units
        self.events.tell(EventType.RESERVATION_CREATED)
        self.events.expect_expiry()
        half = self.on_sale.hall.seats * self.on_sale.screenings / 2
        if self.made.half_sold_after is None and sum(self.table.taken_of) >= half:
            self.made.half_sold_after = now

    def _end_holds(self, now: float) -> None:
        while self.ends_of_holds and self.ends_of_holds[0][0] <= now:
            _, _, place, pays = heapq.heappop(self.ends_of_holds)
            (self._sell if pays else self._lapse)(self.table.rows[place])

    def _sell(self, row: Row) -> None:
        self.table.tell(row)
        self.made.sold += 1
        self.made.write_units += budgets.CONFIRM.write_units
        self.made.function_seconds += SECONDS_OF_A_HOLD
        self.events.tell(EventType.PAYMENT_CONFIRMED)

    def _lapse(self, row: Row) -> None:
        self.table.release(row, self.on_sale.seats)
        self.made.lapsed += 1
        self.made.write_units += budgets.CANCEL.write_units
        self.events.tell(EventType.RESERVATION_EXPIRED)
        self.events.tell(EventType.SEAT_RELEASED)
