"""Refunds: a payment that bought nothing, or whose session was cancelled, is refunded once.

claim came to nothing ─┐
row closed ────────────┴► payment: refund_requested ──stream──► RefundRequested ──queue──► gateway: was it charged, for
                                                                                           this? then refund it
                          RefundCompleted ◄──stream── payment: refunded ◄──────────────────────────┘

sale ──stream──► payment: sold

A payment that the gateway does not know is asked for again by the sweep (reconcile.py), and stays outstanding.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.domain.events import Event, UnreadableMessage
from chalicelib.domain.payments import (
    Payment,
    PaymentNotYetAtGateway,
    PaymentStatus,
    RefundReason,
    sold_payment_of,
)
from chalicelib.domain.reservations import Reservation

if TYPE_CHECKING:
    from chalicelib.domain.ports import Clock, PaymentGateway, Payments, Reservations

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MarkPaymentSoldOrLogConflict:
    """Marks a sale's payment as sold. Idempotent."""

    payments: Payments

    def __call__(self, reservation: Reservation) -> None:
        """Marks the payment of a confirmed reservation as sold. Does nothing if there is no payment.

        If the payment belongs to another sale, logs an error and does not raise. Raises BackendUnavailable.
        """
        payment = sold_payment_of(reservation)
        if payment is None:
            return
        stands = self.payments.mark_sold_if_allowed_and_read(payment)
        if stands.sale_id != payment.sale_id:
            log.error(
                "sale without its money: %s; its transaction stands for %s", payment.log_fields, stands.log_fields
            )


@dataclass(frozen=True)
class RequestRefundsOfSalesAfterSessionCancellation:
    """Requests the refunds of reservations whose session was cancelled.

    Idempotent, even if two requests run at the same time: the payment is marked once.
    """

    reservations: Reservations
    payments: Payments
    clock: Clock

    def __call__(self, reservation_ids: Iterable[str]) -> dict[str, Payment | None]:
        """Requests the refunds. Gives each sale's payment by reservation id. Leaves out unconfirmed reservations.

        The payment is None if there is nothing to refund: the sale was free of charge, or the payment that is stored
        for the sale's transaction does not belong to the sale. Raises BackendUnavailable.
        """
        found = (self.reservations.find(reservation_id) for reservation_id in reservation_ids)
        return {sold.id: self._request_refund(sold) for sold in found if sold and sold.sale}

    def _request_refund(self, sold: Reservation) -> Payment | None:
        payment = sold_payment_of(sold)
        if payment is None:
            return None
        request = payment.with_refund_requested(RefundReason.SCREENING_CANCELLED, self.clock())
        stands = self.payments.request_refund_if_allowed_and_read(request)
        if stands.sale_id != payment.sale_id:
            log.error("sale without its money, nothing to return: %s; but %s", payment.log_fields, stands.log_fields)
            return None
        return stands


@dataclass(frozen=True)
class RefundOrSettle:
    """Refunds a payment at the gateway, and marks the payment as refunded.

    Idempotent: a refunded payment is skipped, and the gateway refunds once for each idempotency key, which is derived
    from the transaction. So the next delivery repairs a crash between the gateway's refund and the mark.
    """

    payments: Payments
    gateway: PaymentGateway
    settle_payment: Callable[[Payment], None]
    clock: Clock

    def __call__(self, event: Event) -> None:
        """Makes the refund that the event requests.

        Raises RefundNotConfirmed, GatewayUnavailable, BackendUnavailable, LookupError. Raises UnreadableMessage if
        the event names no payment.
        """
        payment = self.payments.find(_transaction_in(event))
        if payment is None:
            raise LookupError(f"nothing is known of the payment {event.data['transactionId']!r}")
        self.refund_if_requested_or_settle_by_charge(payment)

    def refund_if_requested_or_settle_by_charge(self, payment: Payment) -> None:
        """Refunds the payment if its refund is requested. Settles the payment if its status is asserted: then an
        earlier delivery found that the payment belongs to another reservation, and died. If the gateway does not know
        the payment, only adds one to the number of tries. The higher this number, the longer the sweep pauses.

        The gateway's charge may name a reservation that is not the stored payment's. Then a payment without a sale is
        not refunded here. Instead it is settled for the reservation that the gateway names: it may become a sale, or
        its refund may be requested again.

        Raises RefundNotConfirmed, GatewayUnavailable, BackendUnavailable.
        """
        if payment.status is PaymentStatus.ASSERTED:
            # An earlier delivery has found that it belongs to another reservation, and died.
            self.settle_payment(payment)
        if payment.status is not PaymentStatus.REFUND_REQUESTED:
            return
        charged = payment if payment.was_charged else self._ask_gateway(payment)
        if charged is None:
            self.payments.count_refund_try_of_payment_unknown_to_gateway(payment, self.clock())
        elif charged.status is PaymentStatus.REFUND_REQUESTED:
            self._refund(charged)
        else:
            self.settle_payment(charged)

    def _ask_gateway(self, payment: Payment) -> Payment | None:
        """Reads the charge from the gateway and records it. Gives the payment as stored afterwards. None if the gateway
        does not know the charge yet. The gateway is asked because a client's statement alone must not cause a refund.

        The reservation that the gateway names may differ from the one that the client named. In that case, if the
        payment has no sale, the gateway's reservation is stored on the payment.
        """
        charge = self.gateway.find_charge(payment.transaction_id)
        return self.payments.record_charge_if_allowed_and_read(charge) if charge else None

    def _refund(self, payment: Payment) -> None:
        """Refunds the payment at the gateway, and marks the payment as refunded.

        If the gateway does not know the payment, only adds one to the number of tries.
        """
        key = f"refund-{payment.transaction_id}"
        try:
            refund_id = self.gateway.refund(payment.transaction_id, payment.charged_or_price_cents_if_known, key)
        except PaymentNotYetAtGateway:
            self.payments.count_refund_try_of_payment_unknown_to_gateway(payment, self.clock())
            return
        stands = self.payments.mark_refunded_if_requested(payment.with_refund_completed(refund_id, self.clock()))
        if stands.status is not PaymentStatus.REFUNDED:
            log.error("sale without its money: returned as %s, but it stands for %s", refund_id, stands.log_fields)


def _transaction_in(event: Event) -> str:
    """Gives the event's transaction id. Raises UnreadableMessage if the event has none."""
    transaction_id = event.data.get("transactionId")
    if not (isinstance(transaction_id, str) and transaction_id):
        raise UnreadableMessage(f"{event.type} needs its transactionId, a text, not {transaction_id!r}")
    return transaction_id
