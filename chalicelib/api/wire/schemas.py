"""Screenings, seats, reservations, purchases and what happened, on the wire: names, shapes and limits.

Nothing else knows them. What all topics share is in wire.py; the others have a module of their own, <topic>_wire.py.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from chalice.app import Request
from msgspec import Meta

from chalicelib.api.http.messages import language
from chalicelib.application.confirm import ConfirmReservation
from chalicelib.application.hold import HoldSeats
from chalicelib.application.queries import SeatMap, SeatView
from chalicelib.application.schedule import ScheduleSession
from chalicelib.domain.booking_codes import booking_code
from chalicelib.domain.events import Event, EventType
from chalicelib.domain.money import CURRENCY
from chalicelib.domain.money import Money as DomainMoney
from chalicelib.domain.payments import PaymentIntent
from chalicelib.domain.ports import InvoiceLink, Page
from chalicelib.domain.reservations import Contact, Reservation, State
from chalicelib.domain.sessions import SEAT_PATTERN, Session
from chalicelib.domain.times import whole_ms

from .bodies import Answer, MalformedRequest, Moment, Money, SessionId, body_of, moment, moment_if_any, money, source_of

LONGEST_KEY_CHARACTERS = 255

FIRST_YEAR, LAST_YEAR = 2000, 2099
"""Of a screening's start, in the zone in which it is written: else its end, or its local time, leaves the calendar."""

NOT_BLANK = r"\S"
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL = re.compile(rf"(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})+")
"""As SES takes it: ASCII, no quoting, no address literal. An international domain comes in its xn-- form."""

Title = Annotated[str, Meta(min_length=1, max_length=200, pattern=NOT_BLANK)]
Room = Annotated[str, Meta(min_length=1, max_length=20, pattern=NOT_BLANK)]
UserId = Annotated[str, Meta(min_length=1, max_length=128, pattern=NOT_BLANK)]
Seat = Annotated[str, Meta(max_length=7, pattern=SEAT_PATTERN)]
Start = Annotated[datetime, Meta(tz=True, extra_json_schema={"pattern": "^20[0-9]{2}-"})]
Price = Annotated[float, Meta(ge=0, le=100_000, extra_json_schema={"multipleOf": 0.01})]
Email = Annotated[str, Meta(max_length=254, extra_json_schema={"format": "email"})]


# Requests.


class SessionRequest(msgspec.Struct, rename="camel"):
    movie_title: Title
    start_time: Start
    room_number: Room
    total_seats: Annotated[int, Meta(ge=1, le=2000)]
    ticket_price: Price
    seats_per_row: Annotated[int, Meta(ge=1, le=50)] = 10


class HoldRequest(msgspec.Struct, rename="camel"):
    session_id: SessionId
    user_id: UserId
    seat_numbers: Annotated[list[Seat], Meta(min_length=1, max_length=100)]
    email: Email | None = None


class PaymentRequest(msgspec.Struct, rename="camel"):
    """Both are left out where nothing is to be paid."""

    payment_method: Annotated[str, Meta(min_length=1, max_length=50, pattern=NOT_BLANK)] | None = None
    transaction_id: Annotated[str, Meta(min_length=1, max_length=100, pattern=NOT_BLANK)] | None = None


def schedule_session(request: Request) -> ScheduleSession:
    body = body_of(request, SessionRequest)
    return ScheduleSession(
        movie_title=body.movie_title,
        starts_at=_start(body.start_time, "$.startTime"),
        room=body.room_number,
        total_seats=body.total_seats,
        seats_per_row=body.seats_per_row,
        ticket_price=_price(body.ticket_price),
        idempotency_key=_idempotency_key(request),
    )


def hold_seats(request: Request) -> HoldSeats:
    body = body_of(request, HoldRequest)
    key, contact = _idempotency_key(request), _contact(request, body.email)
    seats, source = tuple(body.seat_numbers), source_of(request.context)
    return HoldSeats(body.session_id, body.user_id, seats, key, contact, source)


def confirm_reservation(request: Request, reservation_id: str) -> ConfirmReservation:
    body = body_of(request, PaymentRequest)
    if (body.payment_method is None) != (body.transaction_id is None):
        raise MalformedRequest("Expected a payment method and a transaction, or neither", "$")
    return ConfirmReservation(reservation_id, body.payment_method or "", body.transaction_id or "")


def starting_from(request: Request) -> datetime | None:
    """The query's `from`: screenings that start at that moment or later."""
    query: Mapping[str, str] = request.query_params or {}
    text = query.get("from")
    try:
        return None if text is None else _start(msgspec.convert(text, Start), "from")
    except msgspec.ValidationError as error:
        raise MalformedRequest("Invalid RFC3339 encoded datetime", "from") from error


def _start(moment: datetime, field: str) -> datetime:
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise MalformedRequest(f"Expected a year from {FIRST_YEAR} to {LAST_YEAR}", field)
    return whole_ms(moment)


def _price(number: float) -> Decimal:
    try:
        return DomainMoney.parse(repr(number)).amount
    except ValueError as error:
        raise MalformedRequest("Expected at most two decimals", "$.ticketPrice") from error


def _contact(request: Request, email: str | None) -> Contact | None:
    if email is None:
        return None
    if not _EMAIL.fullmatch(email):
        raise MalformedRequest("Expected an e-mail address such as ana@example.com", "$.email")
    return Contact(email, language(request.headers.get("accept-language", "")))


def _idempotency_key(request: Request) -> str | None:
    key: str | None = request.headers.get("idempotency-key")
    if key is not None and not (key.strip() and len(key) <= LONGEST_KEY_CHARACTERS):
        raise MalformedRequest(f"Expected 1 to {LONGEST_KEY_CHARACTERS} characters", "Idempotency-Key")
    return key


# Answers.

SeatStatus = Annotated[str, Meta(extra_json_schema={"enum": ["available", "reserved", "sold"]})]


class ScheduledBody(Answer):
    session_id: str
    movie_title: str
    available_seats: int
    created_at: Moment


class SessionBody(Answer):
    session_id: str
    movie_title: str
    start_time: Moment
    room_number: str
    total_seats: int
    seats_per_row: int
    ticket_price: Money
    created_at: Moment
    status: Literal["cancelled"] | None = None


class ProgrammeBody(Answer):
    sessions: list[SessionBody]
    next_cursor: str | None = None


class SeatBody(Answer):
    number: str
    status: SeatStatus
    expires_at: Moment | None = None


class SeatMapBody(Answer):
    session_id: str
    total_seats: int
    available_seats: int
    seats: list[SeatBody]


class HeldBody(Answer):
    reservation_id: str
    status: State
    expires_at: Moment
    seats: Sequence[str]
    total_amount: Money


class ReservationBody(Answer):
    reservation_id: str
    session_id: str
    user_id: str
    status: State
    expires_at: Moment
    seats: Sequence[str]
    total_amount: Money
    sale_id: str | None = None
    paid_at: Moment | None = None
    refunded_at: Moment | None = None


class SaleBody(Answer):
    sale_id: str
    status: State
    seats: Sequence[str]
    paid_at: Moment
    booking_code: str | None = None
    """The sale's name for people: what is shown and said at the door."""


class PaymentBody(Answer):
    """A payment that the gateway waits for. `client_secret` and `public_key` are for the provider's own page code."""

    provider: str
    payment_id: str
    amount: Money
    currency: str
    client_secret: str | None = None
    public_key: str | None = None


class GatewayMessage(msgspec.Struct):
    """As the simulated gateway writes it; Stripe's have its form. Only the gateway's adapter reads it."""

    id: str
    type: str
    payment: dict[str, Any]


class Heard(Answer):
    """The message was taken; what it says is worked on."""

    received: bool = True


class InvoiceBody(Answer):
    """`url` needs no credentials, until `expires_at`."""

    number: str
    url: str
    expires_at: Moment


class PurchaseBody(Answer):
    """`invoice_url` is a path of this API, of an invoice that may still be being made."""

    sale_id: str
    session_id: str
    movie_title: str
    seats: Sequence[str]
    total_amount: Money
    purchased_at: Moment
    invoice_url: str | None = None
    """None where nothing was paid."""
    status: Literal["refunded"] | None = None
    """Once the money went back, because the screening was cancelled."""
    refunded_at: Moment | None = None
    booking_code: str | None = None


class PurchasesBody(Answer):
    user_id: str
    purchases: list[PurchaseBody]
    next_cursor: str | None = None


class EventBody(Answer):
    id: str
    type: EventType
    occurred_at: Moment
    reservation_id: str
    user_id: str
    seats: Sequence[str]
    data: Mapping[str, str | int]


class EventsBody(Answer):
    session_id: str
    events: list[EventBody]
    next_cursor: str | None = None


def scheduled(session: Session) -> ScheduledBody:
    return ScheduledBody(session.id, session.movie_title, session.total_seats, moment(session.created_at))


def session(session: Session) -> SessionBody:
    return SessionBody(
        session.id,
        session.movie_title,
        moment(session.starts_at),
        session.room,
        session.total_seats,
        session.seats_per_row,
        money(session.ticket_price),
        moment(session.created_at),
        "cancelled" if session.cancelled_at else None,
    )


def programme(page: Page[Session]) -> ProgrammeBody:
    return ProgrammeBody([session(item) for item in page.items], page.cursor)


def seat_map(seats: SeatMap) -> SeatMapBody:
    return SeatMapBody(seats.session_id, len(seats.seats), seats.available, [seat(each) for each in seats.seats])


def seat(seat: SeatView) -> SeatBody:
    return SeatBody(seat.number, seat.status, moment_if_any(seat.expires_at))


def held(reservation: Reservation) -> HeldBody:
    """The answer of the hold itself, and of each resend: `confirmed` once it is paid for."""
    return HeldBody(
        reservation.id,
        reservation.state,
        moment(reservation.expires_at),
        reservation.seats,
        money(reservation.amount),
    )


def reservation(reservation: Reservation, state: State) -> ReservationBody:
    sale = reservation.sale
    return ReservationBody(
        reservation.id,
        reservation.session_id,
        reservation.user_id,
        state,
        moment(reservation.expires_at),
        reservation.seats,
        money(reservation.amount),
        sale.id if sale else None,
        moment(sale.paid_at) if sale else None,
        moment_if_any(reservation.refunded_at),
    )


def sale(reservation: Reservation) -> SaleBody:
    assert reservation.sale, "a confirmed reservation has its sale"  # noqa: S101 - tells the type checker
    return SaleBody(
        reservation.sale.id,
        reservation.state,
        reservation.seats,
        moment(reservation.sale.paid_at),
        booking_code=booking_code(reservation.sale.id),
    )


def payment(reservation: Reservation, intent: PaymentIntent) -> PaymentBody:
    return PaymentBody(
        intent.provider,
        intent.id,
        money(reservation.amount),
        CURRENCY,
        intent.client_secret or None,
        intent.public_key or None,
    )


def invoice(link: InvoiceLink) -> InvoiceBody:
    return InvoiceBody(link.number, link.url, moment(link.expires_at))


def purchases(user_id: str, page: Page[Reservation]) -> PurchasesBody:
    return PurchasesBody(user_id, [_purchase(item) for item in page.items], page.cursor)


def events(session_id: str, page: Page[Event]) -> EventsBody:
    return EventsBody(session_id, [_event(event) for event in page.items], page.cursor)


def _purchase(reservation: Reservation) -> PurchaseBody:
    bought = sale(reservation)
    return PurchaseBody(
        bought.sale_id,
        reservation.session_id,
        reservation.movie_title,
        reservation.seats,
        money(reservation.amount),
        bought.paid_at,
        None if reservation.is_free else f"/api/reservations/{reservation.id}/invoice",
        "refunded" if reservation.refunded_at else None,
        moment_if_any(reservation.refunded_at),
        booking_code=bought.booking_code,
    )


def _event(event: Event) -> EventBody:
    return EventBody(
        event.id,
        event.type,
        moment(event.occurred_at),
        event.reservation_id,
        event.user_id,
        event.seats,
        event.public_data,
    )
