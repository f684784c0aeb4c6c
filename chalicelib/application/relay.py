"""The relay: from what the streams tell to messages on one queue for each consumer. Never in a buyer's request.

    row ──────────► hold: to the expiry queue, which keeps it until it lapses
        ├─────────► sale: finished here, if its request could not
        ├─────────► closed: every sale in it is to be returned; with the last row, SessionCancelled ─┐
        └─────────► release: SeatReleased ───────────────────────────────────────────────────────────┤
    reservation ──► its one change of state; a sale's payment is registered ─────────────────────────┤
    payment ──────► claimed: to the payments queue, which keeps it until its hold is over
        └─────────► to be returned, returned ────────────────────────────────────────────────────────┴─► ROUTES ─►
                                                                                      a queue for each consumer

A record that comes twice gives the same events with the same ids, and each consumer tolerates them twice.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.consumers import EXPIRY, PAYMENTS, REFUNDS, queues_that_hear
from chalicelib.domain.events import (
    Event,
    EventType,
    ReservationChange,
    RowClosed,
    RowEvent,
    SeatsHeld,
    SeatsReleased,
    SeatsSold,
)
from chalicelib.domain.payments import Payment, PaymentChange, PaymentDue, PaymentStatus
from chalicelib.domain.ports import Outgoing, Reservations
from chalicelib.domain.reservations import Reservation, State
from chalicelib.domain.times import to_ms

from .cancel_session import LAST_CLOSED
from .refunds import RefundSales, RegisterSale
from .release import Expire

log = logging.getLogger(__name__)

ROUTES: Mapping[EventType, tuple[str, ...]] = {kind: queues_that_hear(kind) for kind in EventType}
"""The queues of the consumers that each event goes to."""

ENDS = {
    State.CONFIRMED: EventType.PAYMENT_CONFIRMED,
    State.EXPIRED: EventType.RESERVATION_EXPIRED,
    State.CANCELLED: EventType.RESERVATION_CANCELLED,
}

TELLS: Mapping[str, tuple[EventType, ...]] = {
    "rows": (EventType.SEAT_RELEASED, EventType.SESSION_CANCELLED),
    "reservations": (EventType.RESERVATION_CREATED, *ENDS.values()),
    "payments": (EventType.REFUND_REQUESTED, EventType.REFUND_COMPLETED),
}
"""The events that are told of what happens in a table, by its relay and no other."""

DEFERS: Mapping[str, tuple[str, ...]] = {"rows": (EXPIRY,), "reservations": (), "payments": (PAYMENTS,)}
"""The queues that keep for a relay what is due later, beside those of consumers."""

SENDS_TO: Mapping[str, frozenset[str]] = {
    table: frozenset((*DEFERS[table], *(queue for kind in kinds for queue in ROUTES[kind])))
    for table, kinds in TELLS.items()
}
"""Each relay's queues: those that its function may send to (infra/cloud/functions.py)."""


@dataclass(frozen=True)
class RelayRow:
    reservations: Reservations
    refund_sales: RefundSales

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
            case RowClosed():
                self.refund_sales(event.sold)
                return _routed(_session_cancelled(event)) if event.row == LAST_CLOSED else []

    def _finish_sale(self, event: SeatsSold) -> None:
        reservation = self.reservations.find(event.reservation_id)
        if reservation and reservation.sale is None:
            self.reservations.confirm(event.reservation_id, event.sale)


@dataclass(frozen=True)
class RelayReservation:
    expire: Expire
    register_sale: RegisterSale

    def __call__(self, change: ReservationChange) -> list[Outgoing]:
        """What to send. A pending reservation that TTL has deleted is expired here: its expiry message was lost."""
        if change.before and change.before.state is State.PENDING and change.after is None:
            return self._lapsed(change.before)
        if change.after is None or (change.before and change.before.state is change.after.state):
            return []
        made = [] if change.before else _routed(_created(change.after))
        if change.after.state is State.PENDING:
            return made
        self.register_sale(change.after)
        return made + _routed(_ended(change.after, change.after.state, change.occurred_at))

    def _lapsed(self, reservation: Reservation) -> list[Outgoing]:
        if self.expire(reservation.hold):
            return _routed(_ended(reservation, State.EXPIRED, reservation.expires_at))
        log.error("sold, but its reservation is gone, until its payment is settled: %s", reservation.id)
        return []


@dataclass(frozen=True)
class RelayPayment:
    reservations: Reservations

    def __call__(self, change: PaymentChange) -> list[Outgoing]:
        """What to send. A sale's return is written beside its reservation: the purchase shows it."""
        payment = change.after
        if payment is None or (change.before and change.before.status is payment.status):
            return []
        if payment.status is PaymentStatus.CLAIMED and payment.due_at:
            return [Outgoing(PAYMENTS, PaymentDue(payment.transaction_id, payment.due_at))]
        if payment.status is PaymentStatus.REFUND_REQUESTED:
            return _routed(refund_requested(payment))
        if payment.status is PaymentStatus.REFUNDED and payment.refunded_at:
            if payment.sale_id:
                self.reservations.refunded(payment.reservation_id, payment.sale_id, payment.refunded_at)
            return _routed(_of_payment(payment, EventType.REFUND_COMPLETED, payment.refunded_at))
        return []


def refund_requested(payment: Payment) -> Event:
    assert payment.requested_at, "what is to be returned says since when"  # noqa: S101 - tells the type checker
    return _of_payment(payment, EventType.REFUND_REQUESTED, payment.requested_at)


def _routed(event: Event) -> list[Outgoing]:
    """What concerns no screening (a payment for a reservation that nobody knows) has no place in one's log, nor in its
    numbers: only what must act on it is told."""
    consumers = ROUTES[event.type]
    told = consumers if event.session_id else [consumer for consumer in consumers if consumer == REFUNDS]
    return [Outgoing(consumer, event) for consumer in told]


def _created(reservation: Reservation) -> Event:
    data: dict[str, str | int] = {"amountCents": reservation.amount_cents, "expiresAtMs": to_ms(reservation.expires_at)}
    if reservation.fingerprint:
        data["fingerprint"] = reservation.fingerprint
    return _of_reservation(reservation, EventType.RESERVATION_CREATED, reservation.created_at, data)


def _ended(reservation: Reservation, state: State, occurred_at: datetime) -> Event:
    """A stream tells whole seconds: what is written on the reservation itself is exact, and after its beginning."""
    sale = reservation.sale
    if sale is None:
        ended_at = reservation.not_before(reservation.ended_at or occurred_at)
        return _of_reservation(reservation, ENDS[state], ended_at, {})
    payment = {"saleId": sale.id, "transactionId": sale.transaction_id, "paymentMethod": sale.payment_method}
    paid_at = reservation.not_before(sale.paid_at)
    return _of_reservation(reservation, ENDS[state], paid_at, {"amountCents": reservation.amount_cents, **payment})


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


def _session_cancelled(event: RowClosed) -> Event:
    return Event(
        id=f"{EventType.SESSION_CANCELLED}:{event.session_id}",
        type=EventType.SESSION_CANCELLED,
        occurred_at=event.occurred_at,
        session_id=event.session_id,
        reservation_id="",
        user_id="",
        seats=(),
        data={},
    )


def _of_payment(payment: Payment, kind: EventType, occurred_at: datetime) -> Event:
    """The moment is in the id because a request may be overtaken by the payment's own sale, and come again later."""
    known = {
        "transactionId": payment.transaction_id,
        "reason": payment.reason,
        "amountCents": payment.refund_cents,
        "saleId": payment.sale_id or None,
        "refundId": payment.refund_id or None,
    }
    return Event(
        id=f"{kind}:{payment.transaction_id}:{to_ms(occurred_at)}",
        type=kind,
        occurred_at=occurred_at,
        session_id=payment.session_id,
        reservation_id=payment.reservation_id,
        user_id=payment.user_id,
        seats=payment.seats,
        data={name: value for name, value in known.items() if value is not None},
    )
