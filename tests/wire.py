"""The wire between an API process and the emulator: counts what goes over it, and breaks it where a test says so.

    API process ──► Wire (loopback proxy) ──► emulator

Counting here sees every call of every client in the process, and the client library's retries too.
"""

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from infra.local.serving import serve


class Fault(Enum):
    ANSWER_LOST_ONCE = auto()
    """The call takes effect, the connection breaks before the answer: the client library sends it again."""
    CRASH_BEFORE = auto()
    """The request dies before the call."""
    CRASH_AFTER = auto()
    """The request dies after the call has taken effect."""
    THROTTLED = auto()
    """DynamoDB refuses the call and all that follow, until healed."""
    DELAYED_ONCE = auto()
    """The call stays on the wire, so that the client library sends it again; `arrive_late` lets it take effect."""


@dataclass
class Call:
    service: str
    operation: str
    answer: dict[str, Any]
    request: dict[str, Any] = field(default_factory=dict)

    @property
    def is_consistent(self) -> bool:
        """A read that shows all writes before it."""
        asked = [self.request, *self.request.get("RequestItems", {}).values()]
        return any(one.get("ConsistentRead") for one in asked)

    @property
    def write_units(self) -> float:
        """Counts write units as the emulator reckons them: a transaction that reads consumes them, too."""
        consumed = self.answer.get("ConsumedCapacity", [])
        entries = consumed if isinstance(consumed, list) else [consumed]
        writes = self.operation in ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem")
        return sum(entry["CapacityUnits"] for entry in entries) if writes else 0


def operations(calls: list[Call]) -> list[str]:
    assert all(call.service.startswith("DynamoDB") for call in calls), "only DynamoDB is asked in a request's path"
    return [call.operation for call in calls]


def write_units(calls: list[Call]) -> float:
    return sum(call.write_units for call in calls)


@dataclass
class Wire:
    url: str
    target: str
    calls: list[Call] = field(default_factory=list)
    fault: Fault | None = None
    at_call: int = 0
    delayed: list[Callable[[], object]] = field(default_factory=list)

    @contextmanager
    def counting(self) -> Iterator[list[Call]]:
        """Gives the calls that are made within."""
        start = len(self.calls)
        seen: list[Call] = []
        yield seen
        seen += self.calls[start:]

    @contextmanager
    def broken(self, fault: Fault, at_call: int) -> Iterator[None]:
        """Lets the fault strike at the call of that number, counted from 1 here."""
        self.fault, self.at_call = fault, len(self.calls) + at_call
        try:
            yield
        finally:
            self.fault = None

    def arrive_late(self) -> None:
        """Sends the delayed calls now, after all that was written meanwhile."""
        while self.delayed:
            self.delayed.pop(0)()

    def strikes(self) -> Fault | None:
        """Gives the fault that the next call meets, if any."""
        number = len(self.calls) + 1
        lasting = self.fault is Fault.THROTTLED
        return self.fault if self.fault and (number == self.at_call or (lasting and number > self.at_call)) else None


@contextmanager
def wire_to(endpoint: str) -> Iterator[Wire]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    with serve(server) as url:
        wire = Wire(url, target=urlsplit(endpoint).netloc)
        server.wire = wire  # type: ignore[attr-defined] # how http.server hands things to its handlers
        yield wire


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self) -> None:
        wire: Wire = self.server.wire  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        service, operation = self._service_and_operation(body)
        fault = wire.strikes()
        if fault in (Fault.CRASH_BEFORE, Fault.THROTTLED):
            wire.calls.append(Call(service, operation, {}))
            return self._refuse("SimulatedCrash" if fault is Fault.CRASH_BEFORE else "ThrottlingException")
        if fault is Fault.DELAYED_ONCE:
            wire.fault = None
            wire.calls.append(Call(service, operation, {}))
            wire.delayed.append(partial(self._forward, wire.target, service, body))
            self.close_connection = True
            return None
        status, headers, answer = self._forward(wire.target, service, body)
        answered, asked = (json.loads(answer or b"{}"), json.loads(body)) if service else ({}, {})
        wire.calls.append(Call(service, operation, answered, asked))
        if fault is Fault.ANSWER_LOST_ONCE:
            wire.fault = None
            self.close_connection = True
            return None
        if fault is Fault.CRASH_AFTER:
            return self._refuse("SimulatedCrash")
        return self._answer(status, headers, answer)

    def do_GET(self) -> None:
        """Passes on a call to S3, which no test breaks."""
        wire: Wire = self.server.wire  # type: ignore[attr-defined]
        wire.calls.append(Call("", "ListObjectsV2" if "list-type=2" in self.path else "GetObject", {}))
        self._answer(*self._forward(wire.target, "", b"", method="GET"))

    def _service_and_operation(self, body: bytes) -> tuple[str, str]:
        """Gives service and operation. SES names its operation in the body, others in a header."""
        target = self.headers.get("X-Amz-Target", "")
        service, _, operation = target.partition(".")
        return (service, operation) if target else ("", parse_qs(body.decode()).get("Action", [""])[0])

    def _forward(
        self, target: str, service: str, body: bytes, method: str = "POST"
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        headers = {name: value for name, value in self.headers.items() if name.lower() != "content-length"}
        if service.startswith("DynamoDB"):
            body = json.dumps({**json.loads(body), "ReturnConsumedCapacity": "TOTAL"}).encode()
        connection = http.client.HTTPConnection(target, timeout=10)
        try:
            connection.request(method, self.path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def _refuse(self, code: str) -> None:
        body = json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "injected"}).encode()
        self._answer(400, [("Content-Type", "application/x-amz-json-1.0")], body)

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        hop_by_hop = ("content-length", "transfer-encoding", "connection", "date", "server")
        for name, value in headers:
            if name.lower() not in hop_by_hop:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Logs nothing: the tests speak."""
