"""What each route is for, takes, gives and refuses, with an example of each: openapi.py makes the document from it.

Adding a route takes an entry in OPERATIONS (or in FOR_BROWSERS), adding a refusal one in REFUSALS, a path parameter one
in PATH. A test fails until they are there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from chalice.app import NotFoundError
from msgspec import Meta

from chalicelib.api.wire import analytics as analytics_wire
from chalicelib.api.wire import board as board_wire
from chalicelib.api.wire import bodies
from chalicelib.api.wire import events as events_wire
from chalicelib.api.wire import health as health_wire
from chalicelib.api.wire import invoices as invoices_wire
from chalicelib.api.wire import live as live_wire
from chalicelib.api.wire import payments as payments_wire
from chalicelib.api.wire import reservations as reservations_wire
from chalicelib.api.wire import sessions as sessions_wire
from chalicelib.api.wire import webhooks as webhooks_wire
from chalicelib.application.analytics import SessionAnalytics
from chalicelib.application.board import Board
from chalicelib.application.queries import Readiness, SeatMap, SeatView
from chalicelib.domain import refusals
from chalicelib.domain.analytics import Tally, bucket_of
from chalicelib.domain.board import DeadLetter, QueueState, Redriven, ScreeningNumbers
from chalicelib.domain.events import Event, EventType
from chalicelib.domain.payments import PaymentIntent
from chalicelib.domain.ports import DependencyState, InvoiceLink, Page
from chalicelib.domain.rate_limits import Quota, QuotaUsage
from chalicelib.domain.reservations import Reservation, Sale, State
from chalicelib.domain.sessions import Session


@dataclass(frozen=True)
class Parameter:
    """In a path, a query or a header; `kind` is its type in msgspec's words."""

    name: str
    says: str
    kind: Any = str
    example: object = None


@dataclass(frozen=True)
class Operation:
    """`takes` and `gives` are examples: their types are what the document shows.

    What every operation may answer (500, and what API Gateway itself refuses), and what follows from taking a body or
    parameters, is not said here. `also` are answers that are neither success nor error. With an ETag, the operation
    answers 304 to an If-None-Match that has it.
    """

    topic: str
    summary: str
    gives: msgspec.Struct
    status: int = 200
    says: str = ""
    takes: msgspec.Struct | None = None
    query: tuple[Parameter, ...] = ()
    headers: tuple[Parameter, ...] = ()
    refuses: tuple[type[Exception], ...] = ()
    also: Mapping[int, msgspec.Struct] = field(default_factory=dict)
    asks_the_database: bool = True
    has_etag: bool = False


class DocumentBody(bodies.Answer):
    """OpenAPI 3.1."""

    openapi: str
    info: Mapping[str, Any]
    servers: Sequence[Mapping[str, Any]]
    security: Sequence[Mapping[str, Any]]
    tags: Sequence[Mapping[str, Any]]
    paths: Mapping[str, Any]
    components: Mapping[str, Any]


# The examples: one screening, one buyer and one reservation, through all operations.

NOW = datetime(2034, 2, 10, 14, 30, tzinfo=UTC)
USER = "user-123"
SESSION = Session(
    id="550e8400-e29b-41d4-a716-446655440000",
    movie_title="Oppenheimer",
    starts_at=datetime(2034, 2, 15, 19, tzinfo=UTC),
    room="A1",
    total_seats=4,
    seats_per_row=10,
    ticket_price=Decimal("25.00"),
    created_at=NOW - timedelta(days=3),
)
PENDING = Reservation(
    id="res-_CmOVZQyGfY5dQwBbk4u0XH2lqSYlzIJ8",
    session_id=SESSION.id,
    movie_title=SESSION.movie_title,
    user_id=USER,
    seats=("A1", "A2"),
    amount=Decimal("50.00"),
    fingerprint="",
    created_at=NOW,
    expires_at=NOW + timedelta(seconds=30),
)
SALE = Sale("sale-GQzU3BvY9mbr5cFjCq8HJw", "tx-456", "credit_card", NOW + timedelta(seconds=12))
SOLD = PENDING.confirmed(SALE)
INTENT = PaymentIntent("simulated", SALE.transaction_id)
SEATS = SeatMap(
    SESSION.id,
    (
        SeatView("A1", "available"),
        SeatView("A2", "reserved", PENDING.expires_at),
        SeatView("A3", "sold"),
        SeatView("A4", "available"),
    ),
)
INVOICE = InvoiceLink(
    "2034-000041",
    "https://s3.us-east-1.amazonaws.com/cinema-prod-invoices-123456789012-us-east-1/invoices/2034/2034-000041.pdf"
    "?X-Amz-Signature=…",
    SALE.paid_at + timedelta(minutes=6),
)
HAPPENED = Event(
    id="01b307acba4f54f5",
    type=EventType.PAYMENT_CONFIRMED,
    occurred_at=SALE.paid_at,
    session_id=SESSION.id,
    reservation_id=SOLD.id,
    user_id=USER,
    seats=SOLD.seats,
    data={"amountCents": 5000, "saleId": SALE.id, "transactionId": "tx-456", "paymentMethod": "credit_card"},
)
COUNTED = Tally(holds=2, seats_in_holds=3, sales=1, seats_in_sales=2, revenue_cents=5000, expiries=1)
NUMBERS = SessionAnalytics(
    session_id=SESSION.id,
    total_seats=SESSION.total_seats,
    as_of=NOW + timedelta(minutes=7),
    total=COUNTED,
    by_day=((date(2034, 2, 10), COUNTED),),
    over_time=((NOW, COUNTED),),
)
WEBHOOK = "wh-qZ3mS0t8xX4v0n2bK1yYwA"
DEPENDENCIES = (
    DependencyState("dynamodb", required=True, up=True, latency_ms=3.1),
    DependencyState("redis", required=False, up=False, latency_ms=50.2, reason="TimeoutError", breaker="open", trips=1),
    DependencyState("ses", required=False, up=True, latency_ms=11.8, breaker="half-open", trips=3),
)
BOARD = Board(
    as_of=NOW,
    screenings=Page([ScreeningNumbers(SESSION, {bucket_of(NOW): COUNTED}, COUNTED)], None),
    queues=(QueueState("email", 3, 1, 0, 2, True), QueueState("stream-failures", 0, 0, 0, 0, False)),
    refusals={bucket_of(NOW): {"SEAT_ALREADY_RESERVED": 41, "RESERVATION_EXPIRED": 2}},
    dependencies=DEPENDENCIES,
)
LETTER = DeadLetter(
    "219f8380-5770-4cc2-8c3e-5c715e145f5e", NOW, "MailUnavailable('SES: Throttling')", 5, 1, {}, '{"version": 1}'
)
IMPOSSIBLE = (replace(DEPENDENCIES[0], up=False, reason="could not connect"), *DEPENDENCIES[1:])

REFUSALS: tuple[Exception, ...] = (
    bodies.MalformedJson("JSON is malformed: expected ',' (byte 17)"),
    bodies.MalformedRequest("Expected `int`, got `str`", "$.totalSeats"),
    bodies.MalformedRequest("Expected 1 to 255 characters"),
    bodies.BodyTooLarge(),
    NotFoundError(),
    refusals.CursorInvalid(),
    refusals.TooManySeats(asked=9, limit=8),
    refusals.SessionNotFound(SESSION.id),
    refusals.ReservationNotFound(PENDING.id),
    refusals.SeatsNotFound(("C9",)),
    refusals.QueueNotFound("letters"),
    refusals.QueueOutOfReach(),
    bodies.UnnamedMediaType(),
    refusals.SeatsUnavailable(("A1",)),
    refusals.TooManyHolds(2, PENDING.expires_at),
    refusals.InvoiceNotReady(SOLD.id),
    refusals.ReservationNotPaid(PENDING.id),
    refusals.ReservationConfirmed(PENDING.id),
    refusals.AlreadyPaid(PENDING.id, SALE.id, "tx-789"),
    refusals.TransactionMissing(PENDING.id),
    refusals.NothingToPay(PENDING.id),
    refusals.PaymentNotReceived(PENDING.id, "tx-456"),
    refusals.PaymentAlreadyUsed(PENDING.id, "tx-456"),
    refusals.PaymentReturned(PENDING.id, "tx-456"),
    refusals.PaymentsUnavailable(PENDING.id),
    refusals.ReservationExpired(PENDING.id, PENDING.expires_at),
    refusals.ReservationCancelled(PENDING.id),
    refusals.SessionCancelled(SESSION.id),
    refusals.SalesClosed(SESSION.id, SESSION.starts_at),
    refusals.IdempotencyKeyReused(),
    refusals.SignatureInvalid(),
    refusals.WebhookDisabled(WEBHOOK),
    refusals.RateLimited(QuotaUsage(Quota(10, 10), 10_000_000)),
    refusals.StoreUnavailable("UpdateItem"),
)
"""Each kind in answers.REFUSALS, raised with the facts of the example."""


# Parameters.

PATH = {
    "session_id": Parameter("session_id", "The screening's id.", str, SESSION.id),
    "reservation_id": Parameter("reservation_id", "The reservation's id.", str, PENDING.id),
    "user_id": Parameter(
        "user_id", "The buyer's id, as in the hold.", Annotated[str, Meta(pattern=bodies.NOT_BLANK)], USER
    ),
    "webhook_id": Parameter("webhook_id", "The subscription's id, which an operator gave you.", str, WEBHOOK),
    "queue": Parameter("queue", "The queue's name, as on the board.", str, "email"),
}
LIMIT = Parameter("limit", "How many a page has at most.", Annotated[int, Meta(ge=1, le=bodies.LARGEST_PAGE)], 20)
CURSOR = Parameter(
    "cursor",
    "The `nextCursor` of the page before; absent for the first one.",
    Annotated[str, Meta(min_length=1, max_length=500, pattern="^[A-Za-z0-9_-]+={0,2}$")],
)
PAGE = (LIMIT, CURSOR)
FROM = Parameter("from", "Screenings that start at this moment or later.", sessions_wire.Start, SESSION.starts_at)
SIGNATURE = Parameter(
    "Cinema-Signature",
    "`t=<unix seconds>,v1=<hex>`: HMAC-SHA-256 of `<unix seconds>.<raw body>` with the webhook's secret, at most five "
    "minutes old.",
)
GATEWAY_SIGNATURE = Parameter(
    "Payment-Signature",
    "`t=<unix seconds>,v1=<hex>`, HMAC-SHA-256 of `<unix seconds>.<raw body>`, at most five minutes old. Stripe calls "
    "its header `Stripe-Signature`.",
)
LANGUAGE = Parameter("Accept-Language", "`pt-BR` for messages in Portuguese; English otherwise.", str, "en")
IDEMPOTENCY_KEY = Parameter(
    "Idempotency-Key",
    "Any text of yours that names this request: among all of the buyer's for a hold, among all of the cinema's for a "
    "screening. Sent again with it, the request gets the same answer and has no second effect.",
    Annotated[str, Meta(min_length=1, max_length=bodies.LONGEST_KEY_CHARACTERS, pattern=bodies.NOT_BLANK)],
)
"""Without an example: /docs would send it with every request, and the second one would be refused."""


# Operations.

SCREENINGS, RESERVATIONS, NUMBERS_AND_FACTS, SERVICE = "Screenings", "Reservations", "Numbers and facts", "Service"
WEBHOOKS = "Webhooks"
OPERATING = "Operations"

TOPICS = {
    SCREENINGS: "What is on, and which seats are free.",
    RESERVATIONS: "Hold seats for 30 seconds, pay for them or give them back; and what was bought.",
    NUMBERS_AND_FACTS: "What has happened to a screening.",
    WEBHOOKS: "For who is told of events by HTTP: see docs/webhooks.md.",
    OPERATING: "For operators: how sales go, what waits and what was refused. Only there where it is switched on.",
    SERVICE: "Whether the system is well, and this document.",
}

FOR_BROWSERS = frozenset({"GET /", "GET /docs", "GET /operations", "GET /assets/{part}/{file}"})
"""Pages and files: no part of the contract."""

OPERATIONS: Mapping[str, Operation] = {
    "POST /api/sessions": Operation(
        SCREENINGS,
        "Schedule a screening",
        says="Seats are numbered A1, A2, … row by row. The price has two decimals at most, and the start lies in the "
        "years 2000 to 2099.",
        headers=(IDEMPOTENCY_KEY,),
        takes=sessions_wire.SessionRequest(SESSION.movie_title, SESSION.starts_at, SESSION.room, 16, 25.00),
        gives=sessions_wire.scheduled(replace(SESSION, total_seats=16)),
        status=201,
        refuses=(refusals.IdempotencyKeyReused,),
    ),
    "GET /api/sessions": Operation(
        SCREENINGS,
        "What is on, by start time",
        says="All screenings, also those that are over or cancelled, unless `from` says from when on.",
        query=(*PAGE, FROM),
        gives=sessions_wire.programme(Page([SESSION], None)),
        refuses=(refusals.CursorInvalid,),
    ),
    "GET /api/sessions/{session_id}": Operation(
        SCREENINGS,
        "One screening",
        says="What is shown of it; its seats have an address of their own.",
        gives=sessions_wire.session(SESSION),
        refuses=(refusals.SessionNotFound,),
    ),
    "GET /api/sessions/{session_id}/seats": Operation(
        SCREENINGS,
        "Its seats, as they are now",
        says="A hold that has lapsed is shown as available from its very second. Who polls sends the `ETag`.",
        gives=sessions_wire.seat_map(SEATS),
        has_etag=True,
        refuses=(refusals.SessionNotFound, refusals.SessionCancelled),
    ),
    "GET /api/live": Operation(
        SCREENINGS,
        "Where to open a WebSocket for live seat maps",
        says='Send `{"action": "subscribe", "sessionId": "…"}` there; each change then comes as '
        '`{"type": "rows", "sessionId": "…", "rows": […]}`. Without a `url` there is none: poll the seats.',
        gives=live_wire.LiveBody("wss://abcdef1234.execute-api.us-east-1.amazonaws.com/prod"),
        asks_the_database=False,
    ),
    "POST /api/reservations": Operation(
        RESERVATIONS,
        "Hold seats for 30 seconds, all of them or none",
        says="To the address, if there is one, letters about the hold and its payment are sent. A hold counts as many "
        "requests as it has seats.",
        headers=(IDEMPOTENCY_KEY,),
        takes=reservations_wire.HoldRequest(SESSION.id, USER, list(PENDING.seats), "ana@example.com"),
        gives=reservations_wire.held(PENDING),
        status=201,
        refuses=(
            refusals.TooManySeats,
            refusals.SessionNotFound,
            refusals.SeatsNotFound,
            refusals.SeatsUnavailable,
            refusals.TooManyHolds,
            refusals.SessionCancelled,
            refusals.SalesClosed,
            refusals.ReservationExpired,
            refusals.ReservationCancelled,
            refusals.IdempotencyKeyReused,
        ),
    ),
    "GET /api/reservations/{reservation_id}": Operation(
        RESERVATIONS,
        "A reservation and its state",
        says="`pending`, `confirmed`, `expired` or `cancelled`, as it is now.",
        gives=reservations_wire.reservation(SOLD, SOLD.state),
        refuses=(refusals.ReservationNotFound,),
    ),
    "POST /api/reservations/{reservation_id}/payment": Operation(
        RESERVATIONS,
        "Start its payment at the payment gateway",
        says="The same payment for the same hold, however often it is asked. Its id is the transaction of the "
        "confirmation. With the simulated gateway it is paid at once.",
        gives=reservations_wire.payment(PENDING, INTENT),
        status=201,
        refuses=(
            refusals.ReservationNotFound,
            refusals.ReservationConfirmed,
            refusals.ReservationExpired,
            refusals.ReservationCancelled,
            refusals.NothingToPay,
            refusals.PaymentsUnavailable,
        ),
    ),
    "POST /api/payments/webhook": Operation(
        WEBHOOKS,
        "The payment gateway says that something was paid",
        says="In the gateway's own form, signed with its secret over the raw body. What follows from it is done later; "
        "the same message again changes nothing.",
        headers=(GATEWAY_SIGNATURE,),
        takes=payments_wire.GatewayMessage("evt-1", "payment.charged", {"paymentId": SALE.transaction_id}),
        gives=payments_wire.Heard(),
        refuses=(refusals.SignatureInvalid,),
    ),
    "POST /api/reservations/{reservation_id}/confirm": Operation(
        RESERVATIONS,
        "The payment arrived: the seats are sold",
        says="Confirming again with the same transaction gives the same sale. What is free of charge is confirmed "
        "without a payment: `{}`. A payment that was charged and buys nothing is returned: one that is late, that "
        "comes second, or is for a reservation or a screening that was cancelled.",
        takes=reservations_wire.PaymentRequest(SALE.payment_method, SALE.transaction_id),
        gives=reservations_wire.sale(SOLD),
        refuses=(
            refusals.ReservationNotFound,
            refusals.TransactionMissing,
            refusals.PaymentNotReceived,
            refusals.PaymentAlreadyUsed,
            refusals.PaymentReturned,
            refusals.AlreadyPaid,
            refusals.ReservationExpired,
            refusals.ReservationCancelled,
            refusals.SessionCancelled,
        ),
    ),
    "DELETE /api/reservations/{reservation_id}": Operation(
        RESERVATIONS,
        "Give the seats back",
        says="The same answer comes also the second time.",
        gives=reservations_wire.reservation(PENDING, State.CANCELLED),
        refuses=(refusals.ReservationNotFound, refusals.ReservationConfirmed, refusals.ReservationExpired),
    ),
    "GET /api/reservations/{reservation_id}/invoice": Operation(
        RESERVATIONS,
        "The way to the invoice of a sale, a PDF",
        says="The `Location` needs no credentials and lasts five minutes. It is there some seconds after the sale.",
        gives=invoices_wire.invoice(INVOICE),
        status=303,
        refuses=(refusals.ReservationNotFound, refusals.InvoiceNotReady, refusals.ReservationNotPaid),
    ),
    "GET /api/users/{user_id}/purchases": Operation(
        RESERVATIONS,
        "What a user bought, newest first",
        says="A sale is in it as soon as its confirmation has been answered. One whose screening was cancelled stays, "
        "as refunded once the money went back.",
        query=PAGE,
        gives=reservations_wire.purchases(USER, Page([SOLD], None)),
        refuses=(refusals.CursorInvalid,),
    ),
    "GET /api/sessions/{session_id}/events": Operation(
        NUMBERS_AND_FACTS,
        "Everything that happened to a screening, once, in order",
        says="An event is in it some seconds after its fact.",
        query=PAGE,
        gives=events_wire.events(SESSION.id, Page([HAPPENED], None)),
        refuses=(refusals.SessionNotFound, refusals.CursorInvalid),
    ),
    "GET /api/sessions/{session_id}/analytics": Operation(
        NUMBERS_AND_FACTS,
        "A screening in numbers",
        says="Counted from its events, some seconds after each.",
        gives=analytics_wire.analytics(NUMBERS),
        refuses=(refusals.SessionNotFound,),
    ),
    "POST /api/webhooks/{webhook_id}/replay": Operation(
        WEBHOOKS,
        "Deliver again what came after a number",
        says="Signed by the subscriber, as deliveries are. When more may follow, ask again with `nextAfterSequence`.",
        headers=(SIGNATURE,),
        takes=webhooks_wire.ReplayRequest(SESSION.id, 11),
        gives=webhooks_wire.ReplayedBody(SESSION.id, 100, 111),
        status=202,
        refuses=(refusals.SignatureInvalid, refusals.WebhookDisabled),
    ),
    "GET /api/operations": Operation(
        OPERATING,
        "The operator's board",
        says="The screenings that run or come next, three hours of five minutes each, queues, refusals, dependencies. "
        "Up to two seconds old.",
        query=(CURSOR,),
        gives=board_wire.board(BOARD),
        refuses=(NotFoundError, refusals.CursorInvalid),
    ),
    "GET /api/operations/queues/{queue}/letters": Operation(
        OPERATING,
        "Some dead letters of a queue",
        says="They stay where they are.",
        gives=board_wire.letters("email", [LETTER]),
        refuses=(NotFoundError, refusals.QueueNotFound, refusals.QueueOutOfReach),
    ),
    "POST /api/operations/queues/{queue}/redrive": Operation(
        OPERATING,
        "Give dead letters back to their queue",
        says="At most as many as there are when it begins.",
        takes=board_wire.RedriveRequest(),
        gives=board_wire.redriven("email", Redriven(2, 0)),
        refuses=(NotFoundError, refusals.QueueNotFound, refusals.QueueOutOfReach),
    ),
    "GET /health": Operation(
        SERVICE,
        "Alive",
        says="No dependency is touched.",
        gives=health_wire.HealthBody("ok"),
        asks_the_database=False,
    ),
    "GET /ready": Operation(
        SERVICE,
        "Each dependency, with its state and latency",
        says="503 only when one is down that bookings need. `breaker` is the state of its circuit breaker, and `trips` "
        "how often it has opened: Redis's in the process that answers; of others, as their functions said last. "
        "Whoever asks within a second gets the same answer; `checkedAt` is when it was found out.",
        gives=health_wire.readiness(Readiness(DEPENDENCIES, NOW)),
        also={503: health_wire.readiness(Readiness(IMPOSSIBLE, NOW))},
        asks_the_database=False,
    ),
    "GET /openapi.json": Operation(
        SERVICE,
        "This document",
        says="OpenAPI 3.1, made of the routes as they are.",
        gives=DocumentBody("3.1.0", {}, [], [], [], {}, {}),
        has_etag=True,
        asks_the_database=False,
    ),
}
