"""What has happened: what a row of seats tells after each write, and what the world is told of it.

Both come out of the database's streams, so that none is lost and none made up.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .reservations import Hold, Reservation, Sale


@dataclass(frozen=True, slots=True)
class SeatsHeld:
    hold: Hold
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class SeatsSold:
    session_id: str
    reservation_id: str
    seats: tuple[str, ...]
    sale: Sale
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class SeatsReleased:
    session_id: str
    reservation_id: str
    seats: tuple[str, ...]
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class RowClosed:
    """From here on no seat of the row is held or sold. `sold` is every reservation that owns seats in it."""

    session_id: str
    row: str
    sold: tuple[str, ...]
    occurred_at: datetime


RowEvent = SeatsHeld | SeatsSold | SeatsReleased | RowClosed


@dataclass(frozen=True, slots=True)
class ReservationChange:
    """What the reservations' stream tells: None before it was made, None after it was deleted."""

    before: Reservation | None
    after: Reservation | None
    occurred_at: datetime


PRIVATE = frozenset({"fingerprint"})
"""What our own consumers and tools need to know of an event and nobody else: it says something of the request, with the
buyer's address, to whoever can guess."""


class EventType(StrEnum):
    RESERVATION_CREATED = "ReservationCreated"
    """data: amountCents, expiresAtMs; fingerprint when it came with an idempotency key, which is PRIVATE."""
    PAYMENT_CONFIRMED = "PaymentConfirmed"
    """data: amountCents, saleId, transactionId, paymentMethod."""
    RESERVATION_EXPIRED = "ReservationExpired"
    RESERVATION_CANCELLED = "ReservationCancelled"
    SEAT_RELEASED = "SeatReleased"
    """Seats of one row are free again. The user is not known to a row: user_id is empty."""
    SESSION_CANCELLED = "SessionCancelled"
    """Of the screening alone: no reservation, user or seats."""
    REFUND_REQUESTED = "RefundRequested"
    """A payment is to be returned. data: transactionId, reason; amountCents if known; saleId if it had bought one."""
    REFUND_COMPLETED = "RefundCompleted"
    """It was returned. data: as RefundRequested, and refundId."""


@dataclass(frozen=True, slots=True)
class Event:
    """A fact in its envelope. The id follows from the fact: the same fact, told again, is the same event."""

    id: str
    type: EventType
    occurred_at: datetime
    session_id: str
    reservation_id: str
    user_id: str
    seats: tuple[str, ...]
    data: Mapping[str, str | int]

    @property
    def public_data(self) -> dict[str, str | int]:
        """All that leaves us: in answers, and to webhooks."""
        return {name: value for name, value in self.data.items() if name not in PRIVATE}


class GivenUp(Exception):
    """Trying again won't help: the message is parked at once, with this reason."""


class UnreadableMessage(GivenUp):
    """Not a message of ours, or of a version that we don't know."""
