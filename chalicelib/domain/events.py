"""Events: changes read from the database's streams, and the messages about them to consumers and subscribers.

    row, reservation, payment ──stream──► RowEvent, ReservationChange, PaymentChange ──relay──► Event ──► queues

Every event comes out of a stream, so that none is lost and none is made up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from .reservations import Hold, Reservation, Sale, State, buyer_pseudonym_or_empty
from .times import to_ms

if TYPE_CHECKING:
    from datetime import datetime

    from .payments import Charge, Payment, SettlementDue
    from .webhooks import Delivery

K = TypeVar("K")
T = TypeVar("T")
R = TypeVar("R")

Failures = Mapping[int, Exception]
"""The messages of a batch that failed: the exception of each, by the message's position. All other messages succeeded.
"""


@dataclass(frozen=True, slots=True)
class SeatsHeld:
    """A hold was written to the row."""

    hold: Hold
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class SeatsSold:
    """A hold in the row became a sale."""

    session_id: str
    reservation_id: str
    seats: tuple[str, ...]
    sale: Sale
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class SeatsReleased:
    """Held seats of the row were freed."""

    session_id: str
    reservation_id: str
    seats: tuple[str, ...]
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class RowClosed:
    """A row was closed: none of its seats can be held or sold any more. `sold_reservation_ids` lists the reservations
    that own seats in the row."""

    session_id: str
    row: str
    sold_reservation_ids: tuple[str, ...]
    occurred_at: datetime


RowEvent = SeatsHeld | SeatsSold | SeatsReleased | RowClosed


@dataclass(frozen=True, slots=True)
class ReservationChange:
    """A record of the reservations' stream. `before` is None for a new reservation, `after` for a deleted one."""

    before: Reservation | None
    after: Reservation | None
    occurred_at: datetime


PRIVATE = frozenset({"fingerprint"})
"""The fields of an event's data that are never shown to buyers or subscribers. A fingerprint contains a hash of the
buyer's address, so it would let anybody test guesses of the address."""


class EventType(StrEnum):
    RESERVATION_CREATED = "ReservationCreated"
    """data: amountCents, expiresAtMs, and also fingerprint if the request had an idempotency key. The fingerprint is
    PRIVATE."""
    PAYMENT_CONFIRMED = "PaymentConfirmed"
    """data: amountCents, saleId, transactionId, paymentMethod."""
    RESERVATION_EXPIRED = "ReservationExpired"
    RESERVATION_CANCELLED = "ReservationCancelled"
    SEAT_RELEASED = "SeatReleased"
    """Seats of one row are free again."""
    SESSION_CANCELLED = "SessionCancelled"
    """Concerns the whole session: has no reservation, user or seats."""
    REFUND_REQUESTED = "RefundRequested"
    """A payment is to be refunded. data: transactionId, reason; amountCents if known; saleId if it bought a sale."""
    REFUND_COMPLETED = "RefundCompleted"
    """A payment was refunded. data: the fields of RefundRequested, and refundId."""


@dataclass(frozen=True, slots=True)
class Event:
    """A fact about a session, as consumers receive it. The id is derived from the fact, so a repeated report has the
    same id. An event names no person: a consumer that needs the user reads the reservation."""

    id: str
    type: EventType
    occurred_at: datetime
    session_id: str
    reservation_id: str
    seats: tuple[str, ...]
    data: Mapping[str, str | int]

    @property
    def buyer_pseudonym_or_empty(self) -> str:
        """Gives the pseudonym of the user, which is the same in all of the user's events. Empty if the event has no
        reservation."""
        return buyer_pseudonym_or_empty(self.reservation_id)

    @property
    def public_data(self) -> dict[str, str | int]:
        """Gives the data without PRIVATE names, as answers and webhooks show it."""
        return {name: value for name, value in self.data.items() if name not in PRIVATE}


class PermanentFailure(Exception):
    """A failure that no retry can mend.

    The message becomes a dead letter at once, with the text of this exception as the reason.
    """


class RetryLater(Exception):
    """A message that can't be handled yet, although nothing is wrong with it. It is sent again after a delay. This does
    not count as a failed try.

    The delay is between `least_seconds` and `most_seconds`.
    """

    def __init__(self, why: str, least_seconds: float, most_seconds: float) -> None:
        super().__init__(why)
        self.least_seconds, self.most_seconds = least_seconds, most_seconds


def act_on_each_in_turn(items: Mapping[K, T], act: Callable[[T], R]) -> tuple[dict[K, R], dict[K, Exception]]:
    """Calls `act` with each item of a batch. Gives the results and the failures, by the items' keys."""
    results, failures = dict[K, R](), dict[K, Exception]()
    for key, item in items.items():
        try:
            results[key] = act(item)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other items go on
            failures[key] = error
    return results, failures


class UnreadableMessage(PermanentFailure):
    """A message that has an unknown format or version."""


ENDS: Mapping[State, EventType] = {
    State.CONFIRMED: EventType.PAYMENT_CONFIRMED,
    State.EXPIRED: EventType.RESERVATION_EXPIRED,
    State.CANCELLED: EventType.RESERVATION_CANCELLED,
}
"""For each final state of a reservation, its event."""


def reservation_created(reservation: Reservation) -> Event:
    """Makes the event of a new reservation."""
    data: dict[str, str | int] = {"amountCents": reservation.amount_cents, "expiresAtMs": to_ms(reservation.expires_at)}
    if reservation.fingerprint:
        data["fingerprint"] = reservation.fingerprint
    return _reservation_event(reservation, EventType.RESERVATION_CREATED, reservation.created_at, data)


def reservation_confirmed_or_ended(reservation: Reservation, state: State, if_no_moment_is_stored: datetime) -> Event:
    """Makes the event of a reservation that was confirmed, expired or cancelled. `state` decides the type of the event.

    The event's time is the stored moment when the reservation was paid for, or when it ended. If no moment is stored,
    it is `if_no_moment_is_stored`. For it, the relay passes the time of the stream's record, which is in whole seconds,
    or the expiry of a deleted hold.
    """
    sale = reservation.sale
    if sale is None:
        ended_at = reservation.at_least_1ms_after_creation(reservation.ended_at or if_no_moment_is_stored)
        return _reservation_event(reservation, ENDS[state], ended_at, {})
    payment = {"saleId": sale.id, "transactionId": sale.transaction_id, "paymentMethod": sale.payment_method}
    paid_at = reservation.at_least_1ms_after_creation(sale.paid_at)
    return _reservation_event(reservation, ENDS[state], paid_at, {"amountCents": reservation.amount_cents, **payment})


def seat_released(released: SeatsReleased) -> Event:
    """Makes the event of freed seats in one row.

    Its id contains the moment of the release, because seats can be released twice under one reservation id. For
    example, a request with a used idempotency key gets its seats, but is then refused because of the key. So its seats
    are released again.
    """
    return Event(
        id=f"{EventType.SEAT_RELEASED}:{released.reservation_id}:{released.seats[0]}:{to_ms(released.occurred_at)}",
        type=EventType.SEAT_RELEASED,
        occurred_at=released.occurred_at,
        session_id=released.session_id,
        reservation_id=released.reservation_id,
        seats=released.seats,
        data={},
    )


def session_cancelled(last_closed: RowClosed) -> Event:
    """Makes the event of a cancelled session.

    A session is cancelled once all its rows are closed; `last_closed` is the last of them.
    """
    return Event(
        id=f"{EventType.SESSION_CANCELLED}:{last_closed.session_id}",
        type=EventType.SESSION_CANCELLED,
        occurred_at=last_closed.occurred_at,
        session_id=last_closed.session_id,
        reservation_id="",
        seats=(),
        data={},
    )


def refund_requested(payment: Payment) -> Event:
    """Makes the event of a payment that is to be refunded."""
    assert payment.requested_at, "a payment to be refunded has its moment"  # noqa: S101 - tells the type checker
    return _payment_event(payment, EventType.REFUND_REQUESTED, payment.requested_at)


def refund_completed(payment: Payment) -> Event:
    """Makes the event of a refunded payment."""
    assert payment.refunded_at, "a refunded payment has its moment"  # noqa: S101 - tells the type checker
    return _payment_event(payment, EventType.REFUND_COMPLETED, payment.refunded_at)


def _reservation_event(
    reservation: Reservation, kind: EventType, occurred_at: datetime, data: Mapping[str, str | int]
) -> Event:
    """Makes an event of a hold. Its id contains the hold's expiry, because a day later another hold may be made under
    the same reservation id."""
    return Event(
        id=f"{kind}:{reservation.id}:{to_ms(reservation.expires_at)}",
        type=kind,
        occurred_at=occurred_at,
        session_id=reservation.session_id,
        reservation_id=reservation.id,
        seats=reservation.seats,
        data=data,
    )


def _payment_event(payment: Payment, kind: EventType, occurred_at: datetime) -> Event:
    """Makes the event of a requested or made refund.

    The id contains the moment, because the refund of one payment may be requested twice: a first request is dropped
    when a sale is registered, and a second may follow.
    """
    facts = {
        "transactionId": payment.transaction_id,
        "reason": payment.reason,
        "amountCents": payment.charged_or_price_cents_if_known,
        "saleId": payment.sale_id or None,
        "refundId": payment.refund_id or None,
    }
    return Event(
        id=f"{kind}:{payment.transaction_id}:{to_ms(occurred_at)}",
        type=kind,
        occurred_at=occurred_at,
        session_id=payment.session_id,
        reservation_id=payment.reservation_id,
        seats=payment.seats,
        data={name: value for name, value in facts.items() if value is not None},
    )


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message for a queue.

    A message with a hold is delivered when the hold lapses. A SettlementDue is delivered at its `due_at`. All other
    messages are delivered at once.
    """

    queue: str
    content: Hold | SettlementDue | Charge | Event | Delivery
    trace: str = ""
    """The traceparent that the message carries. If it is empty, the message carries the traceparent of the sender's own
    trace. While TRACES is off, it carries none."""
