"""Refusals: requests that are understood and refused, with their facts. Their status and words: api/http/errors.py."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, dataclass_transform

from .payments import RefundReason
from .rate_limits import QuotaUsage


@dataclass_transform(eq_default=False)
class Refusal(Exception):
    """A refusal of a well-formed request. What was requested was not done, except perhaps after BackendUnavailable.

    A subclass declares its facts as annotated fields, like a dataclass. It is not a dataclass, because generating the
    methods of 33 dataclasses took 2 % of the instructions of a cold start.
    """

    refund_reason: ClassVar[RefundReason | None] = None
    """Why the refused request's payment is refunded. None if nothing is refunded."""

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


class TooManyHoldsInSession(Refusal):
    """The user already has as many live holds in this session as allowed. From `free_at` on, enough of them will have
    lapsed for a new one."""

    limit: int
    free_at: datetime


class IdempotencyKeyReused(Refusal):
    """The idempotency key was used before for a different request."""


class ReservationExpired(Refusal):
    reservation_id: str
    expired_at: datetime


class ReservationCancelled(Refusal):
    reservation_id: str


class ReservationConfirmed(Refusal):
    """The reservation is paid for, so it can't be cancelled."""

    reservation_id: str


class ReservationNotPaid(Refusal):
    reservation_id: str


class InvoiceNotReady(Refusal):
    """The invoice is still being made. It takes some seconds after the sale."""

    reservation_id: str


class TicketsNotReady(Refusal):
    """The tickets are still being signed. That takes some seconds after the sale or the transfer."""

    reservation_id: str


class TicketNotFound(Refusal):
    """No ticket has this code, or the ticket belongs to another buyer."""

    code: str


class TicketTokenInvalid(Refusal):
    """The text is not a ticket's token, or none of our keys signed it."""


class TicketVoid(Refusal):
    """The ticket is genuine, but no longer valid. `reason` is refunded or transferred."""

    reason: str


class AlreadyAdmitted(Refusal):
    """The ticket was admitted before, at `admitted_at` by `gate`."""

    admitted_at: datetime
    gate: str


class TooManyTransfers(Refusal):
    """The ticket of this seat has been transferred `most` times, the largest number allowed."""

    most: int


class WrongRoom(Refusal):
    """The ticket is for another room. `right_room_or_empty` is empty if the gate does not know it."""

    right_room_or_empty: str


class AdmissionNotOpenYet(Refusal):
    """Admission has not begun. It begins at `opens_at`."""

    opens_at: datetime


class AdmissionOver(Refusal):
    """Admission has ended. Tickets were admitted until `closed_at`."""

    closed_at: datetime


class SessionCancelled(Refusal):
    """The session was cancelled."""

    session_id: str


class TransactionMissing(Refusal):
    """The confirmation names no payment, but the reservation is not free of charge."""

    reservation_id: str


class FreeOfCharge(Refusal):
    """The reservation is free of charge. It is confirmed without a payment."""

    reservation_id: str


class PaymentsUnavailable(Refusal):
    """The payment gateway did not answer, or none is configured."""

    reservation_id: str


class PaymentNotReportedYet(Refusal):
    """The payment gateway has not reported yet that the transaction was paid. A retry is safe."""

    reservation_id: str
    transaction_id: str


class PaymentClaimedOrUsed(Refusal):
    """The transaction is claimed for another reservation, or has bought another one already."""

    reservation_id: str
    transaction_id: str


class PaymentRefundedOrWrongAmount(Refusal):
    """The transaction can't buy anything: it was refunded, or its refund was requested, or its charge is not the price
    of the reservation and so will be refunded.
    """

    reservation_id: str
    transaction_id: str


class SalesClosed(Refusal):
    """Sales for this session ended at `closed_at`."""

    session_id: str
    closed_at: datetime


# Payments that bought nothing. `refund_reason` has no annotation here, so a dataclass takes it for no field.


class LatePayment(ReservationExpired):
    refund_reason = RefundReason.LATE
    transaction_id: str


class PaymentForCancelledReservation(ReservationCancelled):
    refund_reason = RefundReason.RESERVATION_CANCELLED
    transaction_id: str


class PaymentForCancelledSession(SessionCancelled):
    refund_reason = RefundReason.SCREENING_CANCELLED
    reservation_id: str
    transaction_id: str


class PaidByAnotherTransaction(Refusal):
    """The reservation was paid for by another transaction. If `transaction_id` was charged for it too, that payment is
    refunded."""

    refund_reason = RefundReason.TWICE
    reservation_id: str
    sale_id: str
    transaction_id: str


class RateLimited(Refusal):
    """The client sent too many requests. If several quotas refused the request, `usage` is that of the one with the
    longest wait."""

    usage: QuotaUsage


class CursorInvalid(Refusal):
    """The page cursor was not made by this API."""


class AccessTokenFault(StrEnum):
    """The fault of a request's token. The values are texts for clients."""

    MISSING = "no token"
    SENT_WRONGLY = "send one token, in one Authorization header"
    INVALID = "not a valid access token of this API"
    EXPIRED = "expired"
    NOT_YET_VALID = "not valid yet"


class Unauthenticated(Refusal):
    """The request has no valid token. `detail` is for our log only."""

    fault: AccessTokenFault = AccessTokenFault.MISSING
    detail: str = ""


class Forbidden(Refusal):
    """The route does not admit the signed-in principal."""


class UserNotFoundOrNotVisible(Refusal):
    """There is no such user, or the principal may not see that user."""

    user_id: str


class WebhookAuthenticationFailed(Refusal):
    """The signature of a webhook's request, or of a message of the payment gateway, is not valid or is too old. Or
    there is no such webhook.

    The answer does not say which.
    """


class WebhookDisabled(Refusal):
    """The webhook is disabled: events for it are dropped until an operator enables it.

    Only a caller that signs with the webhook's secret gets this answer.
    """

    webhook_id: str


class QueueNotFound(Refusal):
    """No consumer has a queue with this name."""

    queue: str


class DeploymentMayNotUseQueue(Refusal):
    """The deployment has no permission to read or move the queue's dead letters."""


class BackendUnavailable(Refusal):
    """A database, a queue or another service of ours did not answer, or throttled the request.

    The request may have taken effect; a retry is safe.
    """

    operation: str
