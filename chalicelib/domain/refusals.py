"""Refusals: requests that are understood and refused, with their facts. Their status and words: api/http/errors.py."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, dataclass_transform

from .payments import RefundReason
from .rate_limits import QuotaUsage


@dataclass_transform(eq_default=False)
class Refusal(Exception):
    """The request was understood and is refused. It has changed nothing.

    A subclass declares its facts as a dataclass declares its fields. No code is made for each: 33 dataclasses were 2 %
    of the instructions of a cold start.
    """

    refund_reason: ClassVar[RefundReason | None] = None
    """Why the payment is refunded that came with the refused request; None if nothing is refunded."""

    _facts: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        cls._facts += tuple(name for name in cls.__annotations__ if name not in cls._facts)

    def __init__(self, *values: Any, **by_name: Any) -> None:
        super().__init__(*values)
        given = dict(zip(self._facts, values, strict=False)) | by_name
        missing = [name for name in self._facts if name not in given and not hasattr(type(self), name)]
        if missing or len(given) != len(values) + len(by_name) or not given.keys() <= set(self._facts):
            raise TypeError(f"{type(self).__name__} has the facts {self._facts}, not {values} and {by_name}")
        self.__dict__.update(given)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in self._facts)})"


class SessionNotFound(Refusal):
    session_id: str


class ReservationNotFound(Refusal):
    reservation_id: str


class SeatsNotFound(Refusal):
    seats: tuple[str, ...]


class TooManySeats(Refusal):
    asked: int
    limit: int


class SeatsUnavailable(Refusal):
    seats: tuple[str, ...]


class TooManyHolds(Refusal):
    """The user has as many live holds in this screening as allowed; the first of them lapses at `free_at`."""

    limit: int
    free_at: datetime


class IdempotencyKeyReused(Refusal):
    """The idempotency key was used before, with another request."""


class ReservationExpired(Refusal):
    reservation_id: str
    expired_at: datetime


class ReservationCancelled(Refusal):
    reservation_id: str


class ReservationConfirmed(Refusal):
    """The reservation is sold, so it can't be cancelled."""

    reservation_id: str


class ReservationNotPaid(Refusal):
    reservation_id: str


class InvoiceNotReady(Refusal):
    """The sale is some seconds old, and its invoice is being made."""

    reservation_id: str


class TicketsNotReady(Refusal):
    """The sale or the transfer is some seconds old, and its tickets are being signed."""

    reservation_id: str


class TicketNotFound(Refusal):
    """The code names no ticket, or the ticket of another buyer."""

    code: str


class TicketInvalid(Refusal):
    """The token is none, or no key of ours has signed it."""


class TicketVoid(Refusal):
    """The ticket was good once. `reason`: refunded, transferred."""

    reason: str


class AlreadyAdmitted(Refusal):
    """The ticket was admitted already, at this moment by this gate."""

    admitted_at: datetime
    gate: str


class TooManyTransfers(Refusal):
    """The seat's ticket has been transferred `most` times, and may not be once more."""

    most: int


class WrongRoom(Refusal):
    """The ticket is for another room. `room` is empty where the gate does not know which."""

    room: str


class TooEarly(Refusal):
    """The screening's doors open later, at `opens_at`."""

    opens_at: datetime


class AdmissionOver(Refusal):
    """The screening is over: its tickets were admitted until `closed_at`."""

    closed_at: datetime


class SessionCancelled(Refusal):
    """The screening will not take place."""

    session_id: str


class TransactionMissing(Refusal):
    """The reservation costs something, and the confirmation names no payment."""

    reservation_id: str


class NothingToPay(Refusal):
    """The reservation is free of charge: it is confirmed without a payment."""

    reservation_id: str


class PaymentsUnavailable(Refusal):
    """The payment gateway did not answer, or none is set up."""

    reservation_id: str


class PaymentNotReceived(Refusal):
    """The payment gateway has not said (yet) that the transaction was paid. Asking again is safe."""

    reservation_id: str
    transaction_id: str


class PaymentAlreadyUsed(Refusal):
    """The transaction is claimed for another reservation, or has bought one."""

    reservation_id: str
    transaction_id: str


class PaymentReturned(Refusal):
    """The transaction's money went back, or is on its way: it buys nothing any more."""

    reservation_id: str
    transaction_id: str


class SalesClosed(Refusal):
    """The screening has begun, or is about to. Its seats were sold until `closed_at`."""

    session_id: str
    closed_at: datetime


# Payments that bought nothing. `refund_reason` has no annotation here, so a dataclass takes it for no field.


class LatePayment(ReservationExpired):
    refund_reason = RefundReason.LATE
    transaction_id: str


class PaymentForCancelled(ReservationCancelled):
    refund_reason = RefundReason.RESERVATION_CANCELLED
    transaction_id: str


class PaymentForCancelledSession(SessionCancelled):
    refund_reason = RefundReason.SCREENING_CANCELLED
    reservation_id: str
    transaction_id: str


class AlreadyPaid(Refusal):
    """Another transaction has paid for this reservation."""

    refund_reason = RefundReason.TWICE
    reservation_id: str
    sale_id: str
    transaction_id: str


class RateLimited(Refusal):
    """The client asked too often. `usage` is of the quota that admits again last."""

    usage: QuotaUsage


class CursorInvalid(Refusal):
    """The page cursor was not made by this API."""


class TokenFault(StrEnum):
    """The fault of a request's token, in words for its client."""

    MISSING = "no token"
    SENT_WRONGLY = "send one token, in one Authorization header"
    INVALID = "not a valid access token of this API"
    EXPIRED = "expired"
    NOT_YET_VALID = "not valid yet"


class Unauthenticated(Refusal):
    """The request has no valid token. `detail` is for our log only."""

    fault: TokenFault = TokenFault.MISSING
    detail: str = ""


class Forbidden(Refusal):
    """The principal is known, and the route does not admit it."""


class UserNotFound(Refusal):
    """There is no such user, or the principal may not see that user."""

    user_id: str


class SignatureInvalid(Refusal):
    """The signature was not made with this webhook's secrets, or is too old, or there is no such webhook. The answer
    does not say which."""


class WebhookDisabled(Refusal):
    """The webhook's deliveries are dropped until an operator enables it. Only the holder of its secret learns that."""

    webhook_id: str


class QueueNotFound(Refusal):
    """No queue of that name has dead letters to show or to redrive."""

    queue: str


class QueueOutOfReach(Refusal):
    """The deployment may not read or move the queue's dead letters."""


class StoreUnavailable(Refusal):
    """The database did not answer, or asked us to slow down. Whether the request took effect is unknown: ask again."""

    operation: str
