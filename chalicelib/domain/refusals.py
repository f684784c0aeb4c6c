"""Why the system says no. Each refusal carries the facts; the API's table gives it a status and words."""

from dataclasses import dataclass
from datetime import datetime

from .payments import RefundReason
from .rate_limits import QuotaUsage


class Refusal(Exception):
    """The request was understood and is refused. Nothing has changed for it."""

    refund_reason: RefundReason | None = None
    """Set where a payment buys nothing by it: if it is one, it is returned, for this reason."""


@dataclass(eq=False)
class SessionNotFound(Refusal):
    session_id: str


@dataclass(eq=False)
class ReservationNotFound(Refusal):
    reservation_id: str


@dataclass(eq=False)
class SeatsNotFound(Refusal):
    seats: tuple[str, ...]


@dataclass(eq=False)
class TooManySeats(Refusal):
    asked: int
    limit: int


@dataclass(eq=False)
class SeatsUnavailable(Refusal):
    seats: tuple[str, ...]


@dataclass(eq=False)
class TooManyHolds(Refusal):
    """The user has as many live holds in this screening as allowed; the first of them lapses at `free_at`."""

    limit: int
    free_at: datetime


@dataclass(eq=False)
class IdempotencyKeyReused(Refusal):
    """The key came before, with another request."""


@dataclass(eq=False)
class ReservationExpired(Refusal):
    reservation_id: str
    expired_at: datetime


@dataclass(eq=False)
class ReservationCancelled(Refusal):
    reservation_id: str


@dataclass(eq=False)
class ReservationConfirmed(Refusal):
    """It is sold, so it can't simply be given back."""

    reservation_id: str


@dataclass(eq=False)
class ReservationNotPaid(Refusal):
    reservation_id: str


@dataclass(eq=False)
class InvoiceNotReady(Refusal):
    """The sale is some seconds old, and its invoice is being made."""

    reservation_id: str


@dataclass(eq=False)
class SessionCancelled(Refusal):
    """The screening will not take place."""

    session_id: str


@dataclass(eq=False)
class TransactionMissing(Refusal):
    """The reservation costs something, and the confirmation names no payment."""

    reservation_id: str


@dataclass(eq=False)
class NothingToPay(Refusal):
    """The reservation is free of charge: it is confirmed without a payment."""

    reservation_id: str


@dataclass(eq=False)
class PaymentsUnavailable(Refusal):
    """The payment gateway did not answer, or none is set up."""

    reservation_id: str


@dataclass(eq=False)
class PaymentNotReceived(Refusal):
    """The gateway has not said (yet) that it was paid. Nothing has happened: asking again is what to do."""

    reservation_id: str
    transaction_id: str


@dataclass(eq=False)
class PaymentAlreadyUsed(Refusal):
    """The transaction is for something else, or has bought it already."""

    reservation_id: str
    transaction_id: str


@dataclass(eq=False)
class PaymentReturned(Refusal):
    """The transaction's money went back, or is on its way: it buys nothing any more."""

    reservation_id: str
    transaction_id: str


@dataclass(eq=False)
class SalesClosed(Refusal):
    """The screening has begun, or is about to: its seats were sold until `closed_at`."""

    session_id: str
    closed_at: datetime


# Payments that bought nothing. A dataclass takes only what is annotated for a field.


@dataclass(eq=False)
class LatePayment(ReservationExpired):
    refund_reason = RefundReason.LATE
    transaction_id: str


@dataclass(eq=False)
class PaymentForCancelled(ReservationCancelled):
    refund_reason = RefundReason.RESERVATION_CANCELLED
    transaction_id: str


@dataclass(eq=False)
class PaymentForCancelledSession(SessionCancelled):
    refund_reason = RefundReason.SCREENING_CANCELLED
    reservation_id: str
    transaction_id: str


@dataclass(eq=False)
class AlreadyPaid(Refusal):
    """Another transaction has paid for this reservation."""

    refund_reason = RefundReason.TWICE
    reservation_id: str
    sale_id: str
    transaction_id: str


@dataclass(eq=False)
class RateLimited(Refusal):
    """Asked too often. `standing` is the quota that admits again last."""

    standing: QuotaUsage


@dataclass(eq=False)
class CursorInvalid(Refusal):
    """The page cursor is not one that this API gave out."""


@dataclass(eq=False)
class SignatureInvalid(Refusal):
    """Not signed with a secret of this webhook, too long ago, or there is no such webhook: it doesn't say which."""


@dataclass(eq=False)
class WebhookDisabled(Refusal):
    """Its deliveries are dropped until an operator enables it. Only who holds its secret learns that."""

    webhook_id: str


@dataclass(eq=False)
class QueueNotFound(Refusal):
    """No queue of that name has dead letters that could be asked for or given back."""

    queue: str


class QueueOutOfReach(Refusal):
    """We have no right to look into this stage's dead letters or to move them."""


@dataclass(eq=False)
class StoreUnavailable(Refusal):
    """The database did not answer, or asked us to slow down. Whether the request took effect is unknown: ask again."""

    operation: str
