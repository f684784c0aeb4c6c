"""Payments: each one buys one sale, or it is refunded.

              gateway says: charged          for one reservation            the row is sold
    (none) ──────────────────────► asserted ─────────────────► claimed ─────────────────► sold
       └───────────────────────────────────────────────────────▲  │                          │ screening cancelled
          a client says so, where its word is enough              │ came to nothing           ▼
                                   asserted ─────────────────────┴────────────────► refund_requested ──► refunded

Each step is one conditional write on one item, so of two that meet the second finds the first. A payment is claimed
before the row is sold, for one reservation, once and for ever; what went back, or is on its way, never buys anything.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from .money import CURRENCY, Money
from .reservations import SHORTEST, Reservation


class PaymentStatus(StrEnum):
    ASSERTED = "asserted"
    """The gateway says that it was charged, and nobody has claimed it yet."""
    CLAIMED = "claimed"
    """It is to buy one reservation, and nothing else any more."""
    SOLD = "sold"
    REFUND_REQUESTED = "refund_requested"
    REFUNDED = "refunded"


class RefundReason(StrEnum):
    LATE = "late"
    TWICE = "twice"
    """Another transaction had paid for the reservation already."""
    RESERVATION_CANCELLED = "reservation_cancelled"
    RESERVATION_UNKNOWN = "reservation_unknown"
    SCREENING_CANCELLED = "screening_cancelled"
    WRONG_AMOUNT = "wrong_amount"
    """What was charged is not what the reservation costs."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What the payment gateway says of one payment: the only word on money that counts.

    `reservation_id` is the one that the payment was started for; empty where the gateway knows of none.
    `amount_cents` was charged, `refunded_cents` of it went back, in `currency` (ISO 4217, upper case).
    """

    transaction_id: str
    reservation_id: str
    amount_cents: int
    currency: str
    charged_at: datetime
    refunded_cents: int = 0


@dataclass(frozen=True, slots=True)
class Payment:
    """One transaction. `amount_cents` is what its reservation costs; None while that is not known.

    `charged_cents`, `charged_currency` and `charged_at` are the gateway's word; nothing while it has said nothing.
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
    """When the claimed hold lapses: until then its payment is a sale, or on its way back soon after."""
    charged_cents: int | None = None
    charged_currency: str = ""
    charged_at: datetime | None = None
    sale_id: str = ""
    """Of the sale that it has bought, also when it was returned later."""
    sold_at: datetime | None = None
    reason: RefundReason | None = None
    requested_at: datetime | None = None
    refund_id: str = ""
    refunded_at: datetime | None = None
    asked: int = 0
    """So many times the gateway was asked to return it, and knew of no such payment."""
    asked_at: datetime | None = None

    def to_be_returned(self, reason: RefundReason, now: datetime) -> "Payment":
        requested_at = _after(self.sold_at, now)
        return replace(self, status=PaymentStatus.REFUND_REQUESTED, reason=reason, requested_at=requested_at)

    def returned(self, refund_id: str, now: datetime) -> "Payment":
        return replace(
            self, status=PaymentStatus.REFUNDED, refund_id=refund_id, refunded_at=_after(self.requested_at, now)
        )

    @property
    def amount(self) -> Decimal:
        """The price of its reservation, in the currency's unit; 0 where that is not known."""
        return Money(self.amount_cents or 0).amount

    @property
    def is_charged(self) -> bool:
        """The gateway has said that it was paid."""
        return self.charged_at is not None

    @property
    def goes_back(self) -> bool:
        """It is on its way, or has arrived."""
        return self.status in (PaymentStatus.REFUND_REQUESTED, PaymentStatus.REFUNDED)

    @property
    def refund_cents(self) -> int | None:
        """What is to go back: what was charged, as far as that is known."""
        return self.amount_cents if self.charged_cents is None else self.charged_cents

    def pays(self, reservation: Reservation) -> bool:
        """Whether what was charged is what the reservation costs."""
        return (self.charged_cents, self.charged_currency) == (reservation.amount_cents, CURRENCY)

    @property
    def facts(self) -> dict[str, str]:
        """For a log: ids, and no person."""
        names = ("transaction_id", "reservation_id", "session_id", "status", "reason", "sale_id", "refund_id")
        return {name: value for name in names if (value := getattr(self, name))}


@dataclass(frozen=True, slots=True)
class PaymentChange:
    """What the payments' stream tells: None before it was known, None after it was deleted."""

    before: Payment | None
    after: Payment | None


@dataclass(frozen=True, slots=True)
class PaymentDue:
    """A claimed payment is to be looked at when its hold is over: has it bought something?"""

    transaction_id: str
    due_at: datetime


def claim_on(reservation: Reservation, transaction_id: str, method: str, now: datetime) -> Payment:
    """The payment, as it is to buy the reservation."""
    payment = _payment(transaction_id, reservation)
    return replace(payment, status=PaymentStatus.CLAIMED, method=method, claimed_at=now, due_at=reservation.expires_at)


def payment_of_sale(reservation: Reservation) -> Payment | None:
    """The payment that bought a confirmed reservation; None for any other, and where nothing was paid."""
    sale = reservation.sale
    if sale is None or reservation.is_free:
        return None
    return replace(_payment(sale.transaction_id, reservation), sale_id=sale.id, sold_at=sale.paid_at)


def payment_for_nothing(transaction_id: str, reservation: Reservation, reason: RefundReason, now: datetime) -> Payment:
    """To be returned: the reservation was not to be had for it."""
    return _payment(transaction_id, reservation).to_be_returned(reason, now)


def _after(earlier: datetime | None, now: datetime) -> datetime:
    """Instances' clocks differ, a payment's story is one."""
    return max(now, earlier + SHORTEST) if earlier else now


def _payment(transaction_id: str, reservation: Reservation) -> Payment:
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
    """A payment that the gateway waits for. `client_secret` is what the buyer's browser needs to pay, if anything."""

    provider: str
    id: str
    """The transaction's id, once it is paid."""
    client_secret: str = field(default="", repr=False)
    public_key: str = ""
    """The provider's key for browsers, where it has one."""


class GatewayUnavailable(Exception):
    """The payment gateway did not answer, or refused; or none is set up. Asking again is safe."""


class RefundRefused(Exception):
    """The gateway did not return the money, or did not say so. Asking again with the same key is safe."""


class PaymentUnknown(RefundRefused):
    """The gateway knows of no such payment. It may know of it later."""
