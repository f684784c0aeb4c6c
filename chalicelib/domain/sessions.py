"""Sessions: a film's screening at a time in a room, its price, and the layout of its seats."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from .money import Money
from .refusals import SeatsNotFound

SEAT_PATTERN = r"^[A-Z]{1,3}[1-9][0-9]{0,3}$"
"""The pattern of a seat: the letters of its row, then its number in the row, such as A1, B12, AA3. Numbers begin with
1."""

_SEAT = re.compile(SEAT_PATTERN)


@dataclass(frozen=True, slots=True)
class Session:
    """A screening. Its facts never change, but it may be cancelled, which is final.

    Instances may cache a session, because the rows of seats decide whether seats can be booked.
    """

    id: str
    movie_title: str
    starts_at: datetime
    room: str
    total_seats: int
    seats_per_row: int
    ticket_price: Decimal
    created_at: datetime
    cancelled_at: datetime | None = None

    @property
    def rows(self) -> tuple[str, ...]:
        return tuple(row_letters(index) for index in range(-(-self.total_seats // self.seats_per_row)))

    @property
    def seats(self) -> Iterator[str]:
        """Gives all seats, row by row. The last row may be shorter than the others."""
        for place in range(self.total_seats):
            yield f"{row_letters(place // self.seats_per_row)}{place % self.seats_per_row + 1}"

    def distinct_seats_in_hall_order(self, numbers: Iterable[str]) -> tuple[str, ...]:
        """Gives the named seats without repetitions, in the order of the hall.

        Raises SeatsNotFound with the unknown names.
        """
        places = {number: self._place(number) for number in numbers}
        missing = tuple(number for number, place in places.items() if place is None)
        if missing:
            raise SeatsNotFound(seats=missing)
        return tuple(sorted(places, key=lambda number: places[number] or 0))

    def price_of(self, seats: Iterable[str]) -> Decimal:
        """Gives the total price of the seats, in the currency's unit."""
        return (Money.from_exact_amount(self.ticket_price) * len(tuple(seats))).amount

    def _place(self, seat: str) -> int | None:
        """Gives the number of seats that precede this seat in the order of the hall. None if there is no such seat."""
        if not _SEAT.fullmatch(seat):
            return None
        letters = row_of_seat(seat)
        column = int(seat[len(letters) :])
        place = row_index(letters) * self.seats_per_row + column - 1
        return place if column <= self.seats_per_row and place < self.total_seats else None


def row_of_seat(seat: str) -> str:
    """Gives the letters of the seat's row, such as AA for seat AA12."""
    return seat.rstrip("0123456789")


def seats_by_row_in_given_order(seats: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Groups the seats by row. The rows are in the order of their first seat in `seats`."""
    rows: dict[str, list[str]] = {}
    for seat in seats:
        rows.setdefault(row_of_seat(seat), []).append(seat)
    return {row: tuple(members) for row, members in rows.items()}


def row_letters(index: int) -> str:
    """Gives the letters of the row with this index: A, B, … Z, AA, AB, … for 0, 1, … 25, 26, 27, …"""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def row_index(letters: str) -> int:
    """Gives the index of the row with these letters: 0, 1, … 25, 26, … for A, B, … Z, AA, …"""
    index = 0
    for letter in letters:
        index = index * 26 + ord(letter) - ord("A") + 1
    return index - 1
