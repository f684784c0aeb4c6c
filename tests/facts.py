"""Events of one reservation, as a test needs them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.domain.events import Event, EventType

from .builders import IDS, NOW

PRICE_CENTS = 2500


@dataclass(frozen=True)
class Facts:
    """Makes the events of one reservation of one session."""

    session_id: str
    seats: tuple[str, ...] = ("A1", "A2")
    reservation_id: str = field(default_factory=lambda: IDS.reservation_id("user-1", None))

    def created(self, at: datetime = NOW) -> Event:
        return self.event(EventType.RESERVATION_CREATED, at, {"amountCents": self.cents, "expiresAtMs": 0})

    def paid(self, at: datetime = NOW) -> Event:
        return self.event(EventType.PAYMENT_CONFIRMED, at, {"amountCents": self.cents, "saleId": "sale-1"})

    def expired(self, at: datetime = NOW) -> Event:
        return self.event(EventType.RESERVATION_EXPIRED, at)

    def cancelled(self, at: datetime = NOW) -> Event:
        return self.event(EventType.RESERVATION_CANCELLED, at)

    def released(self, at: datetime = NOW) -> Event:
        return self.event(EventType.SEAT_RELEASED, at)

    @property
    def cents(self) -> int:
        return PRICE_CENTS * len(self.seats)

    def event(self, kind: EventType, at: datetime, data: Mapping[str, str | int] | None = None) -> Event:
        return Event(
            id=f"{kind}:{self.reservation_id}",
            type=kind,
            occurred_at=at,
            session_id=self.session_id,
            reservation_id=self.reservation_id,
            seats=self.seats,
            data=data or {},
        )
