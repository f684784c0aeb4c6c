"""An HTTP client that speaks the contract's requests, and the screening that tests book."""

import json
import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from infra.local.identity_provider import Person, Provider

READY_SECONDS = 30
READY_POLL_SECONDS = 0.05
"""The time to wait for a new answer, and between two questions: one is shared for one second."""

PROVIDERS: list[Provider] = []
"""The identity provider, where tests run with AUTH=on: then each request has a token. Empty without access control."""

SUBJECT = re.compile(r"[!-~]{1,128}")
ADDRESS = re.compile(r"(?=[^@]{1,64}@)[a-z0-9'+-]+(\.[a-z0-9'+-]+)*@[a-z0-9-]+(\.[a-z0-9-]+)+")
"""What a provider gives, and what it has verified: ASCII that can be seen; an address that emails can reach."""

SCREENING = {
    "movieTitle": "Oppenheimer",
    "startTime": "2034-02-15T19:00:00Z",
    "roomNumber": "A1",
    "totalSeats": 16,
    "ticketPrice": 25.00,
}


def signed_in(body: bytes | str | None) -> dict[str, str]:
    """Makes the header of an operator who is the user, and has the address, that the request's body names."""
    if not PROVIDERS:
        return {}
    return {"Authorization": f"Bearer {PROVIDERS[0].access_token(Person('operator'), **claims_named_in(body))}"}


def claims_named_in(body: bytes | str | None) -> dict[str, str]:
    """Gives the claims of the user, and of the address, that a request's body names; none where it is no JSON.

    What no provider would give anybody is left out: the token has another id or address then.
    """
    try:
        fields = json.loads(body or "{}")
    except (ValueError, RecursionError):
        fields = {}
    named = {"userId": "sub", "email": "email"} if isinstance(fields, dict) else {}
    texts = {claim: fields[name] for name, claim in named.items() if isinstance(fields.get(name), str)}
    forms = {"sub": SUBJECT, "email": ADDRESS}
    return {claim: text for claim, text in texts.items() if forms[claim].fullmatch(text)}


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    @cached_property
    def body(self) -> Any:
        return json.loads(self.text)


@dataclass(frozen=True)
class Api:
    """The API at a base URL."""

    base_url: str
    address: str = field(default="127.0.0.1", kw_only=True)
    """The address of its requests: every address of the form 127.x.x.x is this machine's own."""

    def send(self, method: str, path: str, body: bytes | str | None = None, **headers: str) -> Answer:
        """Sends one request as it is. Underscores in header names stand for hyphens."""
        connection = HTTPConnection(urlsplit(self.base_url).netloc, timeout=30, source_address=(self.address, 0))
        headers = {**signed_in(body), **headers}
        try:
            raw = body.encode() if isinstance(body, str) else body
            connection.request(method, path, raw, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            lowered = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, lowered, answer.read().decode())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.send("GET", path, **headers)

    def delete(self, path: str) -> Answer:
        return self.send("DELETE", path)

    def post(self, path: str, body: object, **headers: str) -> Answer:
        return self.send("POST", path, json.dumps(body), Content_Type="application/json", **headers)

    def schedule(self, **changes: Any) -> str:
        """Schedules a screening, with these fields changed, and gives its id."""
        return str(self.post("/api/sessions", {**SCREENING, **changes}).body["sessionId"])

    def hold(
        self, session_id: str, *seats: str, user: str = "user-123", email: str | None = None, **headers: str
    ) -> Answer:
        body = {"sessionId": session_id, "userId": user, "seatNumbers": list(seats)}
        return self.post("/api/reservations", body | ({"email": email} if email else {}), **headers)

    def confirm(self, reservation_id: str, transaction: str = "") -> Answer:
        """Confirms with a payment of its own: a payment buys one sale only."""
        payment = {"paymentMethod": "credit_card", "transactionId": transaction or f"tx-of-{reservation_id}"[:100]}
        return self.post(f"/api/reservations/{reservation_id}/confirm", payment)

    def ready(self) -> Answer:
        """Asks /ready until its answer is no older than the call. Raises TimeoutError."""
        asked, deadline = datetime.now(UTC), time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            answer = self.get("/ready")
            if answer.status not in (200, 503) or datetime.fromisoformat(answer.body["checkedAt"]) >= asked:
                return answer
            time.sleep(READY_POLL_SECONDS)
        raise TimeoutError("/ready gives an old answer")

    def seats(self, session_id: str) -> dict[str, Any]:
        """Reads the seat map: status by seat number."""
        seats = self.get(f"/api/sessions/{session_id}/seats").body["seats"]
        return {seat["number"]: seat["status"] for seat in seats}
