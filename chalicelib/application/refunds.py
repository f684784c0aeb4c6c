"""Money back: a payment that bought nothing, or whose screening was cancelled, is returned, once.

claim came to nothing ─┐
row closed ────────────┴► payment: refund_requested ──stream──► RefundRequested ──queue──► gateway: was it charged, for
                                                                                           this? then return it
                          RefundCompleted ◄──stream── payment: refunded ◄──────────────────────────┘

sale ──stream──► payment: sold

What the gateway does not know is asked for again, by the sweep (reconcile.py), and stays on the list until then.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from chalicelib.domain.events import Event, UnreadableMessage
from chalicelib.domain.payments import Payment, PaymentStatus, PaymentUnknown, RefundReason, payment_of_sale
from chalicelib.domain.ports import Clock, PaymentGateway, Payments, Reservations
from chalicelib.domain.reservations import Reservation

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RegisterSale:
    """Harmless twice: the second time finds the sale registered."""

    payments: Payments

    def __call__(self, reservation: Reservation) -> None:
        """Does nothing for a reservation that is no sale. Raises StoreUnavailable."""
        payment = payment_of_sale(reservation)
        if payment is None:
            return
        stands = self.payments.register_sale(payment)
        if stands.sale_id != payment.sale_id:
            log.error("sale without its money: %s; its transaction stands for %s", payment.facts, stands.facts)


@dataclass(frozen=True)
class RefundSales:
    """Requests the return of what these reservations cost, because their screening was cancelled.

    Harmless twice, and together with itself: the second request finds the first.
    """

    reservations: Reservations
    payments: Payments
    clock: Clock

    def __call__(self, reservation_ids: Iterable[str]) -> dict[str, Payment | None]:
        """What stands for each sale's payment, by reservation; None where there is none: it was free of charge, or its
        payment stands for something else. What is no sale (yet) is left out. Raises StoreUnavailable.
        """
        found = (self.reservations.find(reservation_id) for reservation_id in reservation_ids)
        return {sold.id: self._request_refund(sold) for sold in found if sold and sold.sale}

    def _request_refund(self, sold: Reservation) -> Payment | None:
        payment = payment_of_sale(sold)
        if payment is None:
            return None
        request = payment.to_be_returned(RefundReason.SCREENING_CANCELLED, self.clock())
        stands = self.payments.request_refund(request)
        if stands.sale_id != payment.sale_id:
            log.error("sale without its money, nothing to return: %s; but %s", payment.facts, stands.facts)
            return None
        return stands


@dataclass(frozen=True)
class SettleRefund:
    """Has the gateway return a payment and writes that down.

    Harmless twice: what is settled is left alone, and the gateway returns money once for each key, which is the
    transaction's own. So a crash between the gateway and the record is mended by the next delivery.
    """

    payments: Payments
    gateway: PaymentGateway
    settle_payment: Callable[[Payment], None]
    clock: Clock

    def __call__(self, event: Event) -> None:
        """Raises RefundRefused, GatewayUnavailable, StoreUnavailable, LookupError; UnreadableMessage for an event that
        names no payment."""
        payment = self.payments.find(_transaction_in(event))
        if payment is None:
            raise LookupError(f"nothing is known of the payment {event.data['transactionId']!r}")
        self.settle(payment)

    def settle(self, payment: Payment) -> None:
        """Does nothing for what is not to be returned. Raises as above."""
        if (
            payment.status is PaymentStatus.ASSERTED
        ):  # an earlier delivery has found that it is another reservation's, and died
            self.settle_payment(payment)
        if payment.status is not PaymentStatus.REFUND_REQUESTED:
            return
        charged = payment if payment.is_charged else self._charged(payment)
        if charged is None:
            self.payments.count_unknown_at_gateway(payment, self.clock())
        elif charged.status is PaymentStatus.REFUND_REQUESTED:
            self._return(charged)
        else:
            self.settle_payment(charged)

    def _charged(self, payment: Payment) -> Payment | None:
        """What stands once the gateway was asked what it knows: so far there is a client's word only, and that moves no
        money. The payment may turn out to be another reservation's. None when the gateway knows of none (yet)."""
        charge = self.gateway.charge(payment.transaction_id)
        return self.payments.record_charge(charge) if charge else None

    def _return(self, payment: Payment) -> None:
        key = f"refund-{payment.transaction_id}"
        try:
            refund_id = self.gateway.refund(payment.transaction_id, payment.refund_cents, key)
        except PaymentUnknown:
            self.payments.count_unknown_at_gateway(payment, self.clock())
            return
        stands = self.payments.mark_refunded(payment.returned(refund_id, self.clock()))
        if stands.status is not PaymentStatus.REFUNDED:
            log.error("sale without its money: returned as %s, but it stands for %s", refund_id, stands.facts)


def _transaction_in(event: Event) -> str:
    transaction_id = event.data.get("transactionId")
    if not (isinstance(transaction_id, str) and transaction_id):
        raise UnreadableMessage(f"{event.type} needs its transactionId, a text, not {transaction_id!r}")
    return transaction_id
