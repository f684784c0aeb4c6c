"""Refusals: requests that are understood and refused, with their facts. Their status and words: api/http/errors.py."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .payments import RefundReason
from .rate_limits import QuotaUsage


class Refusal(Exception):
    """The request was understood and is refused. It has changed nothing."""

    refund_reason: RefundReason | None = None
    """Why the payment is refunded that came with the refused request; None if nothing is refunded."""


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
    """The idempotency key was used before, with another request."""


@dataclass(eq=False)
class ReservationExpired(Refusal):
    reservation_id: str
    expired_at: datetime


@dataclass(eq=False)
class ReservationCancelled(Refusal):
    reservation_id: str


@dataclass(eq=False)
class ReservationConfirmed(Refusal):
    """The reservation is sold, so it can't be cancelled."""

    reservation_id: str


@dataclass(eq=False)
class ReservationNotPaid(Refusal):
    reservation_id: str


@dataclass(eq=False)
class InvoiceNotReady(Refusal):
    """The sale is some seconds old, and its invoice is being made."""

    reservation_id: str


@dataclass(eq=False)
class TicketsNotReady(Refusal):
    """The sale or the transfer is some seconds old, and its tickets are being signed."""

    reservation_id: str


@dataclass(eq=False)
class TicketNotFound(Refusal):
    """No ticket has this code, or it is somebody else's."""

    code: str


class TicketInvalid(Refusal):
    """The token is none, or no key of ours has signed it."""


@dataclass(eq=False)
class TicketVoid(Refusal):
    """The ticket was good once. `reason`: refunded, transferred."""

    reason: str


@dataclass(eq=False)
class AlreadyAdmitted(Refusal):
    """Somebody has come in with this ticket: when, and by which gate."""

    admitted_at: datetime
    gate: str


@dataclass(eq=False)
class WrongRoom(Refusal):
    """The ticket is for another room. `room` is empty where the gate does not know which."""

    room: str


@dataclass(eq=False)
class TooEarly(Refusal):
    """The screening's doors open later, at `opens_at`."""

    opens_at: datetime


@dataclass(eq=False)
class AdmissionOver(Refusal):
    """The screening is over: its tickets were admitted until `closed_at`."""

    closed_at: datetime


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
    """The payment gateway has not said (yet) that the transaction was paid. Asking again is safe."""

    reservation_id: str
    transaction_id: str


@dataclass(eq=False)
class PaymentAlreadyUsed(Refusal):
    """The transaction is claimed for another reservation, or has bought one."""

    reservation_id: str
    transaction_id: str


@dataclass(eq=False)
class PaymentReturned(Refusal):
    """The transaction's money went back, or is on its way: it buys nothing any more."""

    reservation_id: str
    transaction_id: str


@dataclass(eq=False)
class SalesClosed(Refusal):
    """The screening has begun, or is about to. Its seats were sold until `closed_at`."""

    session_id: str
    closed_at: datetime


# Payments that bought nothing. `refund_reason` has no annotation here, so a dataclass takes it for no field.


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
    """The client asked too often. `usage` is of the quota that admits again last."""

    usage: QuotaUsage


@dataclass(eq=False)
class CursorInvalid(Refusal):
    """The page cursor was not made by this API."""


class TokenFault(StrEnum):
    """What is wrong with the token of a request, in words for its client."""

    MISSING = "no token"
    SENT_WRONGLY = "send one token, in one Authorization header"
    INVALID = "not a valid access token of this API"
    EXPIRED = "expired"
    NOT_YET_VALID = "not valid yet"


@dataclass(eq=False)
class Unauthenticated(Refusal):
    """The request has no token that proves who asks. `detail` is for our log only."""

    fault: TokenFault = TokenFault.MISSING
    detail: str = ""


@dataclass(eq=False)
class Forbidden(Refusal):
    """It is known who asks, and that they may not do this."""


@dataclass(eq=False)
class UserNotFound(Refusal):
    """There is no such user, or it is somebody else, who is nobody's business."""

    user_id: str


@dataclass(eq=False)
class SignatureInvalid(Refusal):
    """The signature was not made with this webhook's secrets, or is too old, or there is no such webhook. The answer
    does not say which."""


@dataclass(eq=False)
class WebhookDisabled(Refusal):
    """The webhook's deliveries are dropped until an operator enables it. Only the holder of its secret learns that."""

    webhook_id: str


@dataclass(eq=False)
class QueueNotFound(Refusal):
    """No queue of that name has dead letters to show or to redrive."""

    queue: str


class QueueOutOfReach(Refusal):
    """The deployment may not read or move the queue's dead letters."""


@dataclass(eq=False)
class StoreUnavailable(Refusal):
    """The database did not answer, or asked us to slow down. Whether the request took effect is unknown: ask again."""

    operation: str
