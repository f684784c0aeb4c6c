"""The parameters of the routes, in paths, queries and headers.

A new path parameter needs an entry in PATH: a test fails until it is there.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from msgspec import Meta

from chalicelib.api.http.errors import WEBHOOK_ID
from chalicelib.api.wire import bodies
from chalicelib.api.wire.bodies import CalendarMoment

from .examples import PENDING, SESSION, TICKET, USER


@dataclass(frozen=True)
class Parameter:
    """A parameter in a path, a query or a header. `kind` is the type of its values, from which msgspec makes a
    schema."""

    name: str
    description: str
    kind: Any = str
    example: object = None


PATH = {
    "session_id": Parameter("session_id", "The screening's id.", str, SESSION.id),
    "reservation_id": Parameter("reservation_id", "The reservation's id.", str, PENDING.id),
    "user_id": Parameter(
        "user_id",
        "The buyer's id, as in the hold; `me`: who is signed in.",
        Annotated[str, Meta(pattern=bodies.NOT_BLANK)],
        USER,
    ),
    "webhook_id": Parameter("webhook_id", "The subscription's id, which an operator gave you.", str, WEBHOOK_ID),
    "code": Parameter("code", "The ticket's code, with or without its hyphen.", str, TICKET.code),
    "queue": Parameter("queue", "The queue's name, as on the board.", str, "email"),
}
LIMIT = Parameter("limit", "How many a page has at most.", Annotated[int, Meta(ge=1, le=bodies.LARGEST_PAGE)], 20)
CURSOR = Parameter(
    "cursor",
    "The `nextCursor` of the page before; absent for the first one.",
    Annotated[str, Meta(min_length=1, max_length=500, pattern="^[A-Za-z0-9_-]+={0,2}$")],
)
PAGE = (LIMIT, CURSOR)
FROM = Parameter("from", "Screenings that start at this moment or later.", CalendarMoment, SESSION.starts_at)
MAX_AGE = Parameter(
    "maxAge",
    "`1`: the map may be a second old, and a CDN in front gives all who ask so the same one. For who polls.",
    Literal["0", "1"],
)
AS_LINK = Parameter("as", "`link`: the answer is 200, and sends nobody anywhere.", Literal["link"])
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
SCAN_KEY = Parameter(
    "Idempotency-Key",
    "Any text of the gate's that names this scan. Sent again by the same gate with it, after an answer that was lost, "
    "it is the same admission; without one, every request is another.",
    Annotated[str, Meta(min_length=1, max_length=bodies.LONGEST_KEY_CHARACTERS, pattern=bodies.NOT_BLANK)],
)
IDEMPOTENCY_KEY = Parameter(
    "Idempotency-Key",
    "Any text of yours that names this request: among all of the buyer's for a hold, among all of the cinema's for a "
    "screening. Sent again with it, the request gets the same answer and has no second effect.",
    Annotated[str, Meta(min_length=1, max_length=bodies.LONGEST_KEY_CHARACTERS, pattern=bodies.NOT_BLANK)],
)
"""The header Idempotency-Key. It has no example, because the page /docs would send the example with every request: a
second request, with another body, would be refused."""
