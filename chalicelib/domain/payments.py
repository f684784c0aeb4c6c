"""Payments: each one buys one sale, or it is refunded.

              gateway says: charged          for one reservation            the row is sold
    (none) ──────────────────────► asserted ─────────────────► claimed ─────────────────► sold
       └───────────────────────────────────────────────────────▲  │                          │ screening cancelled
          a client says so, where that is enough               │ came to nothing           ▼
                                   asserted ─────────────────────┴────────────────► refund_requested ──► refunded

Each step is one conditional write on one item, so of two at the same time the second sees the first. A payment is
claimed before the row is sold, for one reservation and for good. Once its refund is requested, it can't be claimed.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from .money import CURRENCY, Money
from .reservations import SHORTEST, Reservation


class PaymentStatus(StrEnum):
    ASSERTED = "asserted"
    """The gateway has reported the charge. No reservation has claimed the payment yet."""
    CLAIMED = "claimed"
    """The payment is claimed for one reservation and can buy no other."""
    SOLD = "sold"
    REFUND_REQUESTED = "refund_requested"
    REFUNDED = "refunded"


class RefundReason(StrEnum):
    LATE = "late"
    TWICE = "twice"
    """Another transaction had already paid for the reservation."""
    RESERVATION_CANCELLED = "reservation_cancelled"
    RESERVATION_UNKNOWN = "reservation_unknown"
    SCREENING_CANCELLED = "screening_cancelled"
    WRONG_AMOUNT = "wrong_amount"
    """The charged amount differs from the price of the reservation."""


@dataclass(frozen=True, slots=True)
class Charge:
    """A charge that the payment gateway reports. Only its report proves that money was paid.

    `reservation_id` is the reservation for which the payment was started; empty if unknown to the gateway.
    `amount_cents` was charged and `refunded_cents` of it were refunded. `currency` is an ISO 4217 code in upper case.
    """

    transaction_id: str
    reservation_id: str
    amount_cents: int
    currency: str
    charged_at: datetime
    refunded_cents: int = 0


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment as it is stored. `amount_cents` is the price of its reservation; None if unknown.

    `charged_cents`, `charged_currency` and `charged_at` come from the gateway's report. Before the report they are None
    or empty.
    """

    transaction_id: str
    reservation_id: str
    status: PaymentStatus = PaymentStatus.SOLD
    session_id: str = ""
    user_id: str = ""
    seats: tuple[str, ...] = ()
    amount_cents: int | None = None
    currency: str = CURRENCY
    method: str = ""
    claimed_at: datetime | None = None
    due_at: datetime | None = None
    """When the claimed hold lapses. The payment is settled soon afterwards: its status becomes sold or
    refund_requested."""
    charged_cents: int | None = None
    charged_currency: str = ""
    charged_at: datetime | None = None
    sale_id: str = ""
    """The sale that the payment has bought. Kept after a refund."""
    sold_at: datetime | None = None
    reason: RefundReason | None = None
    requested_at: datetime | None = None
    refund_id: str = ""
    refunded_at: datetime | None = None
    asked: int = 0
    """The number of attempts to refund this payment in which the gateway did not know the payment."""
    asked_at: datetime | None = None

    def with_refund_requested(self, reason: RefundReason, now: datetime) -> "Payment":
        """Gives the payment with status refund_requested."""
        requested_at = _after(self.sold_at, now)
        return replace(self, status=PaymentStatus.REFUND_REQUESTED, reason=reason, requested_at=requested_at)

    def with_refund_completed(self, refund_id: str, now: datetime) -> "Payment":
        """Gives the payment with status refunded."""
        return replace(
            self, status=PaymentStatus.REFUNDED, refund_id=refund_id, refunded_at=_after(self.requested_at, now)
        )

    @property
    def price_or_zero(self) -> Decimal:
        """Gives the price of the reservation in the currency's unit; 0 if unknown."""
        return Money(self.amount_cents or 0).amount

    @property
    def was_charged(self) -> bool:
        """Tells whether the gateway has reported the charge."""
        return self.charged_at is not None

    @property
    def is_refund_requested_or_made(self) -> bool:
        """Tells whether the payment's refund was requested or completed."""
        return self.status in (PaymentStatus.REFUND_REQUESTED, PaymentStatus.REFUNDED)

    @property
    def charged_or_price_cents_if_known(self) -> int | None:
        """Gives the amount to refund in cents: the charged amount, or the reservation's price if the gateway has not
        reported a charge. None if both are unknown."""
        return self.amount_cents if self.charged_cents is None else self.charged_cents

    def charge_matches_price_of(self, reservation: Reservation) -> bool:
        """Tells whether the charged amount and currency equal the price of the reservation."""
        return (self.charged_cents, self.charged_currency) == (reservation.amount_cents, CURRENCY)

    @property
    def log_fields(self) -> dict[str, str]:
        """Gives the ids, status and reason for a log line. Contains no personal data."""
        names = ("transaction_id", "reservation_id", "session_id", "status", "reason", "sale_id", "refund_id")
        return {name: value for name in names if (value := getattr(self, name))}


@dataclass(frozen=True, slots=True)
class PaymentChange:
    """A record of the payments' stream. `before` is None for a new payment, and `after` is None for a deleted one."""

    before: Payment | None
    after: Payment | None


@dataclass(frozen=True, slots=True)
class SettlementDue:
    """A delayed message: settle the claimed payment at `due_at`, when its hold is over."""

    transaction_id: str
    due_at: datetime


def claimed_payment_for(reservation: Reservation, transaction_id: str, method: str, now: datetime) -> Payment:
    """Makes a payment with status claimed for the reservation."""
    payment = _payment_for(transaction_id, reservation)
    return replace(payment, status=PaymentStatus.CLAIMED, method=method, claimed_at=now, due_at=reservation.expires_at)


def sold_payment_of(reservation: Reservation) -> Payment | None:
    """Makes the payment of a confirmed reservation, with status sold.

    None if the reservation is not confirmed, or was free of charge.
    """
    sale = reservation.sale
    if sale is None or reservation.is_free:
        return None
    return replace(_payment_for(sale.transaction_id, reservation), sale_id=sale.id, sold_at=sale.paid_at)


def refund_request_for(transaction_id: str, reservation: Reservation, reason: RefundReason, now: datetime) -> Payment:
    """Makes a payment with the status refund_requested, for a transaction that can't buy the reservation any more."""
    return _payment_for(transaction_id, reservation).with_refund_requested(reason, now)


def _after(earlier: datetime | None, now: datetime) -> datetime:
    """Gives the later of two moments: `now`, and one millisecond after `earlier`. `now` may be too early, because the
    clocks of instances may differ."""
    return max(now, earlier + SHORTEST) if earlier else now


def _payment_for(transaction_id: str, reservation: Reservation) -> Payment:
    return Payment(
        transaction_id,
        reservation.id,
        session_id=reservation.session_id,
        user_id=reservation.user_id,
        seats=reservation.seats,
        amount_cents=reservation.amount_cents,
    )


@dataclass(frozen=True, slots=True)
class PaymentIntent:
    """A payment that was started at the gateway. The buyer's browser may need `client_secret` to pay."""

    provider: str
    id: str
    """The gateway's id of the payment. Once the payment is made, it is the id of the transaction."""
    client_secret: str = field(default="", repr=False)
    public_key: str = ""
    """The provider's key for browsers; empty if the provider has none."""


class GatewayUnavailable(Exception):
    """The payment gateway did not answer, answered with an error, or is not configured. A retry is safe."""


class RefundNotConfirmed(Exception):
    """The refund is not confirmed: the gateway declined it, was not asked, or its outcome is unknown. A retry with the
    same idempotency key is safe."""


class PaymentNotYetAtGateway(RefundNotConfirmed):
    """The gateway does not know the payment yet. A later retry may succeed."""
