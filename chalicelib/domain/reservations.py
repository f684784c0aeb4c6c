"""Reservations, holds and sales, and the entries of seats in their rows."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from .money import Money

SHORTEST = timedelta(milliseconds=1)
"""The shortest time between two different moments. All moments are in whole milliseconds."""

CLOCKS_DIFFER = timedelta(seconds=10)
"""How far two instances' clocks may differ: each may be wrong by five seconds."""


PREFIX = "res-"
BUYER_CHARACTERS = 11
_ID = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{{BUYER_CHARACTERS + 22}}}", re.ASCII)
"""The form of a reservation's id: `res-`, then 11 characters that stand for its buyer, then 22 of its own."""


def buyer_pseudonym_or_empty(reservation_id: str) -> str:
    """Gives the buyer's pseudonym that a reservation id contains. Empty if the text can't be an id of ours.

    The pseudonym is a hash of the user's id. It is the partition key of the buyer's reservations, and stands for the
    user in events.
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
    """Seats of one session that are kept for one reservation until `expires_at`.

    `fingerprint` identifies the request among those with the same idempotency key. It is empty without a key.
    """

    session_id: str
    reservation_id: str
    seats: tuple[str, ...]
    expires_at: datetime
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Contact:
    """The buyer's email address, and the language of emails to the buyer: a tag such as en or pt-BR.

    Stored only on the reservation. No event, log or answer contains the address.
    """

    email: str = field(repr=False)
    language: str


@dataclass(frozen=True, slots=True)
class Reservation:
    """A buyer's seats in one session.

    It is pending, confirmed, cancelled or expired. `amount` is the price of the seats.
    """

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
    """The moment when the reservation's payment was refunded because the session was cancelled. The reservation stays
    confirmed."""
    ended_at: datetime | None = None
    """When it was cancelled, or stored as expired."""
    source_network: str = field(default="", compare=False)
    """The network from which the reservation was requested. The network is not stored."""

    @property
    def is_free(self) -> bool:
        """Tells whether the reservation is free of charge. Then there is no payment, refund or invoice."""
        return not self.amount

    @property
    def amount_cents(self) -> int:
        return Money.from_exact_amount(self.amount).minor

    def at_least_1ms_after_creation(self, moment: datetime) -> datetime:
        """Gives `moment`, or the first millisecond after the reservation's creation if that is later.

        The clocks of instances may differ, so `moment` may be too early.
        """
        return max(moment, self.created_at + SHORTEST)

    def state_at(self, now: datetime) -> State:
        """Gives the state at `now`.

        A pending reservation counts as expired from its expiry on, even if it is still stored as pending.
        """
        return State.EXPIRED if self.state is State.PENDING and self.expires_at <= now else self.state

    def hold_may_have_lapsed_by_some_clock(self, now: datetime) -> bool:
        """Tells whether the hold may have lapsed by the clock of some instance.

        Clocks may be ahead of this instance's clock.
        """
        return self.expires_at <= now + CLOCKS_DIFFER

    @property
    def hold(self) -> Hold:
        return Hold(self.session_id, self.id, self.seats, self.expires_at, self.fingerprint)

    def confirmed(self, sale: Sale) -> "Reservation":
        """Gives the reservation in the state confirmed, with this sale."""
        return replace(self, state=State.CONFIRMED, sale=sale)

    def with_expiry(self, expires_at: datetime) -> "Reservation":
        """Gives the reservation with this expiry."""
        return replace(self, expires_at=expires_at)


@dataclass(frozen=True, slots=True)
class HeldSeat:
    """A held seat's entry in its row. From `expires_at` on, the seat counts as free."""

    reservation_id: str
    expires_at: datetime
    fingerprint: str = ""

    def is_exactly_of(self, hold: Hold) -> bool:
        """Tells whether the entry was written for exactly this hold.

        Another hold with the same reservation id has another expiry.
        """
        return self == HeldSeat(hold.reservation_id, hold.expires_at, hold.fingerprint)


@dataclass(frozen=True, slots=True)
class SoldSeat:
    """A sold seat's entry in its row."""

    reservation_id: str
    sale_id: str


Occupancy = HeldSeat | SoldSeat
"""The entry of a seat that is not free."""


def without_lapsed_holds(occupancy: Mapping[str, Occupancy], now: datetime) -> dict[str, Occupancy]:
    """Gives the entries except the holds that have lapsed by `now`."""
    return {seat: entry for seat, entry in occupancy.items() if isinstance(entry, SoldSeat) or entry.expires_at > now}


class SeatsTakenOrHoldEnded(Exception):
    """The rows refused to hold or sell seats: a seat is taken or was held meanwhile, or the hold was released or has
    lapsed.

    `occupancy` has the known entries of the requested seats, without lapsed holds. It may be empty. A seat without an
    entry may be taken all the same.

    `held_meanwhile` has the free seats that refused a new hold: their last hold was released, and would have expired at
    the same moment as the new hold or later. In most cases somebody held and released them meanwhile. The released hold
    may also be this very one, or this instance's clock may be behind.

    `is_surely_no_resend` is true only if it is certain that no reservation is stored under the request's id.
    """

    def __init__(
        self,
        occupancy: Mapping[str, Occupancy],
        *,
        held_meanwhile: tuple[str, ...] = (),
        is_surely_no_resend: bool = False,
    ) -> None:
        super().__init__(", ".join(occupancy))
        self.occupancy, self.held_meanwhile = dict(occupancy), held_meanwhile
        self.is_surely_no_resend = is_surely_no_resend

    def seats_of_others(self, reservation_id: str) -> tuple[str, ...]:
        """Gives the seats that other reservations hold or own."""
        return tuple(seat for seat, entry in self.occupancy.items() if entry.reservation_id != reservation_id)

    def entries_of(self, reservation_id: str) -> dict[str, Occupancy]:
        """Gives the entries of this reservation, by seat."""
        return {seat: entry for seat, entry in self.occupancy.items() if entry.reservation_id == reservation_id}

    def sale_id_of_any_seat_of(self, reservation_id: str) -> str | None:
        """Gives the id of the sale by which this reservation owns some of the seats. None if it owns none of them."""
        sales = (entry.sale_id for entry in self.entries_of(reservation_id).values() if isinstance(entry, SoldSeat))
        return next(sales, None)


class HoldBarredBeforeStored(Exception):
    """The hold was barred before its reservation was stored. Its seats were released, or are being released."""


class RowsOfCancelledSession(SeatsTakenOrHoldEnded):
    """The session was cancelled, so its rows accept no hold or sale."""


@dataclass(frozen=True, slots=True)
class CountedHold:
    """A hold that counts against its holder's limit in one session.

    `newer_holds` is the number of holds of the same holder and session that were counted after this hold: 0 for the
    newest.
    """

    reservation_id: str
    expires_at: datetime
    newer_holds: int

    def was_counted_for(self, hold: Hold) -> bool:
        return (self.reservation_id, self.expires_at) == (hold.reservation_id, hold.expires_at)


class HoldLimitReachedOrReplacedHoldChanged(Exception):
    """The hold was not counted, because it would exceed its holder's limit. Or it was to replace an older hold, and the
    older hold's entry has changed meanwhile.

    `counted` are the holds that count against the limit, newest first.
    """

    def __init__(self, counted: Sequence[CountedHold]) -> None:
        super().__init__()
        self.counted = tuple(counted)


@dataclass(frozen=True, slots=True)
class ReleaseResult:
    """The result of releasing a hold: the freed seats, and the sale's id if the hold was sold."""

    seats: tuple[str, ...]
    sale_id: str | None = None
    was_sold_and_session_cancelled_since: bool = False
    """Whether the session was cancelled after the hold was sold. A cancelled session's rows are closed, and a closed
    row accepts no sale. So if a sold seat's row is closed, the sale came first."""
