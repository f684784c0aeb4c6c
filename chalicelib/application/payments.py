"""Payments from the gateway's side: starting one, receiving the gateway's messages, settling each payment.

buyer ──► gateway: a payment for this hold ──► paid ──signed message──► queue ──► charge recorded ──┐
claim ──stream──► SettlementDue, which waits in the queue until the hold is over ──────────────────────┴─► settled:
                                                 sold, if the hold is live and this was charged for it; else refunded
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.domain.consumers import PAYMENTS
from chalicelib.domain.events import OutgoingMessage
from chalicelib.domain.identity import UNCHECKED, Principal
from chalicelib.domain.payments import (
    Charge,
    GatewayUnavailable,
    Payment,
    PaymentIntent,
    PaymentStatus,
    RefundReason,
    SettlementDue,
)
from chalicelib.domain.refusals import (
    BackendUnavailable,
    FreeOfCharge,
    PaymentClaimedOrUsed,
    PaymentRefundedOrWrongAmount,
    PaymentsUnavailable,
    Refusal,
    ReservationCancelled,
    ReservationConfirmed,
    ReservationExpired,
    SessionNotFound,
)
from chalicelib.domain.reservations import Reservation, Sale, State
from chalicelib.domain.times import to_ms

from .confirm import ConfirmReservation, ConfirmReservationCommand
from .owned import get_owned_reservation
from .refunds import MarkPaymentSoldOrLogConflict

if TYPE_CHECKING:
    from chalicelib.domain.ports import (
        Clock,
        GatewayMessages,
        Outbox,
        PaymentGateway,
        Payments,
        Reservations,
        Rows,
        Sessions,
    )

BY_GATEWAY = "gateway"
"""The stored payment method of a sale that was completed by the gateway's report. Normally the buyer's confirmation
states the method, but the buyer of such a sale sent no confirmation."""


@dataclass(frozen=True)
class StartOrGetPayment:
    reservations: Reservations
    gateway: PaymentGateway
    clock: Clock

    def __call__(self, reservation_id: str, asked_by: Principal = UNCHECKED) -> tuple[Reservation, PaymentIntent]:
        """Starts a payment for the reservation's hold. Every call for the same hold gives the same payment.

        Raises ReservationNotFound, ReservationConfirmed, ReservationCancelled, ReservationExpired, FreeOfCharge,
        PaymentsUnavailable.
        """
        reservation = get_owned_reservation(self.reservations, reservation_id, asked_by)
        match reservation.state_at(self.clock()):
            case State.CONFIRMED:
                raise ReservationConfirmed(reservation.id)
            case State.CANCELLED:
                raise ReservationCancelled(reservation.id)
            case State.EXPIRED:
                raise ReservationExpired(reservation.id, reservation.expires_at)
        if reservation.is_free:
            raise FreeOfCharge(reservation.id)
        try:
            return reservation, self.gateway.start_payment(reservation, _idempotency_key(reservation))
        except GatewayUnavailable as error:
            raise PaymentsUnavailable(reservation.id) from error


@dataclass(frozen=True)
class QueueReportedCharge:
    """Verifies a message of the payment gateway, and queues the charge that it reports.

    May run twice: a charge is recorded once, however many messages report it.
    """

    messages: GatewayMessages
    outbox: Outbox
    clock: Clock

    def __call__(self, headers: Mapping[str, str], body: bytes) -> None:
        """Queues the charge that the message reports, if any.

        Raises WebhookAuthenticationFailed, UnreadableMessage, BackendUnavailable. After any of these the gateway sends
        the message again.
        """
        now = self.clock()
        charge = self.messages.read_charge(headers, body, now)
        if charge and self.outbox.send_and_list_unsent_positions([OutgoingMessage(PAYMENTS, charge)], now):
            raise BackendUnavailable("SendMessage")


class SettlementNotDueYet(Exception):
    """A message to settle a claimed payment came too early: the hold is still live by this instance's clock.

    It is delivered again later.
    """


@dataclass(frozen=True)
class SettlePayment:
    """Settles a charged or claimed payment: it becomes a sale or a refund.

    Idempotent, even if the buyer confirms at the same time: settlement and confirmation claim the payment for the same
    reservation, and the row sells the seats once.
    """

    payments: Payments
    reservations: Reservations
    rows: Rows
    sessions: Sessions
    confirm: ConfirmReservation
    """The use case that confirms reservations, with `only_if_charged` off. Each payment to be settled was charged
    already, or was claimed by a request that did not require a charge."""
    mark_payment_sold: MarkPaymentSoldOrLogConflict
    clock: Clock

    def __call__(self, due: SettlementDue | Charge) -> None:
        """Settles the payment whose settlement is due, or that was charged.

        Raises SettlementNotDueYet, BackendUnavailable. Raises LookupError if the payment is unknown.
        """
        if isinstance(due, Charge):
            return self.settle_unless_settled_or_raise_not_due(self.payments.record_charge_if_allowed_and_read(due))
        payment = self.payments.find(due.transaction_id)
        if payment is None:
            raise LookupError(f"nothing is known of the payment {due.transaction_id!r}")
        return self.settle_unless_settled_or_raise_not_due(payment)

    def settle_unless_settled_or_raise_not_due(self, payment: Payment) -> None:
        """Confirms the payment's reservation, or requests the payment's refund. Does nothing if the payment is settled
        already.

        Raises SettlementNotDueYet while the payment is not charged and its reservation is pending. Raises
        BackendUnavailable.
        """
        if payment.status not in (PaymentStatus.ASSERTED, PaymentStatus.CLAIMED):
            return
        reservation = self.reservations.find(payment.reservation_id) if payment.reservation_id else None
        if reservation is None:
            self._settle_without_reservation(payment)
        elif not payment.was_charged and reservation.state_at(self.clock()) is State.PENDING:
            raise SettlementNotDueYet(payment.transaction_id)
        elif payment.status is PaymentStatus.ASSERTED and not payment.charge_matches_price_of(reservation):
            self._request_refund(
                payment, RefundReason.WRONG_AMOUNT, reservation.at_least_1ms_after_creation(self.clock())
            )
        else:
            self._confirm_reservation(payment)

    def _confirm_reservation(self, payment: Payment) -> None:
        """Confirms the payment's reservation as its buyer would, and marks the payment as sold.

        Requests the refund if the payment can't buy the reservation.
        """
        method = payment.method or BY_GATEWAY
        try:
            sold = self.confirm(ConfirmReservationCommand(payment.reservation_id, method, payment.transaction_id))
        except (PaymentRefundedOrWrongAmount, PaymentClaimedOrUsed):
            return
        except Refusal as refusal:
            if refusal.refund_reason is None:
                raise
        else:
            self.mark_payment_sold(sold)

    def _settle_without_reservation(self, payment: Payment) -> None:
        """Settles a payment whose reservation is not stored.

        Releases those of the claimed seats that are not sold. If this payment has bought the claimed seats, restores
        the sale. Otherwise requests the refund.
        """
        if payment.session_id and payment.due_at:
            claimed = self._reservation_of_claim(payment)
            sale = self._sale_of_claim(payment)
            release = self.rows.release(claimed.hold, self.clock())
            if release.sale_id == sale.id:
                self._restore_sold(
                    claimed.confirmed(sale), session_is_cancelled=release.was_sold_and_session_cancelled_since
                )
                return
        self._request_refund(payment, RefundReason.RESERVATION_UNKNOWN, self.clock())

    def _restore_sold(self, sold: Reservation, *, session_is_cancelled: bool) -> None:
        """Stores the confirmed reservation of a sale again, and marks its payment as sold.

        If the session is cancelled, requests the refund first, and then stores the reservation. In the other order, a
        crash in between would leave a stored reservation, and a retry would never request the refund.
        """
        if session_is_cancelled:
            self.confirm.request_refund_because_session_is_cancelled(sold)
        self.mark_payment_sold(self.reservations.add_sold_if_missing(sold))

    def _sale_of_claim(self, payment: Payment) -> Sale:
        """Makes the same sale, with the same id, as the request that claimed the payment would have made."""
        sale_id = self.confirm.ids.sale_id(payment.reservation_id, payment.transaction_id)
        paid_at = payment.claimed_at or payment.charged_at or self.clock()
        return Sale(sale_id, payment.transaction_id, payment.method or BY_GATEWAY, paid_at)

    def _reservation_of_claim(self, payment: Payment) -> Reservation:
        """Makes a reservation from the facts in the payment's claim."""
        made_at = payment.claimed_at or self.clock()
        return Reservation(
            id=payment.reservation_id,
            session_id=payment.session_id,
            movie_title=self._movie_title(payment.session_id),
            user_id=payment.user_id,
            seats=payment.seats,
            amount=payment.price_or_zero,
            fingerprint="",
            created_at=made_at - timedelta(milliseconds=1),
            expires_at=payment.due_at or made_at,
        )

    def _movie_title(self, session_id: str) -> str:
        """Reads the session's title. Empty if the session is unknown."""
        try:
            return self.sessions.get(session_id).movie_title
        except SessionNotFound:
            return ""

    def _request_refund(self, payment: Payment, reason: RefundReason, now: datetime) -> None:
        self.payments.request_refund_if_allowed_and_read(
            replace(payment, sale_id="", sold_at=None).with_refund_requested(reason, now)
        )


def _idempotency_key(reservation: Reservation) -> str:
    return f"payment-{reservation.id}-{to_ms(reservation.expires_at)}"
