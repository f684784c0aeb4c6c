"""The routes in the OpenAPI document: each with its purpose, its errors, and examples of its request and answers.

A new route needs an entry in OPERATIONS, or in FOR_BROWSERS: a test fails until it has one. A new error must be added
to `errors` of each route that may answer it. document.py makes the document from this table.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
from chalice.app import NotFoundError

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
from chalicelib.api.wire import tickets as tickets_wire
from chalicelib.api.wire import webhooks as webhooks_wire
from chalicelib.application.queries import Readiness
from chalicelib.domain import refusals
from chalicelib.domain.board import RedriveResult
from chalicelib.domain.pages import Page
from chalicelib.domain.reservations import State

from .examples import (
    ADMITTED,
    BOARD,
    CALENDAR,
    DEPENDENCIES,
    GATE_LIST,
    HAPPENED,
    IMPOSSIBLE,
    INTENT,
    INVOICE,
    LETTER,
    NOW,
    NUMBERS,
    PENDING,
    SALE,
    SEATS,
    SESSION,
    SOLD,
    TICKET,
    TICKET_KEY,
    TICKETS,
    USER,
)
from .parameters import (
    AS_LINK,
    CURSOR,
    FROM,
    GATEWAY_SIGNATURE,
    IDEMPOTENCY_KEY,
    MAX_AGE,
    PAGE,
    SCAN_KEY,
    SIGNATURE,
    Parameter,
)


@dataclass(frozen=True)
class Operation:
    """A route's entry in the OpenAPI document.

    `request`, `answer`   examples of the bodies; the schemas are made from their types
    `errors`              the exceptions that the route may answer with, each with a row in the table of errors.
                          document.py adds the errors that all routes, bodies or parameters have in common
    `other_answers`       answers other than the success and the errors, by status
    `asks_the_database`   the route may answer 503, because the database does not answer
    `has_etag`            the route answers 304 to a request whose If-None-Match has the current ETag
    """

    topic: str
    summary: str
    answer: msgspec.Struct | str
    status: int = 200
    description: str = ""
    request: msgspec.Struct | None = None
    query: tuple[Parameter, ...] = ()
    headers: tuple[Parameter, ...] = ()
    errors: tuple[type[Exception], ...] = ()
    other_answers: Mapping[int, msgspec.Struct] = field(default_factory=dict)
    asks_the_database: bool = True
    has_etag: bool = False


class DocumentBody(bodies.Answer):
    """An OpenAPI document, version 3.1."""

    openapi: str
    info: Mapping[str, Any]
    servers: Sequence[Mapping[str, Any]]
    security: Sequence[Mapping[str, Any]]
    tags: Sequence[Mapping[str, Any]]
    paths: Mapping[str, Any]
    components: Mapping[str, Any]


SCREENINGS, RESERVATIONS, NUMBERS_AND_FACTS, SERVICE = "Screenings", "Reservations", "Numbers and facts", "Service"
TICKETS_AND_GATES = "Tickets"
WEBHOOKS = "Webhooks"
OPERATING = "Operations"

TOPICS = {
    SCREENINGS: "What is on, and which seats are free.",
    RESERVATIONS: "Hold seats for 30 seconds, pay for them or give them back; and what was bought.",
    TICKETS_AND_GATES: "One for each seat of a sale, signed; and who lets their holders in. See docs/tickets.md.",
    NUMBERS_AND_FACTS: "What has happened to a screening.",
    WEBHOOKS: "For who is told of events by HTTP: see docs/webhooks.md.",
    OPERATING: "For operators: how sales go, what waits and what was refused. Only there where it is switched on.",
    SERVICE: "Whether the system is well, and this document.",
}

FOR_BROWSERS = frozenset({"GET /", "GET /docs", "GET /operations", "GET /gate", "GET /assets/{part}/{file}"})
"""Routes of pages and their files, which are not part of the API's contract."""

OPERATIONS: Mapping[str, Operation] = {
    "POST /api/sessions": Operation(
        SCREENINGS,
        "Schedule a screening",
        description="Seats are numbered A1, A2, … row by row. The price has two decimals at most, and the start lies "
        "in the years 2000 to 2099.",
        headers=(IDEMPOTENCY_KEY,),
        request=sessions_wire.SessionRequest(SESSION.movie_title, SESSION.starts_at, SESSION.room, 16, 25.00),
        answer=sessions_wire.scheduled(replace(SESSION, total_seats=16)),
        status=201,
        errors=(refusals.IdempotencyKeyReused,),
    ),
    "GET /api/sessions": Operation(
        SCREENINGS,
        "What is on, by start time",
        description="All screenings, also those that are over or cancelled, unless `from` says from when on. "
        "Right within a second: caches in between may keep it so long, and answer many who ask alike. So send whole "
        "minutes in `from`.",
        query=(*PAGE, FROM),
        answer=sessions_wire.programme(Page([SESSION], None)),
        has_etag=True,
        errors=(refusals.CursorInvalid,),
    ),
    "GET /api/sessions/{session_id}": Operation(
        SCREENINGS,
        "One screening",
        description="What is shown of it; its seats have an address of their own.",
        answer=sessions_wire.session(SESSION),
        has_etag=True,
        errors=(refusals.SessionNotFound,),
    ),
    "GET /api/sessions/{session_id}/seats": Operation(
        SCREENINGS,
        "Its seats, as they are now",
        description="A hold that has lapsed is shown as available from its very second. Who polls sends the `ETag`.",
        query=(MAX_AGE,),
        answer=sessions_wire.seat_map(SEATS),
        has_etag=True,
        errors=(refusals.SessionNotFound, refusals.SessionCancelled),
    ),
    "GET /api/live": Operation(
        SCREENINGS,
        "Where to open a WebSocket for live seat maps",
        description='Send `{"action": "subscribe", "sessionId": "…"}` there; each change then comes as '
        '`{"type": "rows", "sessionId": "…", "rows": […]}`. Without a `url`, or after `{"type": "full"}`, '
        "poll the seats.",
        answer=live_wire.LiveEndpointBody("wss://abcdef1234.execute-api.us-east-1.amazonaws.com/prod"),
        asks_the_database=False,
    ),
    "POST /api/reservations": Operation(
        RESERVATIONS,
        "Hold seats for 30 seconds, all of them or none",
        description="To the address, if there is one, letters about the hold and its payment are sent. A hold counts "
        "as many requests as it has seats.",
        headers=(IDEMPOTENCY_KEY,),
        request=reservations_wire.HoldRequest(
            session_id=SESSION.id, user_id=USER, seat_numbers=list(PENDING.seats), email="ana@example.com"
        ),
        answer=reservations_wire.held_reservation(PENDING),
        status=201,
        errors=(
            refusals.TooManySeats,
            refusals.SessionNotFound,
            refusals.SeatsNotFound,
            refusals.SeatsUnavailable,
            refusals.TooManyHoldsInSession,
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
        description="`pending`, `confirmed`, `expired` or `cancelled`, as it is now.",
        answer=reservations_wire.reservation(SOLD, SOLD.state),
        errors=(refusals.ReservationNotFound,),
    ),
    "POST /api/reservations/{reservation_id}/payment": Operation(
        RESERVATIONS,
        "Start its payment at the payment gateway",
        description="The same payment for the same hold, however often it is asked. Its id is the transaction of the "
        "confirmation. With the simulated gateway it is paid at once.",
        answer=reservations_wire.payment(PENDING, INTENT),
        status=201,
        errors=(
            refusals.ReservationNotFound,
            refusals.ReservationConfirmed,
            refusals.ReservationExpired,
            refusals.ReservationCancelled,
            refusals.FreeOfCharge,
            refusals.PaymentsUnavailable,
        ),
    ),
    "POST /api/payments/webhook": Operation(
        WEBHOOKS,
        "The payment gateway says that something was paid",
        description="In the gateway's own form, signed with its secret over the raw body. What follows from it is "
        "done later; the same message again changes nothing.",
        headers=(GATEWAY_SIGNATURE,),
        request=payments_wire.SimulatedGatewayMessage("evt-1", "payment.charged", {"paymentId": SALE.transaction_id}),
        answer=payments_wire.GatewayMessageReceivedBody(),
        errors=(refusals.WebhookAuthenticationFailed,),
    ),
    "POST /api/reservations/{reservation_id}/confirm": Operation(
        RESERVATIONS,
        "The payment arrived: the seats are sold",
        description="Confirming again with the same transaction gives the same sale. What is free of charge is "
        "confirmed without a payment: `{}`. A payment that was charged and buys nothing is returned: one that is "
        "late, that comes second, or is for a reservation or a screening that was cancelled.",
        request=reservations_wire.ConfirmationRequest(SALE.payment_method, SALE.transaction_id),
        answer=reservations_wire.sale(SOLD),
        errors=(
            refusals.ReservationNotFound,
            refusals.TransactionMissing,
            refusals.PaymentNotReportedYet,
            refusals.PaymentClaimedOrUsed,
            refusals.PaymentRefundedOrWrongAmount,
            refusals.PaidByAnotherTransaction,
            refusals.ReservationExpired,
            refusals.ReservationCancelled,
            refusals.SessionCancelled,
        ),
    ),
    "DELETE /api/reservations/{reservation_id}": Operation(
        RESERVATIONS,
        "Give the seats back",
        description="The same answer comes also the second time.",
        answer=reservations_wire.reservation(PENDING, State.CANCELLED),
        errors=(refusals.ReservationNotFound, refusals.ReservationConfirmed, refusals.ReservationExpired),
    ),
    "GET /api/reservations/{reservation_id}/invoice": Operation(
        RESERVATIONS,
        "The way to the invoice of a sale, a PDF",
        description="The `Location` needs no credentials and lasts five minutes. It is there some seconds after the "
        "sale. A page that can't follow it asks for the link itself.",
        query=(AS_LINK,),
        answer=invoices_wire.invoice(INVOICE),
        status=303,
        other_answers={200: invoices_wire.invoice(INVOICE)},
        errors=(refusals.ReservationNotFound, refusals.InvoiceNotReady, refusals.ReservationNotPaid),
    ),
    "GET /api/reservations/{reservation_id}/tickets": Operation(
        TICKETS_AND_GATES,
        "The tickets of a sale, one for each seat",
        description="They are there some seconds after the sale, and after a transfer. `qr` is an SVG image of the "
        "`token`; `code` is for who has to read it out.",
        answer=tickets_wire.tickets(PENDING.id, TICKETS, lambda _: '<svg xmlns="http://www.w3.org/2000/svg">…</svg>'),
        errors=(
            refusals.ReservationNotFound,
            refusals.ReservationNotPaid,
            refusals.TicketsNotReady,
            refusals.TicketVoid,
            refusals.SessionCancelled,
        ),
    ),
    "GET /api/reservations/{reservation_id}/calendar": Operation(
        TICKETS_AND_GATES,
        "A sale as a file for calendars",
        description="iCalendar (RFC 5545), in the language of `Accept-Language`. Once the screening is cancelled, the "
        "file says so, with a higher `SEQUENCE`.",
        answer=CALENDAR,
        errors=(refusals.ReservationNotFound, refusals.ReservationNotPaid),
    ),
    "POST /api/tickets/{code}/transfer": Operation(
        TICKETS_AND_GATES,
        "Put a new ticket in the place of one",
        description="The old one is void from this moment on. The new one is among the reservation's tickets once it "
        "is signed. Sent again, the request gives the same new ticket.",
        answer=tickets_wire.transferred(TICKET),
        status=202,
        errors=(
            refusals.TicketNotFound,
            refusals.TicketVoid,
            refusals.AlreadyAdmitted,
            refusals.TooManyTransfers,
            refusals.SessionCancelled,
        ),
    ),
    "POST /api/tickets/admit": Operation(
        TICKETS_AND_GATES,
        "Let the holder of a ticket in, once",
        description="From however many gates at once, one request is answered 200. A gate that let somebody in without "
        "a connection tells it later, with `admittedAt`: it counts as it would have at that moment.",
        headers=(SCAN_KEY,),
        request=tickets_wire.AdmissionRequest(gate_id="north", room_number=SESSION.room, code=TICKET.code),
        answer=tickets_wire.admitted(ADMITTED),
        errors=(
            refusals.TicketTokenInvalid,
            refusals.TicketNotFound,
            refusals.TicketVoid,
            refusals.AlreadyAdmitted,
            refusals.WrongRoom,
            refusals.AdmissionNotOpenYet,
            refusals.AdmissionOver,
            refusals.SessionCancelled,
        ),
    ),
    "GET /api/sessions/{session_id}/tickets": Operation(
        TICKETS_AND_GATES,
        "A screening's tickets, for its gates",
        description="With it and the public keys a gate can do without a connection. It has no tokens and no persons, "
        "and may be some moments late. A `code` is as good as its ticket: show it to nobody.",
        query=PAGE,
        answer=tickets_wire.gate_list(GATE_LIST),
        errors=(refusals.SessionNotFound, refusals.SessionCancelled, refusals.CursorInvalid),
    ),
    "GET /.well-known/jwks.json": Operation(
        TICKETS_AND_GATES,
        "The public keys that tickets are signed with",
        description="A JSON Web Key Set. A key stays in it until the last screening is over that it has signed a "
        "ticket for.",
        answer=tickets_wire.keys({TICKET_KEY.id: TICKET_KEY}),
    ),
    "GET /api/users/{user_id}/purchases": Operation(
        RESERVATIONS,
        "What a user bought, newest first",
        description="A sale is in it as soon as its confirmation has been answered. One whose screening was cancelled "
        "stays, as refunded once the money went back.",
        query=PAGE,
        answer=reservations_wire.purchases(USER, Page([SOLD], None)),
        errors=(refusals.UserNotFoundOrNotVisible, refusals.CursorInvalid),
    ),
    "GET /api/sessions/{session_id}/events": Operation(
        NUMBERS_AND_FACTS,
        "Everything that happened to a screening, once, in order",
        description="An event is in it some seconds after its fact.",
        query=PAGE,
        answer=events_wire.events(SESSION.id, Page([HAPPENED], None)),
        errors=(refusals.SessionNotFound, refusals.CursorInvalid),
    ),
    "GET /api/sessions/{session_id}/analytics": Operation(
        NUMBERS_AND_FACTS,
        "A screening in numbers",
        description="Counted from its events, some seconds after each.",
        answer=analytics_wire.analytics(NUMBERS),
        errors=(refusals.SessionNotFound,),
    ),
    "POST /api/webhooks/{webhook_id}/replay": Operation(
        WEBHOOKS,
        "Deliver again what came after a number",
        description="Signed by the subscriber, as deliveries are. When more may follow, ask again with "
        "`nextAfterSequence`.",
        headers=(SIGNATURE,),
        request=webhooks_wire.ReplayRequest(SESSION.id, 11),
        answer=webhooks_wire.ReplayedBody(SESSION.id, 100, 111),
        status=202,
        errors=(refusals.WebhookAuthenticationFailed, refusals.WebhookDisabled),
    ),
    "GET /api/operations": Operation(
        OPERATING,
        "The operator's board",
        description="The screenings that run or come next, three hours of five minutes each, queues, refusals, "
        "dependencies. Up to two seconds old.",
        query=(CURSOR,),
        answer=board_wire.board(BOARD),
        errors=(NotFoundError, refusals.CursorInvalid),
    ),
    "GET /api/operations/queues/{queue}/letters": Operation(
        OPERATING,
        "Some dead letters of a queue",
        description="They stay where they are.",
        answer=board_wire.dead_letters("email", [LETTER]),
        errors=(NotFoundError, refusals.QueueNotFound, refusals.DeploymentMayNotUseQueue),
    ),
    "POST /api/operations/queues/{queue}/redrive": Operation(
        OPERATING,
        "Give dead letters back to their queue",
        description="At most as many as there are when it begins.",
        request=board_wire.RedriveRequest(),
        answer=board_wire.redriven("email", RedriveResult(2, 0)),
        errors=(NotFoundError, refusals.QueueNotFound, refusals.DeploymentMayNotUseQueue),
    ),
    "GET /health": Operation(
        SERVICE,
        "Alive",
        description="No dependency is touched.",
        answer=health_wire.HealthBody("ok"),
        asks_the_database=False,
    ),
    "GET /ready": Operation(
        SERVICE,
        "Each dependency, with its state and latency",
        description="503 only when one is down that bookings need. `breaker` is the state of its circuit breaker, and "
        "`trips` how often it has opened: Redis's in the process that answers; of others, as their functions said "
        "last. Whoever asks within a second gets the same answer; `checkedAt` is when it was found out.",
        answer=health_wire.readiness(Readiness(DEPENDENCIES, NOW)),
        other_answers={503: health_wire.readiness(Readiness(IMPOSSIBLE, NOW))},
        asks_the_database=False,
    ),
    "GET /openapi.json": Operation(
        SERVICE,
        "This document",
        description="OpenAPI 3.1, made of the routes as they are.",
        answer=DocumentBody("3.1.0", {}, [], [], [], {}, {}),
        has_etag=True,
        asks_the_database=False,
    ),
}
