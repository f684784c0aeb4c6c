"""Reads the final state of DynamoDB from the tables, without the application, and finds its contradictions."""

import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import boto3

FOREVER_MS = 2**62


class Seat(NamedTuple):
    """A seat of a screening."""

    session: str
    number: str


@dataclass(frozen=True, slots=True)
class Entry:
    """The entry for a seat in its row: a sale, or a hold that ends at `expires_ms`."""

    reservation: str
    sale: str
    expires_ms: int


@dataclass(frozen=True, slots=True)
class Booking:
    """A reservation, read from its table."""

    id: str
    session: str
    user: str
    seats: tuple[Seat, ...]
    state: str
    sale: str
    created_ms: int
    expires_ms: int

    @property
    def entry(self) -> Entry:
        """Gives the entry that the row must have for each seat of the reservation."""
        return Entry(self.id, self.sale, FOREVER_MS if self.sale else self.expires_ms)

    @property
    def has_seats(self) -> bool:
        """Tells whether the reservation's state is that of a hold or of a sale. The hold may have lapsed."""
        return self.state in ("pending", "confirmed")


@dataclass(frozen=True, slots=True)
class FinalState:
    """The rows' entries and the reservations of some screenings."""

    entries: Mapping[Seat, Entry]
    bookings: Sequence[Booking]
    read_at_ms: int

    @property
    def sold(self) -> dict[Seat, Entry]:
        return {seat: entry for seat, entry in self.entries.items() if entry.sale}

    def of_session(self, session: str) -> list[Booking]:
        return [booking for booking in self.bookings if booking.session == session]

    def owners(self) -> dict[Seat, list[Booking]]:
        """Gives the holds and sales of each seat, by their creation. Lapsed holds are among them."""
        owners: dict[Seat, list[Booking]] = defaultdict(list)
        for booking in sorted(self.bookings, key=lambda booking: booking.created_ms):
            for seat in booking.seats if booking.has_seats else ():
                owners[seat].append(booking)
        return owners

    def double_bookings(self) -> list[Seat]:
        """Gives the seats that several reservations own at the same time."""
        return [
            seat for seat, owners in self.owners().items() if any(_do_holds_overlap(*pair) for pair in pairwise(owners))
        ]

    def find_contradictions(self) -> list[str]:
        """Finds double bookings, and differences between rows and reservations. Gives an empty list if there are
        none."""
        doubles = [f"{seat.number} is booked twice" for seat in self.double_bookings()]
        return [*doubles, *self._find_bookings_without_seats(), *self._find_seats_without_booking()]

    def _find_bookings_without_seats(self) -> Iterator[str]:
        for booking in self.bookings:
            if booking.has_seats and booking.entry.expires_ms > self.read_at_ms:
                for seat in booking.seats:
                    if self.entries.get(seat) != booking.entry:
                        yield f"{booking.id} is {booking.state} but {seat.number} has {self.entries.get(seat)}"

    def _find_seats_without_booking(self) -> Iterator[str]:
        booked = {(seat, booking.entry) for booking in self.bookings if booking.has_seats for seat in booking.seats}
        for seat, entry in self.entries.items():
            if entry.expires_ms > self.read_at_ms and (seat, entry) not in booked:
                yield f"{seat.number} has {entry} without such a reservation"


def read_final_state(table_prefix: str, sessions: Collection[str]) -> FinalState:
    """Reads the entries and reservations of these sessions."""
    rows = [row for row in _scan_table(f"{table_prefix}-rows") if row["id"]["S"].partition("#")[0] in sessions]
    remembered = (item for item in _scan_table(f"{table_prefix}-reservations") if "barred_ms" not in item)
    found = [_booking_of(item) for item in remembered if item["session_id"]["S"] in sessions]
    return FinalState(dict(entry for row in rows for entry in _entries_of(row)), found, round(time.time() * 1000))


def _scan_table(table: str) -> Iterator[dict[str, Any]]:
    pages = boto3.client("dynamodb").get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    for page in pages:
        yield from page["Items"]


def _entries_of(row: Mapping[str, Any]) -> Iterator[tuple[Seat, Entry]]:
    """Gives the entries of the row's seats. Leaves out released ones, whose entry names no reservation."""
    session = row["id"]["S"].partition("#")[0]
    taken = {number: entry for number, entry in row["seats"]["M"].items() if "r" in entry["M"]}
    for number, entry in taken.items():
        sale, expires = entry["M"].get("s", {"S": ""}), entry["M"].get("x", {"N": FOREVER_MS})
        yield Seat(session, number), Entry(entry["M"]["r"]["S"], sale["S"], int(expires["N"]))


def _booking_of(item: Mapping[str, Any]) -> Booking:
    session = item["session_id"]["S"]
    return Booking(
        id=item["id"]["S"],
        session=session,
        user=item["user_id"]["S"],
        seats=tuple(Seat(session, seat["S"]) for seat in item["seats"]["L"]),
        state=item["state"]["S"],
        sale=item.get("sale_id", {"S": ""})["S"],
        created_ms=int(item["created_at_ms"]["N"]),
        expires_ms=int(item["expires_at_ms"]["N"]),
    )


def _do_holds_overlap(earlier: Booking, later: Booking) -> bool:
    """Tells whether the later booking was made before the earlier one had lapsed."""
    return later.created_ms < earlier.entry.expires_ms
