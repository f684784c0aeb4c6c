"""Money: what became of each payment. It has bought a sale, or it is returned.

(none) ──► sold ──► refund_requested ──► refunded
   └────────────────────▲      └──────► void: the gateway knows of no such payment
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from .reservations import Reservation


class Fate(StrEnum):
    SOLD = "sold"
    REFUND_REQUESTED = "refund_requested"
    REFUNDED = "refunded"
    VOID = "void"


class RefundReason(StrEnum):
    LATE = "late"
    TWICE = "twice"
    """Another transaction had paid for the reservation already."""
    RESERVATION_CANCELLED = "reservation_cancelled"
    RESERVATION_UNKNOWN = "reservation_unknown"
    SCREENING_CANCELLED = "screening_cancelled"


@dataclass(frozen=True, slots=True)
class Payment:
    """One transaction. Without an amount (the reservation is unknown) all that was charged is meant."""

    transaction_id: str
    reservation_id: str
    fate: Fate = Fate.SOLD
    session_id: str = ""
    user_id: str = ""
    seats: tuple[str, ...] = ()
    amount_cents: int | None = None
    sale_id: str = ""
    """Of the sale that it has bought, also when it was returned later."""
    sold_at: datetime | None = None
    reason: RefundReason | None = None
    requested_at: datetime | None = None
    refund_id: str = ""
    refunded_at: datetime | None = None

    def to_be_returned(self, reason: RefundReason, now: datetime) -> "Payment":
        return replace(self, fate=Fate.REFUND_REQUESTED, reason=reason, requested_at=now)

    def returned(self, refund_id: str, now: datetime) -> "Payment":
        return replace(self, fate=Fate.REFUNDED, refund_id=refund_id, refunded_at=now)

    @property
    def facts(self) -> dict[str, str]:
        """For a log: ids, and no person."""
        names = ("transaction_id", "reservation_id", "session_id", "fate", "reason", "sale_id", "refund_id")
        return {name: value for name in names if (value := getattr(self, name))}

    @property
    def may_be_made_up(self) -> bool:
        """Anybody can confirm a reservation that never was, with a transaction that never was."""
        return self.reason is RefundReason.RESERVATION_UNKNOWN


@dataclass(frozen=True, slots=True)
class PaymentChange:
    """What the payments' stream tells: None before it was known, None after it was deleted."""

    before: Payment | None
    after: Payment | None


def payment_of_sale(reservation: Reservation) -> Payment | None:
    """The payment that bought a confirmed reservation; None for any other."""
    sale = reservation.sale
    if sale is None:
        return None
    return replace(_payment(sale.transaction_id, reservation), sale_id=sale.id, sold_at=sale.paid_at)


def payment_for_nothing(transaction_id: str, reservation: Reservation, reason: RefundReason, now: datetime) -> Payment:
    """To be returned: the reservation was not to be had for it."""
    return _payment(transaction_id, reservation).to_be_returned(reason, now)


def payment_for_unknown(transaction_id: str, reservation_id: str, now: datetime) -> Payment:
    """To be returned: nobody knows what it was to buy, nor what was charged."""
    return Payment(transaction_id, reservation_id).to_be_returned(RefundReason.RESERVATION_UNKNOWN, now)


def _payment(transaction_id: str, reservation: Reservation) -> Payment:
    return Payment(
        transaction_id,
        reservation.id,
        session_id=reservation.session_id,
        user_id=reservation.user_id,
        seats=reservation.seats,
        amount_cents=int(reservation.amount * 100),
    )


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
    """The gateway knows of no such payment."""
