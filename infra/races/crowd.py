"""Sends the requests of many buyers at the same moment, on open connections to all instances of the API."""

import contextlib
import http.client
import json
import threading
import time
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

LONGEST_ANSWER_SECONDS = 10.0
"""The longest wait for an answer, after which a race fails. No answer of the API takes so long."""

POLL_SECONDS = 0.002


class UnexpectedAnswer(Exception):
    """A request got an answer with which the race can't go on. The message has the whole answer."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request. It is sent at `not_before` (seconds since the epoch), or at once if that moment has passed."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    not_before: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a call."""

    status: int
    body: dict[str, Any]
    milliseconds: float
    instance: str
    """The base URL of the API instance that answered."""


# The requests of buyers.


def schedule_call(total_seats: int, seats_per_row: int = 10, key: str = "") -> Call:
    """Makes the request that schedules a screening."""
    body = {
        "movieTitle": "Oppenheimer",
        "startTime": "2031-02-15T19:00:00Z",
        "roomNumber": "A1",
        "totalSeats": total_seats,
        "seatsPerRow": seats_per_row,
        "ticketPrice": 25.00,
    }
    return Call("POST", "/api/sessions", body, {"Idempotency-Key": key} if key else {})


def hold_call(session_id: str, user_id: str, seats: Sequence[str], key: str = "", not_before: float = 0.0) -> Call:
    body = {"sessionId": session_id, "userId": user_id, "seatNumbers": list(seats)}
    return Call("POST", "/api/reservations", body, {"Idempotency-Key": key} if key else {}, not_before)


def confirm_call(reservation_id: str, transaction_id: str, not_before: float = 0.0) -> Call:
    body = {"paymentMethod": "credit_card", "transactionId": transaction_id}
    return Call("POST", f"/api/reservations/{reservation_id}/confirm", body, not_before=not_before)


def cancel_call(reservation_id: str) -> Call:
    return Call("DELETE", f"/api/reservations/{reservation_id}")


def seat_map_call(session_id: str) -> Call:
    return Call("GET", f"/api/sessions/{session_id}/seats")


def purchases_call(user_id: str) -> Call:
    return Call("GET", f"/api/users/{user_id}/purchases")


def new_buyers(count: int) -> list[str]:
    """Makes new user ids."""
    family = uuid.uuid4().hex[:8]
    return [f"buyer-{family}-{number}" for number in range(count)]


# The clients.


class Client:
    """A keep-alive connection to one instance. Connects again if the server has closed the connection."""

    def __init__(self, instance: str) -> None:
        self.instance = instance
        address = urlsplit(instance)
        self.connection = http.client.HTTPConnection(
            address.hostname or "", address.port, timeout=LONGEST_ANSWER_SECONDS
        )
        self.connection.connect()

    def ask(self, call: Call) -> Answer:
        """Sends the request and reads the answer. Raises OSError or HTTPException when none comes."""
        headers = {"Content-Type": "application/json", **call.headers}
        body = None if call.body is None else json.dumps(call.body)
        started = time.perf_counter()
        self.connection.request(call.method, call.path, body, headers)
        response = self.connection.getresponse()
        text = response.read()
        return Answer(response.status, json.loads(text), (time.perf_counter() - started) * 1000, self.instance)


class Crowd:
    """Up to `size` clients that send requests at the same moment. They take turns in using the instances of the API.

    Each round begins with another client, so that no client and no instance is always first.
    """

    def __init__(self, instances: Sequence[str], size: int) -> None:
        self._stack = contextlib.ExitStack()
        self._threads = self._stack.enter_context(ThreadPoolExecutor(size))
        self._clients = deque(self._open_client(instances[number % len(instances)]) for number in range(size))

    def __enter__(self) -> "Crowd":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def ask_at_once(self, calls: Sequence[Call]) -> list[Answer]:
        """Sends all calls at the same moment. Gives the answers in the order of the calls.

        Raises OSError or HTTPException if an answer is missing, and ValueError if there are more calls than clients.
        """
        if len(calls) > len(self._clients):
            raise ValueError(f"{len(calls)} calls need as many clients; there are {len(self._clients)}.")
        self._clients.rotate(-1)
        start = threading.Barrier(max(len(calls), 1))
        asked = [self._threads.submit(_ask_on_signal, *each, start) for each in zip(self._clients, calls, strict=False)]
        return [answer.result(2 * LONGEST_ANSWER_SECONDS) for answer in asked]

    def expect(self, call: Call, status: int = 201) -> dict[str, Any]:
        """Sends one call and gives the body of the answer. Raises UnexpectedAnswer for another status."""
        answer = self._clients[0].ask(call)
        if answer.status != status:
            raise UnexpectedAnswer(f"{call.method} {call.path} should be answered {status}: {answer}")
        return answer.body

    def create_session(self, total_seats: int, seats_per_row: int = 10) -> str:
        """Schedules a screening and gives its id.

        Asks every instance for the screening's seats, so that each has read the screening before a race.
        """
        session = str(self.expect(schedule_call(total_seats, seats_per_row))["sessionId"])
        for client in {client.instance: client for client in self._clients}.values():
            client.ask(seat_map_call(session))
        return session

    def _open_client(self, instance: str) -> Client:
        client = Client(instance)
        self._stack.callback(client.connection.close)
        return client


def _ask_on_signal(client: Client, call: Call, start: threading.Barrier) -> Answer:
    """Waits for all other clients and for the call's moment, then sends the call."""
    start.wait(LONGEST_ANSWER_SECONDS)
    while (left := call.not_before - time.time()) > 0:
        time.sleep(min(left, POLL_SECONDS))
    return client.ask(call)
