"""Reservations and sales: what is remembered of a buyer's hold, and what stands in the rows of seats meanwhile."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from .money import Money

SHORTEST = timedelta(milliseconds=1)
"""Moments are whole milliseconds."""

CLOCKS_DIFFER = timedelta(seconds=10)
"""Two instances' at most: each may be wrong by five."""


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
    """Seats of one screening kept for one reservation until `expires_at`, that moment excluded.

    `fingerprint` tells requests apart that came with the same idempotency key; it is empty when there was none.
    """

    session_id: str
    reservation_id: str
    seats: tuple[str, ...]
    expires_at: datetime
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Contact:
    """Where the buyer wants to be written to, and in which language, a tag as en or pt-BR.

    Stands on the reservation only: no event, log or answer shows the address.
    """

    email: str = field(repr=False)
    language: str


@dataclass(frozen=True, slots=True)
class Reservation:
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
    """When what was paid for it went back: its screening was cancelled. It stays confirmed, and in the history."""
    ended_at: datetime | None = None
    """When it was cancelled, or found to have expired."""
    source: str = field(default="", compare=False)
    """The network that asked for it, while it is being made: it is not remembered."""

    @property
    def is_free(self) -> bool:
        """Free of charge: there is no payment, no refund and no invoice."""
        return not self.amount

    @property
    def amount_cents(self) -> int:
        return Money.of(self.amount).minor

    def not_before(self, moment: datetime) -> datetime:
        """The moment, or the first one after this reservation was made: instances' clocks differ, its story is one."""
        return max(moment, self.created_at + SHORTEST)

    def state_at(self, now: datetime) -> State:
        """A pending reservation is expired from the moment it lapses, whether or not anybody has written that down."""
        return State.EXPIRED if self.state is State.PENDING and self.expires_at <= now else self.state

    def may_have_lapsed(self, now: datetime) -> bool:
        """By some instance's clock."""
        return self.expires_at <= now + CLOCKS_DIFFER

    @property
    def hold(self) -> Hold:
        return Hold(self.session_id, self.id, self.seats, self.expires_at, self.fingerprint)

    def confirmed(self, sale: Sale) -> "Reservation":
        return replace(self, state=State.CONFIRMED, sale=sale)

    def until(self, expires_at: datetime) -> "Reservation":
        return replace(self, expires_at=expires_at)


@dataclass(frozen=True, slots=True)
class Held:
    """What stands for a held seat in its row. Once `expires_at` has come, it means nothing."""

    reservation_id: str
    expires_at: datetime
    fingerprint: str = ""

    def is_of(self, hold: Hold) -> bool:
        """True for this very hold, not for an earlier or a later one under the same id."""
        return self == Held(hold.reservation_id, hold.expires_at, hold.fingerprint)


@dataclass(frozen=True, slots=True)
class Sold:
    reservation_id: str
    sale_id: str


Occupancy = Held | Sold


def in_force(occupancy: Mapping[str, Occupancy], now: datetime) -> dict[str, Occupancy]:
    """Without the holds that have lapsed by now."""
    return {seat: entry for seat, entry in occupancy.items() if isinstance(entry, Sold) or entry.expires_at > now}


class SeatsTaken(Exception):
    """A row refused a write. `occupancy` is what stands there for the seats asked for; a free seat is not in it.

    `id_is_new`: who refused knows for sure that no reservation is stored under the id that asked.
    """

    def __init__(self, occupancy: Mapping[str, Occupancy], *, id_is_new: bool = False) -> None:
        super().__init__(", ".join(occupancy))
        self.occupancy, self.id_is_new = dict(occupancy), id_is_new

    def seats_of_others(self, reservation_id: str) -> tuple[str, ...]:
        return tuple(seat for seat, entry in self.occupancy.items() if entry.reservation_id != reservation_id)

    def entries_of(self, reservation_id: str) -> dict[str, Occupancy]:
        return {seat: entry for seat, entry in self.occupancy.items() if entry.reservation_id == reservation_id}

    def sale_of(self, reservation_id: str) -> str | None:
        """The id of the sale by which the reservation owns seats here, if it does."""
        sales = (entry.sale_id for entry in self.entries_of(reservation_id).values() if isinstance(entry, Sold))
        return next(sales, None)


class HoldHasEnded(Exception):
    """A hold is over before its reservation was remembered: its seats were given back, or are being given back."""


class RowsClosed(SeatsTaken):
    """The screening was cancelled: a row refused a write, or a view of its seats."""


@dataclass(frozen=True, slots=True)
class CountedHold:
    """A hold that counts against its user's limit in one screening until `expires_at`, or until it has ended.

    `age` is how many of the user's holds in the screening were counted after it.
    """

    reservation_id: str
    expires_at: datetime
    age: int

    def is_of(self, hold: Hold) -> bool:
        return (self.reservation_id, self.expires_at) == (hold.reservation_id, hold.expires_at)


class LimitReached(Exception):
    """No hold could be counted in addition, or in place of the one named. `counted`, newest first, is what stands."""

    def __init__(self, counted: Sequence[CountedHold]) -> None:
        super().__init__()
        self.counted = tuple(counted)


@dataclass(frozen=True, slots=True)
class Release:
    """What giving seats back came to: the seats freed by it, and the sale that stood in the way, if one did."""

    seats: tuple[str, ...]
    sale_id: str | None = None
