"""Three ways to lay seats out as items, and what a hold writes in each."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .limits import LARGEST_ITEM, TRANSACTION_FACTOR

ROW_BYTES = 190
"""Of our row of seats without a held seat: its id, version, and the event that its stream carries."""

SEAT_BYTES = 70
"""That a held or sold seat adds to its row: its number, the reservation's id, the expiry, the fingerprint."""

UNIT = 1024
"""Bytes of an item that one write unit writes."""


@dataclass(frozen=True, slots=True)
class Hall:
    seats: int
    seats_per_row: int = 20

    @property
    def rows(self) -> int:
        return -(-self.seats // self.seats_per_row)


@dataclass(frozen=True, slots=True)
class Design:
    """A design of the table of seats, with an item for each `one_item_for`. A hold of several is a transaction."""

    name: str
    one_item_for: Literal["seat", "row", "screening"]

    def seats_in_item(self, hall: Hall) -> int:
        return {"seat": 1, "row": min(hall.seats_per_row, hall.seats), "screening": hall.seats}[self.one_item_for]

    def is_possible(self, hall: Hall) -> bool:
        """Tells whether the largest item, all of its seats taken, is one that DynamoDB takes."""
        return self._count_bytes(self.seats_in_item(hall)) <= LARGEST_ITEM

    def attempt_units(self, seats: int, taken: int) -> int:
        """Counts the write units of an attempt to hold `seats`, in items that have `taken` seats. Refused ones cost
        as much: DynamoDB bills a write whose condition is false."""
        if self.one_item_for == "seat":
            factor = TRANSACTION_FACTOR if seats > 1 else 1
            return seats * factor * units_of(self._count_bytes(1))
        return units_of(self._count_bytes(taken))

    def _count_bytes(self, taken: int) -> int:
        return ROW_BYTES + SEAT_BYTES * taken


BY_ROW = Design("an item for each row (ours)", "row")
BY_SEAT = Design("an item for each seat", "seat")
BY_SCREENING = Design("an item for each screening", "screening")
DESIGNS = (BY_ROW, BY_SEAT, BY_SCREENING)


def units_of(size: int) -> int:
    """Counts the write units of an item of that size in bytes, outside a transaction."""
    return max(1, math.ceil(size / UNIT))


def size_of(item: Mapping[str, Any]) -> int:
    """Counts the bytes of an item in DynamoDB's wire form: names and values, as "DynamoDB item sizes" says."""
    return sum(len(name.encode()) + _size_of_value(value) for name, value in item.items())


def _size_of_value(value: Mapping[str, Any]) -> int:
    kind, content = next(iter(value.items()))
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return len(content.lstrip("-").strip("0").replace(".", "")) // 2 + 2
        case "M":
            return 3 + len(content) + size_of(content)
        case "L":
            return 3 + sum(1 + _size_of_value(each) for each in content)
        case "BOOL" | "NULL":
            return 1
    raise ValueError(f"no size is known for an attribute of type {kind}")
