"""Clients that buy at once for a while: through the API, or by the bare calls of DynamoDB that the API would make."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from botocore import xform_name

from chalicelib.infrastructure.dynamodb.lean.http import HttpAnswer, read_http_answer

from .recorded import Recorded

CLIENTS = 8
AUTHORIZATION = "AWS4-HMAC-SHA256 Credential=test/20261127/us-east-1/dynamodb/aws4_request, SignedHeaders=host, "

Buy = Callable[[int], None]
"""Completes the purchase of this number, or raises."""


class NotBoughtError(Exception):
    """A purchase was answered otherwise than it must be."""


class Wire:
    """A keep-alive connection that sends ready-made requests and reads the answers: the least work for a client."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host = f"{parts.hostname}:{parts.port}"
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, path: str, body: str, headers: str, status: int, method: str = "POST") -> HttpAnswer:
        data = body.encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: {self.host}\r\n{headers}Content-Length: {len(data)}\r\n\r\n"
        self.socket.sendall(head.encode() + data)
        answer = read_http_answer(self.socket)
        if answer.status != status:
            raise NotBoughtError(f"{path} was answered {answer.status}: {answer.body[:300]!r}")
        return answer


@contextlib.contextmanager
def bare_buyer(url: str, calls_of: Callable[[int], Sequence[Recorded]], status: int = 200) -> Iterator[Buy]:
    """Gives a buyer who sends the calls themselves, ready-made, without a library and without a true signature.

    `calls_of` gives the calls of each number. Each is to be answered with `status`.
    """
    wire = Wire(url)

    def buy(number: int) -> None:
        for operation, body in calls_of(number):
            headers = (
                f"X-Amz-Target: DynamoDB_20120810.{operation}\r\nContent-Type: application/x-amz-json-1.0\r\n"
                f"Authorization: {AUTHORIZATION}Signature={'0' * 64}\r\nX-Amz-Date: 20261127T050000Z\r\n"
            )
            wire.ask("/", body, headers, status)

    with wire.socket:
        yield buy


@contextlib.contextmanager
def boto3_buyer(client: Any, purchases: Sequence[Sequence[Recorded]]) -> Iterator[Buy]:
    """Gives a buyer who makes the calls by a client of boto3, which all share."""

    def buy(number: int) -> None:
        for operation, body in purchases[number]:
            getattr(client, xform_name(operation))(**json.loads(body))

    yield buy


@contextlib.contextmanager
def api_buyer(url: str, seats: Sequence[tuple[str, str]]) -> Iterator[Buy]:
    """Gives a buyer who holds a seat and pays for it, by the API. `seats` are screening and seat of each purchase."""
    wire, headers = Wire(url), "Content-Type: application/json\r\n"

    def buy(number: int) -> None:
        session, seat = seats[number]
        body = f'{{"sessionId":"{session}","userId":"buyer-{number}-{seat}","seatNumbers":["{seat}"]}}'
        held = json.loads(wire.ask("/api/reservations", body, headers, 201).body)["reservationId"]
        paid = f'{{"paymentMethod":"credit_card","transactionId":"tx-{held}"}}'
        wire.ask(f"/api/reservations/{held}/confirm", paid, headers, 200)

    with wire.socket:
        yield buy


@contextlib.contextmanager
def refused_buyer(url: str, session: str, sold_seat: str) -> Iterator[Buy]:
    """Gives a buyer who asks the API for a seat that is sold."""
    wire, headers = Wire(url), "Content-Type: application/json\r\n"

    def ask(number: int) -> None:
        body = f'{{"sessionId":"{session}","userId":"late-{number}","seatNumbers":["{sold_seat}"]}}'
        wire.ask("/api/reservations", body, headers, 409)

    with wire.socket:
        yield ask


@contextlib.contextmanager
def viewer(url: str, session: str) -> Iterator[Buy]:
    """Gives a viewer who asks the API for a seat map."""
    wire = Wire(url)
    with wire.socket:
        yield lambda _: wire.ask(f"/api/sessions/{session}/seats", "", "", 200, "GET") and None


class Bought(NamedTuple):
    purchases: int
    seconds: float


def buy_for(
    seconds: float, new_buyer: Callable[[], contextlib.AbstractContextManager[Buy]], numbers: Iterator[int]
) -> Bought:
    """Has CLIENTS buyers buy, one purchase after the other, for `seconds`. Raises the error of a failed purchase."""
    taking = threading.Lock()
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(CLIENTS) as threads:
        buyers = [stack.enter_context(new_buyer()) for _ in range(CLIENTS)]
        started = time.monotonic()
        running = [threads.submit(_buy_until, started + seconds, buy, numbers, taking) for buy in buyers]
        bought = sum(each.result() for each in running)
        return Bought(bought, time.monotonic() - started)


def _buy_until(deadline: float, buy: Buy, numbers: Iterator[int], taking: threading.Lock) -> int:
    """Buys until the deadline. Gives the number of purchases."""
    bought = 0
    while time.monotonic() < deadline:
        with taking:
            number = next(numbers)
        buy(number)
        bought += 1
    return bought
