"""The relay: turns the streams' records into messages, on one queue for each consumer. Never in a buyer's request.

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

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.domain.consumers import EXPIRY, PAYMENTS, REFUNDS, queues_for_event_type
from chalicelib.domain.events import (
    ENDS,
    Event,
    EventType,
    OutgoingMessage,
    ReservationChange,
    RowClosed,
    RowEvent,
    SeatsHeld,
    SeatsReleased,
    SeatsSold,
    refund_completed,
    refund_requested,
    reservation_confirmed_or_ended,
    reservation_created,
    seat_released,
    session_cancelled,
)
from chalicelib.domain.payments import Payment, PaymentChange, PaymentStatus, SettlementDue
from chalicelib.domain.reservations import Reservation, State

from .cancel_session import LAST_CLOSED
from .refunds import MarkPaymentSoldOrLogConflict, RequestRefundsOfSalesAfterSessionCancellation
from .release import ExpireLapsedHoldUnlessSold

if TYPE_CHECKING:
    from chalicelib.domain.ports import Reservations

log = logging.getLogger(__name__)

ROUTES: Mapping[EventType, tuple[str, ...]] = {kind: queues_for_event_type(kind) for kind in EventType}
"""The queues that each event goes to: those of its consumers."""

TELLS: Mapping[str, tuple[EventType, ...]] = {
    "rows": (EventType.SEAT_RELEASED, EventType.SESSION_CANCELLED),
    "reservations": (EventType.RESERVATION_CREATED, *ENDS.values()),
    "payments": (EventType.REFUND_REQUESTED, EventType.REFUND_COMPLETED),
}
"""The events that each table's relay makes. No other relay makes them."""

DEFERS: Mapping[str, tuple[str, ...]] = {"rows": (EXPIRY,), "reservations": (), "payments": (PAYMENTS,)}
"""For each table, the queues to which the table's relay sends delayed messages. The relay's other queues are those of
the consumers that receive its events."""

SENDS_TO: Mapping[str, frozenset[str]] = {
    table: frozenset((*DEFERS[table], *(queue for kind in kinds for queue in ROUTES[kind])))
    for table, kinds in TELLS.items()
}
"""Each relay's queues: those that its function may send to (infra/cloud/functions.py)."""


@dataclass(frozen=True)
class FinishSalesRequestRefundsIfClosedAndListMessages:
    """Lists the messages to send after a row of seats was written: after a hold, a sale, a release or a closing."""

    reservations: Reservations
    request_refunds_of_sales_after_session_cancellation: RequestRefundsOfSalesAfterSessionCancellation

    def __call__(self, event: RowEvent) -> list[OutgoingMessage]:
        """Gives the messages to send. Also finishes a sale whose request has died, and requests the refunds of the
        sales in a closed row.

        Idempotent: a second expiry message has no effect, and a finished sale is skipped.
        """
        match event:
            case SeatsHeld():
                return [OutgoingMessage(EXPIRY, event.hold)]
            case SeatsSold():
                self._finish_sale(event)
                return []
            case SeatsReleased():
                return _route(seat_released(event))
            case RowClosed():
                self.request_refunds_of_sales_after_session_cancellation(event.sold_reservation_ids)
                return _route(session_cancelled(event)) if event.row == LAST_CLOSED else []

    def _finish_sale(self, event: SeatsSold) -> None:
        """Confirms the reservation of sold seats, if the request that sold them died before it could do so."""
        reservation = self.reservations.find(event.reservation_id)
        if reservation and reservation.sale is None:
            self.reservations.mark_confirmed_unless_sold_and_read(event.reservation_id, event.sale)


@dataclass(frozen=True)
class MarkPaymentSoldOrExpireDeletedHoldAndListMessages:
    """Marks the payment of a sale as sold, or expires the hold of a reservation that TTL deleted. Lists the messages to
    send after a reservation was created, confirmed or ended."""

    expire: ExpireLapsedHoldUnlessSold
    mark_payment_sold: MarkPaymentSoldOrLogConflict

    def __call__(self, change: ReservationChange) -> list[OutgoingMessage]:
        """Gives the messages to send. If a reservation was deleted while it was pending, its expiry message was lost:
        expires its hold."""
        before, after = change.before, change.after
        if before and before.state is State.PENDING and after is None:
            return self._expire_deleted(before)
        if after is None or (before and before.state is after.state):
            return []
        created = [] if before else _route(reservation_created(after))
        if after.state is State.PENDING:
            return created
        self.mark_payment_sold(after)
        return created + _route(reservation_confirmed_or_ended(after, after.state, change.occurred_at))

    def _expire_deleted(self, reservation: Reservation) -> list[OutgoingMessage]:
        """Expires the hold of a deleted reservation. Gives no message if the hold was sold meanwhile."""
        if self.expire(reservation.hold):
            return _route(reservation_confirmed_or_ended(reservation, State.EXPIRED, reservation.expires_at))
        log.error("sold, but its reservation is gone, until its payment is settled: %s", reservation.id)
        return []


@dataclass(frozen=True)
class MarkReservationIfRefundedAndListPaymentMessages:
    """Lists the messages to send after a payment has changed: after a claim, a requested refund, a refund, or a charge
    that became known after a refund was tried. Any other change needs none."""

    reservations: Reservations

    def __call__(self, change: PaymentChange) -> list[OutgoingMessage]:
        """Gives the messages to send. If a sale was refunded, marks this on the sale's reservation, so that the buyer
        sees it."""
        payment, before = change.after, change.before
        if payment is None:
            return []
        if before and before.status is payment.status:
            return _refund_now_charged(before, payment)
        if payment.status is PaymentStatus.CLAIMED and payment.due_at:
            return [OutgoingMessage(PAYMENTS, SettlementDue(payment.transaction_id, payment.due_at))]
        if payment.status is PaymentStatus.REFUND_REQUESTED:
            return _route(refund_requested(payment))
        if payment.status is PaymentStatus.REFUNDED and payment.refunded_at:
            if payment.sale_id:
                self.reservations.set_refunded_at_if_sale_matches(
                    payment.reservation_id, payment.sale_id, payment.refunded_at
                )
            return _route(refund_completed(payment))
        return []


def _refund_now_charged(before: Payment, payment: Payment) -> list[OutgoingMessage]:
    """Makes the message that requests a refund once more. It is made if the gateway did not know the payment when the
    refund was tried, and this change of the payment has recorded the payment's charge.

    Without this message, only the sweep would try again, up to a day later.
    """
    is_charged_now = payment.was_charged and not before.was_charged
    if payment.status is PaymentStatus.REFUND_REQUESTED and payment.asked and is_charged_now:
        return [OutgoingMessage(REFUNDS, refund_requested(payment))]
    return []


def _route(event: Event) -> list[OutgoingMessage]:
    """Makes one message for each consumer of the event.

    Events of a payment for an unknown reservation belong to no session. They go only to the refunds' queue.
    """
    consumers = ROUTES[event.type]
    if not event.session_id:
        consumers = tuple(consumer for consumer in consumers if consumer == REFUNDS)
    return [OutgoingMessage(consumer, event) for consumer in consumers]
