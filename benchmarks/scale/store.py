"""The table of seats: rows of seats on items, items on partitions, and each partition's units."""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .buckets import Bucket
from .designs import Design, Hall
from .limits import ESTIMATES, PARTITION_WRITES


@dataclass(slots=True)
class Partition:
    units: Bucket = field(default_factory=lambda: Bucket.full(PARTITION_WRITES, PARTITION_WRITES))
    items: set[int] = field(default_factory=set)
    is_throttled: bool = False
    """True when it refused something in this step."""
    throttled_seconds: float = 0.0
    unrelayed: float = 0.0
    """Records of its stream that no relay has read."""


@dataclass(slots=True)
class Row:
    """A row of seats. Its items are on one partition, or, with an item for each seat, on several."""

    screening: int
    seats: int
    items: Sequence[int]
    free: int = 0
    known_free: int = 0
    """The free seats that the gate knows of: those at the end of the step before."""
    waiting: list[int] = field(default_factory=lambda: [0] * (ESTIMATES.tries - 1))
    """Attempts that were throttled once, twice …: they come again in the next step."""

    def __post_init__(self) -> None:
        self.free = self.known_free = self.seats

    @property
    def taken(self) -> int:
        return self.seats - self.free


@dataclass(slots=True)
class Outcome:
    """The outcome of the attempts on a row in one step: counts by their ends."""

    held: int = 0
    refused: int = 0
    throttled: int = 0
    conflicts: int = 0
    units: float = 0.0


class Served(NamedTuple):
    """Counts of attempts: those that the partitions took, and those of them that met another transaction."""

    attempts: int
    conflicts: int


class Table:
    """All rows of an on-sale, in one design."""

    def __init__(self, design: Design, hall: Hall, screenings: int, writes: int, chance: random.Random) -> None:
        """`writes`: the units a second that the table is warm for."""
        self.design, self.hall, self.chance = design, hall, chance
        self.partitions = [Partition() for _ in range(-(-writes // PARTITION_WRITES))]
        self.rows = list(self._rows(screenings))
        self.partition_of: dict[int, Partition] = {}
        self.taken_of = [0] * screenings
        for item in {item for row in self.rows for item in row.items}:
            self._place(item, chance.choice(self.partitions))

    def _rows(self, screenings: int) -> Iterator[Row]:
        last = 0
        for screening in range(screenings):
            for number in range(self.hall.rows):
                seats = min(self.hall.seats_per_row, self.hall.seats - number * self.hall.seats_per_row)
                items = self._items(screening, seats, last)
                last = max(items) + 1
                yield Row(screening, seats, items)

    def _items(self, screening: int, seats: int, first: int) -> range:
        if self.design.one_item_for == "screening":
            return range(screening, screening + 1)
        return range(first, first + (seats if self.design.one_item_for == "seat" else 1))

    def _place(self, item: int, partition: Partition) -> None:
        self.partition_of[item] = partition
        partition.items.add(item)

    def begin(self, now: float, step: float) -> None:
        """Begins a step: units come in, and partitions that were throttled for long are split."""
        for partition in list(self.partitions):
            partition.units.fill(now)
            partition.throttled_seconds += step if partition.is_throttled else 0.0
            partition.is_throttled = False
            if partition.throttled_seconds > ESTIMATES.split_after_seconds and len(partition.items) > 1:
                self._split(partition)

    def _split(self, partition: Partition) -> None:
        new = Partition()
        self.partitions.append(new)
        partition.throttled_seconds = 0.0
        for item in list(partition.items):
            if self.chance.random() < 0.5:
                partition.items.discard(item)
                self._place(item, new)

    def attempt(self, row: Row, attempts: int, seats: int, step: float) -> Outcome:
        """Tries `attempts` times to hold `seats` of a row, within `step` seconds. Throttled attempts come again."""
        outcome = Outcome()
        each = self.design.attempt_units(seats, self.taken_of[row.screening] if self._is_shared else row.taken)
        waiting, row.waiting = row.waiting, [0] * len(row.waiting)
        for tried, number in enumerate((attempts, *waiting)):
            if number:
                served, conflicts = self._serve(row, number, each, step)
                self._decide(row, served - conflicts, seats, outcome)
                self._put_off(row, number - served + conflicts, tried, outcome)
                outcome.units += served * each
                outcome.conflicts += conflicts
        return outcome

    @property
    def _is_shared(self) -> bool:
        return self.design.one_item_for == "screening"

    def _serve(self, row: Row, attempts: int, units_each: float, step: float) -> Served:
        """Has the partitions of a row take attempts of `units_each` write units."""
        items = row.items if attempts >= len(row.items) else self.chance.sample(row.items, attempts)
        served, left = 0, attempts
        for place, item in enumerate(items):
            partition = self.partition_of[item]
            part = -(-left // (len(items) - place))
            taken = partition.units.take(part, units_each)
            partition.is_throttled |= taken < part
            served, left = served + taken, left - part
        return Served(served, self._count_conflicts(row, served, step))

    def _count_conflicts(self, row: Row, served: int, step: float) -> int:
        if self.design.one_item_for != "seat":
            return 0
        on_one_seat = served * 2 / row.seats / step
        likely = 1 - math.exp(-2 * on_one_seat * ESTIMATES.transaction_seconds)
        return min(served, round(served * likely))

    def _decide(self, row: Row, attempts: int, seats: int, outcome: Outcome) -> None:
        """Lets attempts for random seats win, one after the other, while their seats are free."""
        left, held = attempts, 0
        while row.free >= seats:
            likely = math.comb(row.free, seats) / math.comb(row.seats, seats)
            left -= 1 if likely == 1 else 1 + int(math.log(1 - self.chance.random()) / math.log(1 - likely))
            if left < 0:
                break
            held += 1
            self._take(row, seats)
        outcome.held += held
        outcome.refused += attempts - held

    def _take(self, row: Row, seats: int) -> None:
        row.free -= seats
        self.taken_of[row.screening] += seats
        self.tell(row)

    def release(self, row: Row, seats: int) -> None:
        row.free += seats
        self.taken_of[row.screening] -= seats
        self.tell(row)

    def tell(self, row: Row) -> None:
        """Adds a change of the row to its partition's stream."""
        self.partition_of[row.items[0]].unrelayed += 1

    def _put_off(self, row: Row, attempts: int, tried: int, outcome: Outcome) -> None:
        """Has throttled attempts come again in the next step; gives up those that were `tried` often enough."""
        if tried < len(row.waiting):
            row.waiting[tried] += attempts
        else:
            outcome.throttled += attempts
