"""The relay: from what the streams tell to messages on one queue for each consumer. Never in a buyer's request.

    row ──────────► hold: to the expiry queue, which keeps it until it lapses
        ├─────────► sale: finished here, if its request could not
        └─────────► release: SeatReleased ─┐
    reservation ──► its one change of state ┴─► ROUTES ─► a queue for each consumer

A record that comes twice gives the same events with the same ids, and each consumer tolerates them twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.events import Event, EventType, ReservationChange, RowEvent, SeatsHeld, SeatsReleased, SeatsSold
from chalicelib.domain.ports import Outgoing, Reservations
from chalicelib.domain.reservations import Reservation, State
from chalicelib.domain.times import to_ms

from .release import Expire

EXPIRY = "expiry"
AUDIT = "audit"
ANALYTICS = "analytics"
EMAIL = "email"
INVOICES = "invoices"
NOTIFICATION = "notification"
CACHE = "cache"

ROUTES: Mapping[EventType, tuple[str, ...]] = {
    EventType.RESERVATION_CREATED: (AUDIT, ANALYTICS, EMAIL, NOTIFICATION, CACHE),
    EventType.PAYMENT_CONFIRMED: (AUDIT, ANALYTICS, EMAIL, INVOICES, NOTIFICATION),
    EventType.RESERVATION_EXPIRED: (AUDIT, ANALYTICS, NOTIFICATION),
    EventType.RESERVATION_CANCELLED: (AUDIT, ANALYTICS, NOTIFICATION),
    EventType.SEAT_RELEASED: (AUDIT, ANALYTICS, NOTIFICATION, CACHE),
}
"""Who is told what: the queue of each consumer. infra/stateful.yaml makes the queues."""

ENDS = {
    State.CONFIRMED: EventType.PAYMENT_CONFIRMED,
    State.EXPIRED: EventType.RESERVATION_EXPIRED,
    State.CANCELLED: EventType.RESERVATION_CANCELLED,
}


@dataclass(frozen=True)
class RelayRow:
    reservations: Reservations

    def __call__(self, event: RowEvent) -> list[Outgoing]:
        """What to send. Harmless twice: a second expiry message finds nothing to do, a finished sale is left alone."""
        match event:
            case SeatsHeld():
                return [Outgoing(EXPIRY, event.hold)]
            case SeatsSold():
                self._finish_sale(event)
                return []
            case SeatsReleased():
                return _routed(_seat_released(event))

    def _finish_sale(self, event: SeatsSold) -> None:
        reservation = self.reservations.find(event.reservation_id)
        if reservation and reservation.state is State.PENDING:
            self.reservations.confirm(event.reservation_id, event.sale)


@dataclass(frozen=True)
class RelayReservation:
    expire: Expire

    def __call__(self, change: ReservationChange) -> list[Outgoing]:
        """What to send. A pending reservation that TTL has deleted is expired here: its expiry message was lost."""
        if change.before and change.before.state is State.PENDING and change.after is None:
            over = self.expire(change.before.hold)
            return _routed(_ended(change.before, State.EXPIRED, change.occurred_at)) if over else []
        if change.after and change.before is None:
            return _routed(_created(change.after))
        if change.after and change.before and change.before.state is not change.after.state:
            return _routed(_ended(change.after, change.after.state, change.occurred_at))
        return []


def _routed(event: Event) -> list[Outgoing]:
    return [Outgoing(consumer, event) for consumer in ROUTES[event.type]]


def _created(reservation: Reservation) -> Event:
    data: dict[str, str | int] = {"amountCents": _cents(reservation), "expiresAtMs": to_ms(reservation.expires_at)}
    if reservation.fingerprint:
        data["fingerprint"] = reservation.fingerprint
    return _of_reservation(reservation, EventType.RESERVATION_CREATED, reservation.created_at, data)


def _ended(reservation: Reservation, state: State, occurred_at: datetime) -> Event:
    sale = reservation.sale
    if sale is None:
        return _of_reservation(reservation, ENDS[state], occurred_at, {})
    payment = {"saleId": sale.id, "transactionId": sale.transaction_id, "paymentMethod": sale.payment_method}
    return _of_reservation(reservation, ENDS[state], sale.paid_at, {"amountCents": _cents(reservation), **payment})


def _of_reservation(
    reservation: Reservation, kind: EventType, occurred_at: datetime, data: Mapping[str, str | int]
) -> Event:
    """Each happens to a hold once at most. Its expiry tells it from another under the same id, made a day later."""
    return Event(
        id=f"{kind}:{reservation.id}:{to_ms(reservation.expires_at)}",
        type=kind,
        occurred_at=occurred_at,
        session_id=reservation.session_id,
        reservation_id=reservation.id,
        user_id=reservation.user_id,
        seats=reservation.seats,
        data=data,
    )


def _seat_released(event: SeatsReleased) -> Event:
    """Seats go back once for each hold, row and moment: a refused reuse of a key may give back under a known id."""
    return Event(
        id=f"{EventType.SEAT_RELEASED}:{event.reservation_id}:{event.seats[0]}:{to_ms(event.occurred_at)}",
        type=EventType.SEAT_RELEASED,
        occurred_at=event.occurred_at,
        session_id=event.session_id,
        reservation_id=event.reservation_id,
        user_id="",
        seats=event.seats,
        data={},
    )


def _cents(reservation: Reservation) -> int:
    return int(reservation.amount * 100)
