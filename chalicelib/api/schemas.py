"""The wire: names, shapes and limits of requests and answers, and nothing else knows them."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import msgspec
from chalice.app import Request
from msgspec import Meta

from chalicelib.application.confirm import ConfirmReservation
from chalicelib.application.hold import HoldSeats
from chalicelib.application.queries import SeatMap, SeatView, seen
from chalicelib.application.schedule import ScheduleSession
from chalicelib.domain.events import Event, EventType
from chalicelib.domain.ports import DependencyState, InvoiceLink, Page
from chalicelib.domain.reservations import Contact, Reservation, State
from chalicelib.domain.sessions import SEAT_PATTERN, Session
from chalicelib.domain.times import from_iso, to_iso, whole_ms

from .messages import language

if TYPE_CHECKING:
    from chalicelib.application.analytics import SessionAnalytics
    from chalicelib.application.webhooks import Replayed, ReplayNotifications
    from chalicelib.domain.analytics import Tally
    from chalicelib.domain.live import RowState

LARGEST_BODY_BYTES = 65_536
LONGEST_KEY_CHARACTERS = 255
LARGEST_PAGE = 100

NOT_BLANK = r"\S"
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL = re.compile(rf"(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})+")
"""As SES takes it: ASCII, no quoting, no address literal. An international domain comes in its xn-- form."""

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

Title = Annotated[str, Meta(min_length=1, max_length=200, pattern=NOT_BLANK)]
Room = Annotated[str, Meta(min_length=1, max_length=20, pattern=NOT_BLANK)]
SessionId = Annotated[str, Meta(min_length=1, max_length=64)]
UserId = Annotated[str, Meta(min_length=1, max_length=128, pattern=NOT_BLANK)]
Seat = Annotated[str, Meta(max_length=7, pattern=SEAT_PATTERN)]
Email = Annotated[str, Meta(max_length=254, extra_json_schema={"format": "email"})]


class MalformedRequest(Exception):
    """The request is not of the contract's form. `field` is where, as a JSON path, if that is known."""

    def __init__(self, detail: str, field: str = "") -> None:
        super().__init__(detail)
        self.detail, self.field = detail, field


class MalformedJson(MalformedRequest):
    """The body is not JSON at all."""


class BodyTooLarge(Exception):
    """The body is longer than any request of the contract can be."""


class UnnamedMediaType(Exception):
    """A body that does not say what it is, where that matters: Chalice takes it for JSON."""


# Requests.


class SessionRequest(msgspec.Struct, rename="camel"):
    movie_title: Title
    start_time: Annotated[datetime, Meta(tz=True)]
    room_number: Room
    total_seats: Annotated[int, Meta(ge=1, le=2000)]
    ticket_price: Annotated[float, Meta(ge=0, le=100_000)]
    seats_per_row: Annotated[int, Meta(ge=1, le=50)] = 10


class HoldRequest(msgspec.Struct, rename="camel"):
    session_id: SessionId
    user_id: UserId
    seat_numbers: Annotated[list[Seat], Meta(min_length=1, max_length=100)]
    email: Email | None = None


class PaymentRequest(msgspec.Struct, rename="camel"):
    payment_method: Annotated[str, Meta(min_length=1, max_length=50, pattern=NOT_BLANK)]
    transaction_id: Annotated[str, Meta(min_length=1, max_length=100, pattern=NOT_BLANK)]


class SubscribeRequest(msgspec.Struct, rename="camel"):
    action: Literal["subscribe"]
    session_id: SessionId


class ReplayRequest(msgspec.Struct, rename="camel"):
    session_id: SessionId
    after_sequence: Annotated[int, Meta(ge=0, le=999_999_999_999)]


def schedule_session(request: Request) -> ScheduleSession:
    body = _body(request, SessionRequest)
    try:
        starts_at = whole_ms(body.start_time)
    except OverflowError as error:
        raise MalformedRequest("Out of the calendar", "$.startTime") from error
    return ScheduleSession(
        movie_title=body.movie_title,
        starts_at=starts_at,
        room=body.room_number,
        total_seats=body.total_seats,
        seats_per_row=body.seats_per_row,
        ticket_price=_price(body.ticket_price),
    )


def hold_seats(request: Request) -> HoldSeats:
    body = _body(request, HoldRequest)
    key, contact = _idempotency_key(request), _contact(request, body.email)
    return HoldSeats(body.session_id, body.user_id, tuple(body.seat_numbers), key, contact)


def confirm_reservation(request: Request, reservation_id: str) -> ConfirmReservation:
    body = _body(request, PaymentRequest)
    return ConfirmReservation(reservation_id, body.payment_method, body.transaction_id)


def replay_notifications(request: Request, webhook_id: str) -> "ReplayNotifications":
    from chalicelib.application.webhooks import ReplayNotifications  # a rare path: not at every cold start

    body = _body(request, ReplayRequest)
    signature: str = request.headers.get("cinema-signature", "")
    raw: bytes = request.raw_body  # type: ignore[assignment] # text only where API Gateway sent none
    return ReplayNotifications(webhook_id, body.session_id, body.after_sequence, raw, signature)


def page_wanted(request: Request) -> tuple[int, str | None]:
    """The query's `limit` (20 when absent) and `cursor`."""
    query: Mapping[str, str] = request.query_params or {}
    limit = query.get("limit", "20")
    if not (limit.isascii() and limit.isdigit() and len(limit) < 5 and 1 <= int(limit) <= LARGEST_PAGE):
        raise MalformedRequest(f"Expected a whole number from 1 to {LARGEST_PAGE}", "limit")
    return int(limit), cursor_wanted(request)


def cursor_wanted(request: Request) -> str | None:
    query: Mapping[str, str] = request.query_params or {}
    return query.get("cursor") or None


def starting_from(request: Request) -> datetime | None:
    """The query's `from`: screenings that start at that moment or later."""
    query: Mapping[str, str] = request.query_params or {}
    text = query.get("from")
    try:
        return from_iso(text) if text else None
    except (ValueError, OverflowError) as error:
        raise MalformedRequest("Expected a moment such as 2024-02-15T19:00:00Z", "from") from error


def subscription(body: str) -> str:
    """The screening that a WebSocket message subscribes to."""
    return _parsed(body, SubscribeRequest).session_id


T = TypeVar("T", bound=msgspec.Struct)


def _body(request: Request, shape: type[T]) -> T:
    return _parsed(request.raw_body, shape)


def _parsed(raw: bytes | str, shape: type[T]) -> T:
    if len(raw) > LARGEST_BODY_BYTES:
        raise BodyTooLarge
    try:
        body = msgspec.json.decode(raw, type=shape)
    except msgspec.ValidationError as error:
        detail, _, field = str(error).partition(" - at `")
        raise MalformedRequest(detail, field.rstrip("`")) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedJson(str(error)) from error
    for known in msgspec.structs.fields(shape):
        value = getattr(body, known.name)
        if isinstance(value, str) and _UNPRINTABLE.search(value):
            raise MalformedRequest("Control characters are not allowed", f"$.{known.encode_name}")
    return body


def _price(number: float) -> Decimal:
    price = Decimal(repr(number))
    if price != round(price, 2):
        raise MalformedRequest("Expected at most two decimals", "$.ticketPrice")
    return round(price, 2)


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


Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
Day = Annotated[str, Meta(extra_json_schema={"format": "date"})]
Money = Annotated[
    msgspec.Raw, Meta(description="With two decimals: 50.00.", extra_json_schema={"type": "number", "minimum": 0})
]
Ratio = Annotated[
    msgspec.Raw, Meta(description="With four decimals: 0.1250.", extra_json_schema={"type": "number", "minimum": 0})
]
SeatStatus = Annotated[str, Meta(extra_json_schema={"enum": ["available", "reserved", "sold"]})]
Readiness = Annotated[str, Meta(extra_json_schema={"enum": ["ready", "unavailable"]})]
DependencyStatus = Annotated[str, Meta(extra_json_schema={"enum": ["up", "down"]})]


class Answer(msgspec.Struct, rename="camel", omit_defaults=True):
    """What is None is left out."""


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
    invoice_url: str
    status: Literal["refunded"] | None = None
    """Once the money went back, because the screening was cancelled."""
    refunded_at: Moment | None = None


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


class HealthBody(Answer):
    status: Annotated[str, Meta(extra_json_schema={"const": "ok"})]


class DependencyBody(Answer):
    name: str
    state: DependencyStatus
    required: bool
    latency_ms: float
    reason: str | None = None
    breaker: str | None = None
    trips: int | None = None


class ReadinessBody(Answer):
    status: Readiness
    dependencies: list[DependencyBody]


class DocumentBody(Answer):
    """OpenAPI 3.1."""

    openapi: str
    info: Mapping[str, Any]
    servers: Sequence[Any]
    tags: Sequence[Any]
    paths: Mapping[str, Any]
    components: Mapping[str, Any]


class TotalsBody(Answer):
    """`revenue` is of all sales, also those that were returned later; `refunded` is all that was returned, also
    payments that had bought nothing; `net_revenue` is what is left of the revenue."""

    holds: int
    seats_in_holds: int
    sales: int
    seats_in_sales: int
    expiries: int
    cancellations: int
    revenue: Money
    refunds: int
    refunded: Money
    net_revenue: Money


class DayBody(Answer):
    day: Day
    holds: int
    sales: int
    expiries: int
    cancellations: int
    revenue: Money
    refunds: int
    refunded: Money


class MomentBody(Answer):
    """What there was at the end of the five minutes that begin `at`."""

    at: Moment
    sold_seats: int
    held_seats: int


class AnalyticsBody(Answer):
    """Facts are counted some seconds after they happen: `as_of` is when these numbers were read."""

    session_id: str
    as_of: Moment
    total_seats: int
    totals: TotalsBody
    occupancy: Ratio
    by_day: list[DayBody]
    occupancy_over_time: list[MomentBody]
    conversion: Ratio | None = None


class LiveBody(Answer):
    """Where to open a WebSocket for live seat maps; without a `url` there is none, and polling does."""

    url: str | None = None


class SubscribedBody(Answer, tag_field="type", tag="subscribed"):
    session_id: str


class RowBody(Answer):
    """The seats of a row that are not free, after its write number `version`."""

    row: str
    version: int
    seats: list[SeatBody]


class RowsBody(Answer, tag_field="type", tag="rows"):
    session_id: str
    rows: list[RowBody]


class ReplayedBody(Answer):
    """`next_after_sequence` is there when more may follow: ask again with it."""

    session_id: str
    queued: int
    next_after_sequence: int | None = None


def scheduled(session: Session) -> ScheduledBody:
    return ScheduledBody(session.id, session.movie_title, session.total_seats, _time(session.created_at))


def session(session: Session) -> SessionBody:
    return SessionBody(
        session.id,
        session.movie_title,
        _time(session.starts_at),
        session.room,
        session.total_seats,
        session.seats_per_row,
        _money(session.ticket_price),
        _time(session.created_at),
        "cancelled" if session.cancelled_at else None,
    )


def programme(page: Page[Session]) -> ProgrammeBody:
    return ProgrammeBody([session(item) for item in page.items], page.cursor)


def seat_map(seats: SeatMap) -> SeatMapBody:
    return SeatMapBody(seats.session_id, len(seats.seats), seats.available, [_seat(seat) for seat in seats.seats])


def held(reservation: Reservation) -> HeldBody:
    """The answer of the hold itself: the same for each resend, whatever has become of the reservation since."""
    return HeldBody(
        reservation.id,
        State.PENDING,
        _time(reservation.expires_at),
        reservation.seats,
        _money(reservation.amount),
    )


def reservation(reservation: Reservation, state: State) -> ReservationBody:
    sale = reservation.sale
    return ReservationBody(
        reservation.id,
        reservation.session_id,
        reservation.user_id,
        state,
        _time(reservation.expires_at),
        reservation.seats,
        _money(reservation.amount),
        sale.id if sale else None,
        _time(sale.paid_at) if sale else None,
        _time_if_any(reservation.refunded_at),
    )


def sale(reservation: Reservation) -> SaleBody:
    assert reservation.sale, "a confirmed reservation has its sale"  # noqa: S101 - tells the type checker
    return SaleBody(reservation.sale.id, reservation.state, reservation.seats, _time(reservation.sale.paid_at))


def invoice(link: InvoiceLink) -> InvoiceBody:
    return InvoiceBody(link.number, link.url, _time(link.expires_at))


def purchases(user_id: str, page: Page[Reservation]) -> PurchasesBody:
    return PurchasesBody(user_id, [_purchase(item) for item in page.items], page.cursor)


def events(session_id: str, page: Page[Event]) -> EventsBody:
    return EventsBody(session_id, [_event(event) for event in page.items], page.cursor)


def readiness(states: Sequence[DependencyState]) -> ReadinessBody:
    ready = all(state.up for state in states if state.required)
    return ReadinessBody("ready" if ready else "unavailable", [_dependency(state) for state in states])


def analytics(numbers: "SessionAnalytics") -> AnalyticsBody:
    conversion = numbers.total.conversion
    return AnalyticsBody(
        numbers.session_id,
        _time(numbers.as_of),
        numbers.total_seats,
        _totals(numbers.total),
        _ratio(numbers.occupancy),
        [_day(day, tally) for day, tally in numbers.by_day],
        [MomentBody(_time(at), tally.seats_in_sales, tally.held_seats) for at, tally in numbers.over_time],
        None if conversion is None else _ratio(conversion),
    )


def changed_rows(rows: "Sequence[RowState]") -> RowsBody:
    return RowsBody(rows[0].session_id, [_row(row) for row in rows])


def replayed(replayed: "Replayed") -> ReplayedBody:
    return ReplayedBody(replayed.session_id, replayed.queued, replayed.next_after_sequence)


def encoded(answer: Any) -> str:
    return msgspec.json.encode(answer).decode()


def _seat(seat: SeatView) -> SeatBody:
    return SeatBody(seat.number, seat.status, _time(seat.expires_at) if seat.expires_at else None)


def _row(state: "RowState") -> RowBody:
    return RowBody(state.row, state.version, [_seat(seen(seat, entry)) for seat, entry in state.occupancy.items()])


def _purchase(reservation: Reservation) -> PurchaseBody:
    bought = sale(reservation)
    return PurchaseBody(
        bought.sale_id,
        reservation.session_id,
        reservation.movie_title,
        reservation.seats,
        _money(reservation.amount),
        bought.paid_at,
        f"/api/reservations/{reservation.id}/invoice",
        "refunded" if reservation.refunded_at else None,
        _time_if_any(reservation.refunded_at),
    )


def _event(event: Event) -> EventBody:
    return EventBody(
        event.id,
        event.type,
        _time(event.occurred_at),
        event.reservation_id,
        event.user_id,
        event.seats,
        event.data,
    )


def _dependency(state: DependencyState) -> DependencyBody:
    word = "up" if state.up else "down"
    breaker, trips = (state.breaker, state.trips) if state.breaker else (None, None)
    return DependencyBody(state.name, word, state.required, state.latency_ms, state.reason or None, breaker, trips)


def _totals(tally: "Tally") -> TotalsBody:
    return TotalsBody(
        tally.holds,
        tally.seats_in_holds,
        tally.sales,
        tally.seats_in_sales,
        tally.expiries,
        tally.cancellations,
        _money(tally.revenue),
        tally.refunds,
        _money(tally.refunded),
        _money(tally.net_revenue),
    )


def _day(day: date, tally: "Tally") -> DayBody:
    return DayBody(
        day.isoformat(),
        tally.holds,
        tally.sales,
        tally.expiries,
        tally.cancellations,
        _money(tally.revenue),
        tally.refunds,
        _money(tally.refunded),
    )


def _time(moment: datetime) -> str:
    return to_iso(moment).replace(".000Z", "Z")


def _time_if_any(moment: datetime | None) -> str | None:
    return _time(moment) if moment else None


def _money(amount: Decimal) -> msgspec.Raw:
    """A JSON number with two decimals, 50.00, which no float could be."""
    return msgspec.Raw(f"{amount:.2f}".encode())


def _ratio(share: Decimal) -> msgspec.Raw:
    """With four decimals: 0.1250."""
    return msgspec.Raw(f"{share:.4f}".encode())
