"""Examples for the OpenAPI document. The examples of all routes are about one screening, one buyer, one reservation.

The examples of errors are in the table of errors (chalicelib/api/http/errors.py), for the same reservation.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from chalicelib.api.http.errors import EXPIRES_AT, RESERVATION_ID, SALE_ID, SESSION_ID, STARTS_AT, TRANSACTION_ID
from chalicelib.application.board import Board
from chalicelib.application.consumers.analytics import SessionAnalytics
from chalicelib.application.queries import SeatMap, SeatView
from chalicelib.application.tickets import AdmittedTicket, GateListPage, ShownTickets
from chalicelib.domain.analytics import Tally, bucket_start
from chalicelib.domain.board import DeadLetter, DependencyState, QueueState, ScreeningTallies
from chalicelib.domain.events import Event, EventType
from chalicelib.domain.invoices import InvoiceLink
from chalicelib.domain.pages import Page
from chalicelib.domain.payments import PaymentIntent
from chalicelib.domain.reservations import Reservation, Sale
from chalicelib.domain.sessions import Session
from chalicelib.domain.tickets.ticket import Admission, ListedTicket, Ticket, VoidReason, admission_times
from chalicelib.domain.tickets.tokens import PublicKey, TicketFacts, encode_token

NOW = datetime(2034, 2, 10, 14, 30, tzinfo=UTC)
USER = "user-123"
SESSION = Session(
    id=SESSION_ID,
    movie_title="Oppenheimer",
    starts_at=STARTS_AT,
    room="A1",
    total_seats=4,
    seats_per_row=10,
    ticket_price=Decimal("25.00"),
    created_at=NOW - timedelta(days=3),
)
PENDING = Reservation(
    id=RESERVATION_ID,
    session_id=SESSION.id,
    movie_title=SESSION.movie_title,
    user_id=USER,
    seats=("A1", "A2"),
    amount=Decimal("50.00"),
    fingerprint="",
    created_at=NOW,
    expires_at=EXPIRES_AT,
)
SALE = Sale(SALE_ID, TRANSACTION_ID, "credit_card", NOW + timedelta(seconds=12))
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
TICKET_KEY = PublicKey(bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"))
"""The public key of test 1 in RFC 8032, section 7.1."""
_UNSIGNED = Ticket("K7QX-2MNP", RESERVATION_ID, SESSION.id, "A1", SALE.paid_at)
_FACTS = TicketFacts(TICKET_KEY.id, SESSION.id, _UNSIGNED.code, _UNSIGNED.seat, 1, STARTS_AT, SALE.paid_at)
TICKET = _UNSIGNED.with_token(encode_token(_FACTS.to_bytes(), bytes(64)))
TICKETS = ShownTickets(SESSION, (TICKET,))
CALENDAR = "\r\n".join(
    (
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Cinema Tickets//Tickets//EN",
        "BEGIN:VEVENT",
        f"UID:{SALE_ID}@cinema-tickets",
        "SEQUENCE:0",
        "DTSTAMP:20340210T143012Z",
        f"DTSTART:{STARTS_AT:%Y%m%dT%H%M%SZ}",
        f"SUMMARY:{SESSION.movie_title}",
        "STATUS:CONFIRMED",
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    )
)
ADMITTED = AdmittedTicket(TICKET, SESSION, Admission(STARTS_AT - timedelta(minutes=12), "north", "scan-1"))
GATE_LIST = GateListPage(
    SESSION,
    *admission_times(STARTS_AT, timedelta(minutes=60)),
    STARTS_AT - timedelta(minutes=10),
    Page(
        [
            ListedTicket(TICKET.code, "A1", 1, None, ADMITTED.admission.admitted_at, "north"),
            ListedTicket("BX4T-9WKD", "A2", 1, VoidReason.TRANSFERRED),
            ListedTicket("M3RH-6ZPV", "A2", 2),
        ],
        None,
    ),
)
HAPPENED = Event(
    id="01b307acba4f54f5",
    type=EventType.PAYMENT_CONFIRMED,
    occurred_at=SALE.paid_at,
    session_id=SESSION.id,
    reservation_id=SOLD.id,
    seats=SOLD.seats,
    data={"amountCents": 5000, "saleId": SALE.id, "transactionId": TRANSACTION_ID, "paymentMethod": "credit_card"},
)
COUNTED = Tally(holds=2, seats_in_holds=3, sales=1, seats_in_sales=2, revenue_cents=5000, expiries=1)
NUMBERS = SessionAnalytics(
    session_id=SESSION.id,
    total_seats=SESSION.total_seats,
    as_of=NOW + timedelta(minutes=7),
    total=COUNTED,
    by_day=((date(2034, 2, 10), COUNTED),),
    running_totals=((NOW, COUNTED),),
)
DEPENDENCIES = (
    DependencyState("dynamodb", required=True, up=True, latency_ms=3.1),
    DependencyState("redis", required=False, up=False, latency_ms=50.2, reason="TimeoutError", breaker="open", trips=1),
    DependencyState("ses", required=False, up=True, latency_ms=11.8, breaker="half-open", trips=3),
)
BOARD = Board(
    as_of=NOW,
    screenings=Page([ScreeningTallies(SESSION, {bucket_start(NOW): COUNTED}, COUNTED)], None),
    queues=(QueueState("email", 3, 1, 0, 2, True), QueueState("stream-failures", 0, 0, 0, 0, False)),
    refusals={bucket_start(NOW): {"SEAT_ALREADY_RESERVED": 41, "RESERVATION_EXPIRED": 2}},
    dependencies=DEPENDENCIES,
)
LETTER = DeadLetter(
    "219f8380-5770-4cc2-8c3e-5c715e145f5e",
    NOW,
    "EmailNotConfirmed('SES: ServiceUnavailable: try again')",
    5,
    1,
    {},
    '{"version": 1}',
)
IMPOSSIBLE = (replace(DEPENDENCIES[0], up=False, reason="could not connect"), *DEPENDENCIES[1:])
