"""Reservations, holds and sales, and the entries of seats in their rows."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from .money import Money

SHORTEST = timedelta(milliseconds=1)
"""The shortest time between two different moments: all are whole milliseconds."""

CLOCKS_DIFFER = timedelta(seconds=10)
"""How far two instances' clocks may differ: each may be wrong by five seconds."""


PREFIX = "res-"
BUYER_CHARACTERS = 11
_ID = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{{BUYER_CHARACTERS + 22}}}", re.ASCII)
"""The form of a reservation's id: res-<11 characters: its buyer><22 characters: the reservation>."""


def buyer_from_reservation_id(reservation_id: str) -> str:
    """Gives a reservation's buyer, by its id. Empty for a text that can't be an id of ours.

    The buyer is the partition of the reservation, and what events call its user: a hash, which names nobody.
    """
    return reservation_id[len(PREFIX) :][:BUYER_CHARACTERS] if _ID.fullmatch(reservation_id) else ""


class State(StrEnum):
    PENDING = "pending"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Sale:
    id: str
    transaction_id: str
    payment_method: str
    paid_at: datetime


@dataclass(frozen=True, slots=True)
class Hold:
    """Seats of one session kept for one reservation until `expires_at`, that moment excluded.

    `fingerprint` tells requests with the same idempotency key apart. It is empty without a key.
    """

    session_id: str
    reservation_id: str
    seats: tuple[str, ...]
    expires_at: datetime
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Contact:
    """The buyer's email address, and the language of the emails: a tag such as en or pt-BR.

    Stored on the reservation only: no event, log or answer shows the address.
    """

    email: str = field(repr=False)
    language: str


@dataclass(frozen=True, slots=True)
class Reservation:
    """A buyer's seats in one session: pending until paid for, cancelled or expired. `amount` is their price."""

    id: str
    session_id: str
    movie_title: str
    user_id: str
    seats: tuple[str, ...]
    amount: Decimal
    fingerprint: str
    created_at: datetime
    expires_at: datetime
    state: State = State.PENDING
    sale: Sale | None = None
    contact: Contact | None = None
    refunded_at: datetime | None = None
    """When its payment was refunded, because its session was cancelled. The reservation stays confirmed."""
    ended_at: datetime | None = None
    """When it was cancelled, or stored as expired."""
    source: str = field(default="", compare=False)
    """The network that the request for it came from. It is not stored."""

    @property
    def is_free(self) -> bool:
        """Tells whether it is free of charge: without a payment, a refund or an invoice."""
        return not self.amount

    @property
    def amount_cents(self) -> int:
        return Money.from_exact_amount(self.amount).minor

    def after_creation(self, moment: datetime) -> datetime:
        """Gives the later of two: this moment, or the first one after the reservation was made. Instances' clocks
        differ."""
        return max(moment, self.created_at + SHORTEST)

    def state_at(self, now: datetime) -> State:
        """Gives the state at this moment. A pending reservation is expired once its hold lapses, stored so or not."""
        return State.EXPIRED if self.state is State.PENDING and self.expires_at <= now else self.state

    def may_have_lapsed(self, now: datetime) -> bool:
        """Tells whether the hold has lapsed by any instance's clock; some are ahead of this one."""
        return self.expires_at <= now + CLOCKS_DIFFER

    @property
    def hold(self) -> Hold:
        return Hold(self.session_id, self.id, self.seats, self.expires_at, self.fingerprint)

    def confirmed(self, sale: Sale) -> "Reservation":
        """Gives the reservation as confirmed by this sale."""
        return replace(self, state=State.CONFIRMED, sale=sale)

    def with_expiry(self, expires_at: datetime) -> "Reservation":
        """Gives the reservation with another expiry."""
        return replace(self, expires_at=expires_at)


@dataclass(frozen=True, slots=True)
class Held:
    """The entry of a held seat in its row. From `expires_at` on the seat counts as free."""

    reservation_id: str
    expires_at: datetime
    fingerprint: str = ""

    def belongs_to(self, hold: Hold) -> bool:
        """Tells whether this entry is of this very hold, not of an earlier or later one under the same id."""
        return self == Held(hold.reservation_id, hold.expires_at, hold.fingerprint)


@dataclass(frozen=True, slots=True)
class Sold:
    """The entry of a sold seat in its row."""

    reservation_id: str
    sale_id: str


Occupancy = Held | Sold
"""The entry of a seat that is not free."""


def without_lapsed_holds(occupancy: Mapping[str, Occupancy], now: datetime) -> dict[str, Occupancy]:
    """Gives the entries without the holds that have lapsed by now."""
    return {seat: entry for seat, entry in occupancy.items() if isinstance(entry, Sold) or entry.expires_at > now}


class SeatsTaken(Exception):
    """A row refused a write. `occupancy` has the entries of the seats asked for; free seats have none.

    `id_is_new` is true only if no reservation can be stored under the id of the request.
    """

    def __init__(self, occupancy: Mapping[str, Occupancy], *, id_is_new: bool = False) -> None:
        super().__init__(", ".join(occupancy))
        self.occupancy, self.id_is_new = dict(occupancy), id_is_new

    def seats_of_others(self, reservation_id: str) -> tuple[str, ...]:
        """Gives the seats that other reservations hold or own."""
        return tuple(seat for seat, entry in self.occupancy.items() if entry.reservation_id != reservation_id)

    def entries_of(self, reservation_id: str) -> dict[str, Occupancy]:
        """Gives the entries of this reservation, by seat."""
        return {seat: entry for seat, entry in self.occupancy.items() if entry.reservation_id == reservation_id}

    def sale_id_of(self, reservation_id: str) -> str | None:
        """Gives the id of the sale by which the reservation owns some of these seats; None if it owns none."""
        sales = (entry.sale_id for entry in self.entries_of(reservation_id).values() if isinstance(entry, Sold))
        return next(sales, None)


class HoldHasEnded(Exception):
    """A hold ended before its reservation was stored: its seats were released, or are being released."""


class RowsClosed(SeatsTaken):
    """The session was cancelled: a row refused a write, or its seats were read."""


@dataclass(frozen=True, slots=True)
class CountedHold:
    """A hold that counts against its holder's limit in one session until `expires_at`, or until it has ended.

    `age` is how many of the holder's holds in the session were counted after it.
    """

    reservation_id: str
    expires_at: datetime
    age: int

    def belongs_to(self, hold: Hold) -> bool:
        return (self.reservation_id, self.expires_at) == (hold.reservation_id, hold.expires_at)


class HoldLimitReached(Exception):
    """A hold could not be counted: there is no room, or the hold to replace has changed. `counted` is newest first."""

    def __init__(self, counted: Sequence[CountedHold]) -> None:
        super().__init__()
        self.counted = tuple(counted)


@dataclass(frozen=True, slots=True)
class ReleaseResult:
    """The result of releasing a hold: the seats that were freed, and the sale's id if the hold had been sold."""

    seats: tuple[str, ...]
    sale_id: str | None = None
