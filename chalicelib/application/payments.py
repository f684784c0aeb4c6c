"""Payments from the gateway's side: how one starts, what its word sets off, and that every claim comes to an end.

buyer ──► gateway: a payment for this hold ──► paid ──signed message──► queue ──► charge recorded ──┐
claim ──stream──► PaymentDue, which waits in the queue until the hold is over ──────────────────────┴─► settled:
                                                 sold, if the hold is live and this was charged for it; else returned
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.domain.consumers import PAYMENTS
from chalicelib.domain.payments import (
    Charge,
    GatewayUnavailable,
    Payment,
    PaymentDue,
    PaymentIntent,
    PaymentStatus,
    RefundReason,
)
from chalicelib.domain.ports import (
    Clock,
    GatewayMessages,
    Outbox,
    Outgoing,
    PaymentGateway,
    Payments,
    Reservations,
    Rows,
    Sessions,
)
from chalicelib.domain.refusals import (
    NothingToPay,
    PaymentAlreadyUsed,
    PaymentReturned,
    PaymentsUnavailable,
    Refusal,
    ReservationCancelled,
    ReservationConfirmed,
    ReservationExpired,
    ReservationNotFound,
    SessionNotFound,
    StoreUnavailable,
)
from chalicelib.domain.reservations import Reservation, Sale, State
from chalicelib.domain.times import to_ms

from .confirm import Confirm, ConfirmReservation
from .refunds import RegisterSale

BY_GATEWAY = "gateway"
"""The method of a payment whose buyer never came back to name one."""


@dataclass(frozen=True)
class StartPayment:
    reservations: Reservations
    gateway: PaymentGateway
    clock: Clock

    def __call__(self, reservation_id: str) -> tuple[Reservation, PaymentIntent]:
        """The same payment for the same hold, however often it is asked.

        Raises ReservationNotFound, ReservationConfirmed, ReservationCancelled, ReservationExpired, NothingToPay,
        PaymentsUnavailable.
        """
        reservation = self.reservations.find(reservation_id)
        if reservation is None:
            raise ReservationNotFound(reservation_id)
        match reservation.state_at(self.clock()):
            case State.CONFIRMED:
                raise ReservationConfirmed(reservation.id)
            case State.CANCELLED:
                raise ReservationCancelled(reservation.id)
            case State.EXPIRED:
                raise ReservationExpired(reservation.id, reservation.expires_at)
        if reservation.is_free:
            raise NothingToPay(reservation.id)
        try:
            return reservation, self.gateway.start(reservation, _key(reservation))
        except GatewayUnavailable as error:
            raise PaymentsUnavailable(reservation.id) from error


@dataclass(frozen=True)
class HearGateway:
    """Takes a message of the gateway's; what follows from it is done by whoever the queue wakes.

    Harmless twice: a charge is recorded once, whatever the number of messages that tell of it.
    """

    messages: GatewayMessages
    outbox: Outbox
    clock: Clock

    def __call__(self, headers: Mapping[str, str], body: bytes) -> None:
        """Raises SignatureInvalid, UnreadableMessage, StoreUnavailable: then the gateway sends it again."""
        now = self.clock()
        charge = self.messages.read(headers, body, now)
        if charge and self.outbox.send([Outgoing(PAYMENTS, charge)], now):
            raise StoreUnavailable("SendMessage")


class NotDueYet(Exception):
    """A claim came before its hold is over by this instance's clock: deliver it again."""


@dataclass(frozen=True)
class SettlePayment:
    """Brings a payment that was charged or claimed to its end: a sale, or a refund.

    Harmless twice, and together with the buyer's own confirmation: both claim the same, and the row sells once.
    """

    payments: Payments
    reservations: Reservations
    rows: Rows
    sessions: Sessions
    confirm: Confirm
    """As a request would, but with `charged_only` off: here it is known what was charged."""
    register_sale: RegisterSale
    clock: Clock

    def __call__(self, due: PaymentDue | Charge) -> None:
        """Raises NotDueYet, StoreUnavailable; LookupError when nothing is known of a payment that is due."""
        if isinstance(due, Charge):
            return self.settle(self.payments.record_charge(due))
        payment = self.payments.find(due.transaction_id)
        if payment is None:
            raise LookupError(f"nothing is known of the payment {due.transaction_id!r}")
        return self.settle(payment)

    def settle(self, payment: Payment) -> None:
        """Does nothing for what is settled. Raises NotDueYet, StoreUnavailable."""
        if payment.status not in (PaymentStatus.ASSERTED, PaymentStatus.CLAIMED):
            return
        reservation = self.reservations.find(payment.reservation_id) if payment.reservation_id else None
        if reservation is None:
            self._settle_alone(payment)
        elif not payment.is_charged and reservation.state_at(self.clock()) is State.PENDING:
            raise NotDueYet(payment.transaction_id)
        elif payment.status is PaymentStatus.ASSERTED and not payment.pays(reservation):
            self._return(payment, RefundReason.WRONG_AMOUNT, reservation.not_before(self.clock()))
        else:
            self._buy(payment)

    def _buy(self, payment: Payment) -> None:
        """As its buyer would have done. What it can't buy is on its way back then, or was settled meanwhile."""
        method = payment.method or BY_GATEWAY
        try:
            sold = self.confirm(ConfirmReservation(payment.reservation_id, method, payment.transaction_id))
        except (PaymentReturned, PaymentAlreadyUsed):
            return
        except Refusal as refusal:
            if refusal.refund_reason is None:
                raise
        else:
            self.register_sale(sold)

    def _settle_alone(self, payment: Payment) -> None:
        """Its reservation is not remembered (any more). The row may have been sold all the same."""
        sale = self._sale_in_rows(payment) if payment.session_id and payment.due_at else None
        if sale:
            self.register_sale(self.reservations.restore(sale))
        else:
            self._return(payment, RefundReason.RESERVATION_UNKNOWN, self.clock())

    def _sale_in_rows(self, payment: Payment) -> Reservation | None:
        """The reservation as it was, by what its claim says, if the row has sold its seats for this payment."""
        drafted = self._drafted(payment)
        release = self.rows.release(drafted.hold, self.clock())
        sale_id = self.confirm.ids.sale(payment.reservation_id, payment.transaction_id)
        if release.sale_id != sale_id:
            return None
        paid_at = payment.claimed_at or payment.charged_at or self.clock()
        return drafted.confirmed(Sale(sale_id, payment.transaction_id, payment.method or BY_GATEWAY, paid_at))

    def _drafted(self, payment: Payment) -> Reservation:
        made_at = payment.claimed_at or self.clock()
        return Reservation(
            id=payment.reservation_id,
            session_id=payment.session_id,
            movie_title=self._title(payment.session_id),
            user_id=payment.user_id,
            seats=payment.seats,
            amount=payment.amount,
            fingerprint="",
            created_at=made_at - timedelta(milliseconds=1),
            expires_at=payment.due_at or made_at,
        )

    def _title(self, session_id: str) -> str:
        try:
            return self.sessions.get(session_id).movie_title
        except SessionNotFound:
            return ""

    def _return(self, payment: Payment, reason: RefundReason, now: datetime) -> None:
        self.payments.request_refund(replace(payment, sale_id="", sold_at=None).to_be_returned(reason, now))


def _key(reservation: Reservation) -> str:
    return f"payment-{reservation.id}-{to_ms(reservation.expires_at)}"
