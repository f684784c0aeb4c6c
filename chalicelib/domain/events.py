"""What a row of seats tells after each write. Written by the write itself, so that none is lost or made up."""

from dataclasses import dataclass
from datetime import datetime

from .reservations import Hold, Sale


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


RowEvent = SeatsHeld | SeatsSold | SeatsReleased
