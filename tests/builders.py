"""Builders for tests: complete values of which a test names only the fields that matter, and a cinema in memory."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from chalicelib.application.cancel_session import SessionCancellation
from chalicelib.application.confirm import ConfirmReservationCommand
from chalicelib.application.hold import HoldSeatsCommand
from chalicelib.application.payments import SettlePayment
from chalicelib.application.queries import ShowOwnReservation
from chalicelib.application.refunds import RefundOrSettle, RequestRefundsOfSalesAfterSessionCancellation
from chalicelib.application.relay import SENDS_TO
from chalicelib.application.release import CancelReservationCommand, ExpireLapsedHoldUnlessSold
from chalicelib.domain.events import Event, EventType, OutgoingMessage, ReservationChange, RowEvent
from chalicelib.domain.invoices import Bill, bill_for
from chalicelib.domain.payments import PaymentChange
from chalicelib.domain.ports import HoldsCountedUntilExpiry, PaymentGateway, Payments, Reservations, Rows, Sessions
from chalicelib.domain.reservations import Contact, Hold, Reservation, Sale, State
from chalicelib.domain.sessions import Session
from chalicelib.domain.webhooks import Secret, Webhook
from chalicelib.infrastructure.breakers import Breaker, BreakerPolicy
from chalicelib.infrastructure.ids import RandomOrDerivedIds
from chalicelib.infrastructure.redis.connection import RedisConnection
from chalicelib.infrastructure.redis.seat_cache import SeatCache
from chalicelib.settings import Settings, load
from chalicelib.wiring.use_cases.relaying import RelayingUseCases
from chalicelib.wiring.use_cases.selling import SellingUseCases
from chalicelib.wiring.use_cases.settling import SettlingUseCases

from .fakes import (
    FakeGateway,
    FakeLiveHolds,
    FakePayments,
    FakeReservations,
    FakeRows,
    FakeSessions,
    MovableClock,
    ReadableIds,
)

NOW = datetime(2044, 2, 15, 18, 0, 0, 123_000, UTC)
"""Not in the past: once a minute an emulator deletes the items whose TTL has passed, in the middle of a test."""
PAID_AT = NOW + timedelta(seconds=1)
STARTS_AT = NOW + timedelta(days=400)
"""Long after whatever a test makes of the clock."""
SETTINGS = load({"STAGE": "test"})
HOLD_SECONDS = SETTINGS.hold_seconds
MAX_SEATS = SETTINGS.max_seats_per_hold
MAX_LIVE_HOLDS = SETTINGS.max_live_holds

IDS = RandomOrDerivedIds(b"for tests")
"""Real ids: what DynamoDB stores lies where its id says."""


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def a_session(total_seats: int = 16, seats_per_row: int = 10, starts_at: datetime = STARTS_AT) -> Session:
    return Session(
        id=str(uuid.uuid4()),
        movie_title="Oppenheimer",
        starts_at=starts_at,
        room="A1",
        total_seats=total_seats,
        seats_per_row=seats_per_row,
        ticket_price=Decimal("25.00"),
        created_at=NOW,
    )


def a_user() -> str:
    return f"user-{uuid.uuid4()}"


def a_reservation(
    *seats: str,
    session: Session | None = None,
    user_id: str = "",
    fingerprint: str = "",
    expires_in: float = HOLD_SECONDS,
) -> Reservation:
    """Pending, made at NOW, under an id of its own."""
    session = session or a_session()
    user_id = user_id or a_user()
    seats = seats or ("A1", "A2")
    return Reservation(
        id=IDS.reservation_id(user_id, None),
        session_id=session.id,
        movie_title=session.movie_title,
        user_id=user_id,
        seats=seats,
        amount=session.price_of(seats),
        fingerprint=fingerprint,
        created_at=NOW,
        expires_at=NOW + seconds(expires_in),
    )


def a_hold(
    *seats: str, session: Session | None = None, fingerprint: str = "", expires_in: float = HOLD_SECONDS
) -> Hold:
    return a_reservation(*seats, session=session, fingerprint=fingerprint, expires_in=expires_in).hold


def later_hold_of(hold: Hold) -> Hold:
    """Under the same id, as a resend with the same key makes one when the first has lapsed."""
    return replace(hold, expires_at=hold.expires_at + seconds(HOLD_SECONDS))


def a_sale(hold: Hold | None = None, transaction_id: str = "tx-1", paid_at: datetime = PAID_AT) -> Sale:
    reservation_id = hold.reservation_id if hold else "res-1"
    return Sale(IDS.sale_id(reservation_id, transaction_id), transaction_id, "credit_card", paid_at)


def a_seat_cache(redis_url: str) -> SeatCache:
    """Makes a seat cache with keys of its own, on a connection that waits long, because the machine may be busy."""
    patience = BreakerPolicy(failures=100, pause_seconds=0.1, longest_pause_seconds=0.1)
    connection = RedisConnection(redis_url, Breaker("redis", patience))
    return SeatCache(connection, f"test-{uuid.uuid4()}", b"for tests")


def an_event(event_id: str, occurred_at: datetime = NOW, session_id: str = "session-1") -> Event:
    kind = EventType.RESERVATION_CREATED
    return Event(event_id, kind, occurred_at, session_id, "res-1", ("A1", "A2"), {"amountCents": 5000})


def a_paid_event(reservation: Reservation, paid_at: datetime = PAID_AT) -> Event:
    """Makes the event by which the relay tells of the reservation's sale."""
    sale = reservation.sale or a_sale(reservation.hold, paid_at=paid_at)
    pending = replace(reservation, state=State.PENDING, sale=None)
    change = ReservationChange(pending, pending.confirmed(sale), paid_at)
    relayed = Cinema(clock=MovableClock(paid_at)).relay_reservation(change)
    return next(message.content for message in relayed if isinstance(message.content, Event))


SELLER = ("Cine São José", "Rua da Estreia, 1", "São Paulo")


def a_bill(reservation: Reservation | None = None, paid_at: datetime = PAID_AT, **changes: Any) -> Bill:
    session = a_session()
    sale = a_paid_event(reservation or a_reservation(session=session), paid_at)
    return replace(bill_for(sale, session, "ana", SELLER), **changes)


def a_webhook(
    *event_types: str, url: str = "https://example.com/cinema", key: str = "whsec_new", webhook_id: str = ""
) -> Webhook:
    """Makes a webhook with one secret, for all events unless some are named."""
    webhook_id = webhook_id or f"wh-{uuid.uuid4()}"
    return Webhook(webhook_id, url, (Secret(key, NOW),), frozenset(event_types), NOW)


@dataclass
class Cinema:
    """A screening of 16 seats, ten to a row, and every use case on the fakes. A test may put other ports in.

    It is the `SellingAndSettlingPorts` that its use cases are made from, each time anew.
    """

    session: Session = field(default_factory=a_session)
    clock: MovableClock = field(default_factory=lambda: MovableClock(NOW))
    ids: ReadableIds = field(default_factory=ReadableIds)
    sessions: FakeSessions = field(default_factory=FakeSessions)
    rows: Rows = field(default_factory=FakeRows)
    holds_counted_until_expiry: HoldsCountedUntilExpiry = field(default_factory=FakeLiveHolds)
    reservations: Reservations = field(default_factory=FakeReservations)
    payments: Payments = field(default_factory=FakePayments)
    gateway: PaymentGateway = field(default_factory=FakeGateway)
    settings: Settings = SETTINGS

    def __post_init__(self) -> None:
        self.sessions.get_or_add_with_rows(self.session)

    def change_settings(self, **changes: Any) -> None:
        """Changes these settings, by their fields, for the use cases that are made from now on."""
        self.settings = replace(self.settings, **changes)

    @property
    def cached_rows(self) -> Rows:
        return self.rows

    @property
    def sessions_announcing_new_to_cache(self) -> Sessions:
        return self.sessions

    @property
    def selling(self) -> SellingUseCases:
        return SellingUseCases(self)

    @property
    def relaying(self) -> RelayingUseCases:
        return RelayingUseCases(self)

    @property
    def settling(self) -> SettlingUseCases:
        return SettlingUseCases(self)

    def hold(
        self,
        *seats: str,
        user: str = "ana",
        key: str | None = None,
        session_id: str = "",
        contact: Contact | None = None,
        source: str = "",
    ) -> Reservation:
        command = HoldSeatsCommand(session_id or self.session.id, user, seats, key, contact, source)
        return self.selling.place_hold(command)

    def confirm(self, reservation_id: str, transaction_id: str = "tx-1") -> Reservation:
        return self.selling.confirm(ConfirmReservationCommand(reservation_id, "credit_card", transaction_id))

    @property
    def settle_payment(self) -> SettlePayment:
        return self.settling.settle_payment

    def cancel(self, reservation_id: str) -> Reservation:
        """Cancels the reservation, and moves the clock a millisecond, so that a seat's next hold is younger."""
        cancelled = self.selling.cancel(CancelReservationCommand(reservation_id))
        self.clock.forward(milliseconds=1)
        return cancelled

    @property
    def expire(self) -> ExpireLapsedHoldUnlessSold:
        return self.selling.expire_hold_unless_sold_or_raise_unlapsed

    @property
    def relay_row(self) -> Callable[[RowEvent], list[OutgoingMessage]]:
        return _as_far_as_it_may("rows", self.relaying.finish_sales_request_refunds_if_closed_and_list_messages)

    @property
    def relay_reservation(self) -> Callable[[ReservationChange], list[OutgoingMessage]]:
        return _as_far_as_it_may("reservations", self.relaying.mark_sold_or_expire_and_list_reservation_messages)

    @property
    def relay_payment(self) -> Callable[[PaymentChange], list[OutgoingMessage]]:
        return _as_far_as_it_may("payments", self.relaying.mark_reservation_if_refunded_and_list_payment_messages)

    @property
    def request_refunds_of_sales_after_session_cancellation(self) -> RequestRefundsOfSalesAfterSessionCancellation:
        return self.relaying.request_refunds_of_sales_after_session_cancellation

    @property
    def refund_or_settle(self) -> RefundOrSettle:
        return self.settling.refund_or_settle

    def cancel_session(self) -> SessionCancellation:
        return self.relaying.cancel_session(self.session.id)

    @property
    def show_reservation(self) -> ShowOwnReservation:
        return self.selling.show_reservation

    def seats(self) -> dict[str, str]:
        """Every seat that is not available, with its status."""
        shown = self.selling.show_seats(self.session.id).seats
        return {seat.number: seat.status for seat in shown if seat.status != "available"}

    def bought_by(self, user: str) -> list[str]:
        return [bought.id for bought in self.selling.list_purchases(user, 20, None).items]


T = TypeVar("T")


def _as_far_as_it_may(table: str, relay: Callable[[T], list[OutgoingMessage]]) -> Callable[[T], list[OutgoingMessage]]:
    """The function that runs it may send to no other queue."""

    def relayed(change: T) -> list[OutgoingMessage]:
        sent = relay(change)
        assert {message.queue for message in sent} <= SENDS_TO[table]
        return sent

    return relayed
