"""The principals that each route admits, written down by hand, and a client that sends any headers.

The table is compared with the routes that there are: one without an entry here fails. It is not read from the code.
"""

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from infra.local.identity_provider import Person
from tests.http_api import SCREENING, Answer
from tests.tokens import BUYER, OPERATOR, WRONG_TOKENS, Forger, Headers, bearer


@dataclass(frozen=True)
class Cinema:
    """An API with access control on, and a screening in it."""

    base_url: str
    forger: Forger
    session_id: str = ""

    def ask(self, method: str, path: str, body: object = None, headers: Headers | None = None) -> Answer:
        """Sends one request. The same header may come twice."""
        parts = urlsplit(self.base_url)
        connection = HTTPConnection(parts.netloc, timeout=30)
        text = b"" if body is None else json.dumps(body).encode()
        try:
            connection.putrequest(method, f"{parts.path}{path}")
            json_type = [("Content-Type", "application/json")] if text else []
            for name, value in [*json_type, *(headers or []), ("Content-Length", str(len(text)))]:
                connection.putheader(name, value)
            connection.endheaders(text)
            answer = connection.getresponse()
            lowered = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, lowered, answer.read().decode())
        finally:
            connection.close()

    def as_user(self, person: Person, method: str, path: str, body: object = None) -> Answer:
        return self.ask(method, path, body, bearer(self.forger.good(person)))

    def with_screening(self) -> "Cinema":
        made = self.as_user(OPERATOR, "POST", "/api/sessions", {**SCREENING, "totalSeats": 400, "seatsPerRow": 20})
        assert made.status == 201, made.text
        return Cinema(self.base_url, self.forger, made.body["sessionId"])

    def reserve(self, person: Person | None = None) -> tuple[str, Person]:
        """Holds a free seat for a buyer, by default a new one. Gives the reservation's id and the buyer."""
        buyer = person or Person("buyer", uuid.uuid4().hex)
        seats = self.ask("GET", f"/api/sessions/{self.session_id}/seats").body["seats"]
        free = next(seat["number"] for seat in seats if seat["status"] == "available")
        held = self.as_user(buyer, "POST", "/api/reservations", {"sessionId": self.session_id, "seatNumbers": [free]})
        assert held.status == 201, held.text
        return held.body["reservationId"], buyer


NAMES = {"code": "K7QX-2MNP", "queue": "email", "webhook_id": "wh-1", "part": "seats", "file": "words.js"}
"""Parameters of paths that are the same in all tests."""


@dataclass(frozen=True)
class Request:
    """A request to a route. {session_id}, {reservation_id}, {user_id} in its path and body are the test's."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    admitted: int = 200
    """The status for those whom the route admits."""
    to_others: int = 404
    """The status for another buyer than the owner."""

    @property
    def route(self) -> str:
        return f"{self.method} {self.path}"

    def filled(self, **values: str) -> tuple[str, str, Any]:
        """Gives method, path and body with the values."""
        path = self.path
        for name, value in {**NAMES, **values}.items():
            path = path.replace(f"{{{name}}}", value)
        body = self.body and {name: values.get(str(value).strip("{}"), value) for name, value in self.body.items()}
        return self.method, path, body


OPERATORS = (
    Request("POST", "/api/sessions", SCREENING, 201),
    Request("GET", "/api/sessions/{session_id}/events"),
    Request("GET", "/api/sessions/{session_id}/analytics"),
    Request("GET", "/api/operations"),
    Request("GET", "/api/operations/queues/{queue}/letters"),
    Request("POST", "/api/operations/queues/{queue}/redrive", {}),
)
GATES = (
    Request("POST", "/api/tickets/admit", {"gateId": "north", "roomNumber": "A1", "code": "K7QX-2MNP"}, 404),
    Request("GET", "/api/sessions/{session_id}/tickets"),
)
OWNERS = (
    Request("GET", "/api/reservations/{reservation_id}"),
    Request("POST", "/api/reservations/{reservation_id}/payment", {}, 201),
    Request(
        "POST",
        "/api/reservations/{reservation_id}/confirm",
        {"paymentMethod": "card", "transactionId": "{reservation_id}"},
    ),
    Request("DELETE", "/api/reservations/{reservation_id}"),
    Request("GET", "/api/reservations/{reservation_id}/invoice", admitted=409),
    Request("GET", "/api/reservations/{reservation_id}/tickets", admitted=409),
    Request("GET", "/api/reservations/{reservation_id}/calendar", admitted=409),
    Request("POST", "/api/tickets/{code}/transfer", {}, 404),
    Request("GET", "/api/users/{user_id}/purchases"),
    Request(
        "POST",
        "/api/reservations",
        {"sessionId": "{session_id}", "userId": "{user_id}", "seatNumbers": ["A1"]},
        to_others=403,
    ),
)
SIGNED = (
    Request("POST", "/api/payments/webhook", {}, 401),
    Request("POST", "/api/webhooks/{webhook_id}/replay", {"sessionId": "{session_id}", "afterSequence": 0}, 401),
)
OPEN = (
    Request("GET", "/api/sessions"),
    Request("GET", "/api/sessions/{session_id}"),
    Request("GET", "/api/sessions/{session_id}/seats"),
    Request("GET", "/api/live"),
    Request("GET", "/.well-known/jwks.json"),
    Request("GET", "/health"),
    Request("GET", "/ready"),
    Request("GET", "/openapi.json"),
    Request("GET", "/docs"),
    Request("GET", "/"),
    Request("GET", "/operations"),
    Request("GET", "/gate"),
    Request("GET", "/assets/{part}/{file}"),
)
NEED_TOKENS = (*OPERATORS, *GATES, *OWNERS)
ALL = (*NEED_TOKENS, *SIGNED, *OPEN)

Sender = Callable[[Cinema, str, str, Any], Answer]


def _wrongly(make: Callable[[Forger], str], cinema: Cinema, method: str, path: str, body: Any) -> Answer:
    return cinema.ask(method, path, body, bearer(make(cinema.forger)))


def _with_headers(headers: Callable[[Forger], Headers], cinema: Cinema, method: str, path: str, body: Any) -> Answer:
    return cinema.ask(method, path, body, headers(cinema.forger))


def _in_the_query(cinema: Cinema, method: str, path: str, body: Any) -> Answer:
    return cinema.ask(method, f"{path}?access_token={cinema.forger.good(OPERATOR)}", body)


def _in_query_and_header(cinema: Cinema, method: str, path: str, body: Any) -> Answer:
    token = cinema.forger.good(OPERATOR)
    return cinema.ask(method, f"{path}?access_token={token}", body, bearer(token))


UNAUTHENTICATED: Mapping[str, Sender] = {
    "nobody": partial(_with_headers, lambda _: []),
    **{name: partial(_wrongly, make) for name, make in WRONG_TOKENS.items()},
    "two headers": partial(_with_headers, lambda forger: [*bearer(forger.good(OPERATOR)), *bearer(forger.good(BUYER))]),
    "the same header twice": partial(_with_headers, lambda forger: bearer(forger.good(OPERATOR)) * 2),
    "two tokens in one header": partial(
        _with_headers, lambda forger: bearer(f"{forger.good(OPERATOR)}, Bearer {forger.good(OPERATOR)}")
    ),
    "another scheme": partial(_with_headers, lambda forger: [("Authorization", f"Basic {forger.good(OPERATOR)}")]),
    "no scheme": partial(_with_headers, lambda forger: [("Authorization", forger.good(OPERATOR))]),
    "an empty header": partial(_with_headers, lambda _: [("Authorization", "")]),
    "another header": partial(_with_headers, lambda forger: [("X-Authorization", f"Bearer {forger.good(OPERATOR)}")]),
    "in the query": _in_the_query,
    "in the query as well": _in_query_and_header,
}
"""Every way to ask that proves nobody. All but the first try to be an operator."""
