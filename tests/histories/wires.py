"""A wire between two processes that drops, cuts, delays and repeats what goes over it.

    clients ──► Wire ──► API instance ──► Wire ──► AWS emulator
    gateway's messages ──► ┘         └──► Wire ──► payment gateway

tests/wire.py breaks one chosen call; this one breaks any, by chance, and lets pass what it does not know.
"""

import http.client
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from infra.local.serving import serve
from tests.histories.faults import Faults, Kind

LATEST_SECONDS = 12.0
"""The longest time after which a delayed or repeated call takes effect: longer than a hold."""
PATIENCE_SECONDS = 30.0
REPEATED = "X-Sent-Again"
"""The header of an answer to a call that the wire will send once more."""
HOP_BY_HOP = ("content-length", "transfer-encoding", "connection", "date", "server", "keep-alive")

Answer = tuple[int, list[tuple[str, str]], bytes]

ANY_CALL = frozenset({Kind.ANSWER_DROPPED, Kind.CUT})
ANY_WRITE = ANY_CALL | {Kind.ERROR_AFTER, Kind.LATE_DUPLICATE, Kind.DELAYED}
TRANSACTIONS = ("TransactWriteItems", "UpdateItem", "PutItem", "DeleteItem")
WRITES = (*TRANSACTIONS, "SendMessage", "SendMessageBatch", "PutObject", "SendEmail")


@dataclass(frozen=True, slots=True)
class Call:
    """A request on the wire, and which operation of which service it is."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    service: str
    operation: str


Name = Callable[[str, str, Mapping[str, str], bytes], tuple[str, str]]


def name_aws(method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[str, str]:
    """Names service and operation of a call of AWS. SQS, DynamoDB and KMS say them in a header, SES in its body."""
    target, _, operation = headers.get("X-Amz-Target", "").partition(".")
    if target:
        known = {"DynamoDB_20120810": "dynamodb", "DynamoDBStreams_20120810": "streams", "AmazonSQS": "sqs"}
        return known.get(target, target), operation
    if path.startswith("/v2/email") or b"Action=Send" in body[:2000]:
        return "email", "SendEmail"
    return "s3", "PutObject" if method == "PUT" else "GetObject"


def faults_of_aws(call: Call) -> frozenset[Kind]:
    """Gives the faults that can meet a call of AWS."""
    possible = ANY_WRITE if call.operation in WRITES else ANY_CALL
    if call.service == "dynamodb":
        possible |= {Kind.THROTTLED}
        possible |= {Kind.CONFLICT} if call.operation in TRANSACTIONS else frozenset()
    return possible


def faults_of_http(call: Call) -> frozenset[Kind]:
    """Gives the faults that can meet a request to the API or to the payment gateway."""
    return ANY_CALL if call.method == "GET" else ANY_WRITE


@dataclass
class Wire:
    """Carries calls to `target`, a host and port. `late` counts the calls that have still to arrive."""

    target: str
    faults: Faults
    name: Name
    possible: Callable[[Call], frozenset[Kind]]
    late: int = 0
    _idle: list[http.client.HTTPConnection] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def forward(self, call: Call) -> Answer:
        """Sends the call on. Raises OSError or HTTPException when no answer comes."""
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        connection = connection or http.client.HTTPConnection(self.target, timeout=PATIENCE_SECONDS)
        try:
            connection.request(call.method, call.path, call.body or None, dict(call.headers))
            found = connection.getresponse()
            answer = found.status, found.getheaders(), found.read()
        except BaseException:
            connection.close()
            raise
        with self._lock:
            self._idle.append(connection)
        return answer

    def send_later(self, call: Call) -> None:
        """Sends the call seconds later, whatever was sent meanwhile. Nobody hears the answer."""
        with self._lock:
            self.late += 1
        timer = threading.Timer(self.faults.seconds(0.1, LATEST_SECONDS), self._send_late, [call])
        timer.daemon = True
        timer.start()

    def _send_late(self, call: Call) -> None:
        with suppress(OSError, http.client.HTTPException):
            self.forward(call)
        with self._lock:
            self.late -= 1


@contextmanager
def wire_to(
    url: str, faults: Faults, name: Name, possible: Callable[[Call], frozenset[Kind]]
) -> Iterator[tuple[str, Wire]]:
    """Serves a wire to the server at `url`. Gives the wire's own URL, and the wire."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.wire = Wire(urlsplit(url).netloc, faults, name, possible)
    with serve(server) as served:
        yield served, server.wire


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    wire: Wire

    def handle_error(self, request: object, client_address: object) -> None:
        """Says nothing: connections are broken here on purpose."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def _carry(self) -> None:
        wire = self.server.wire
        call = self._read_call()
        if call.service in wire.faults.out:
            return self._write(_error(call, 503, "ServiceUnavailable"))
        fault = wire.faults.draw(wire.possible(call))
        if fault in (Kind.THROTTLED, Kind.CONFLICT):
            return self._write(_refusal(call, fault))
        if fault in (Kind.CUT, Kind.DELAYED):
            return self._break_off(call, again=fault is Kind.DELAYED)
        try:
            answer = wire.forward(call)
        except (OSError, http.client.HTTPException):
            return self._break_off(call, again=False)
        return self._answer(call, answer, fault)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _carry  # noqa: N815 - http.server's names

    def _read_call(self) -> Call:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("connection", "expect")}
        named = self.server.wire.name(self.command, self.path, headers, body)
        return Call(self.command, self.path, headers, body, *named)

    def _answer(self, call: Call, answer: Answer, fault: Kind | None) -> None:
        if fault is Kind.ANSWER_DROPPED:
            return self._break_off(call, again=False)
        if fault is Kind.ERROR_AFTER:
            return self._write(_error(call, 500, "InternalServerError"))
        if fault is Kind.LATE_DUPLICATE:
            self.server.wire.send_later(call)
            answer = answer[0], [*answer[1], (REPEATED, "1")], answer[2]
        return self._write(answer)

    def _break_off(self, call: Call, *, again: bool) -> None:
        if again:
            self.server.wire.send_later(call)
        self.close_connection = True

    def _write(self, answer: Answer) -> None:
        status, headers, body = answer
        length = next((value for name, value in headers if name.lower() == "content-length"), "0")
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", length if self.command == "HEAD" else str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Logs nothing: the history and the counts speak."""


def _error(call: Call, status: int, code: str) -> Answer:
    """Makes an error of the server, in the form of the service that was called."""
    if call.service == "s3":
        body = f"<Error><Code>{code}</Code><Message>injected</Message></Error>".encode()
        return status, [("Content-Type", "application/xml")], body
    if b"Action=Send" in call.body[:2000]:
        error = f"<Error><Type>Receiver</Type><Code>{code}</Code><Message>injected</Message></Error>"
        body = f"<ErrorResponse>{error}</ErrorResponse>".encode()
        return status, [("Content-Type", "text/xml")], body
    return _json(status, {"__type": code, "error": code, "message": "injected"})


def _refusal(call: Call, fault: Kind) -> Answer:
    """Makes DynamoDB's refusal of a call that takes no effect."""
    prefix = "com.amazonaws.dynamodb.v20120810#"
    if fault is Kind.THROTTLED:
        return _json(400, {"__type": f"{prefix}ProvisionedThroughputExceededException", "message": "injected"})
    if call.operation != "TransactWriteItems":
        return _json(400, {"__type": f"{prefix}TransactionConflictException", "message": "injected"})
    writes = json.loads(call.body)["TransactItems"]
    reasons = [{"Code": "TransactionConflict", "Message": "injected"} for _ in writes]
    message = f"Transaction cancelled [{', '.join('TransactionConflict' for _ in writes)}]"
    kind = f"{prefix}TransactionCanceledException"
    return _json(400, {"__type": kind, "message": message, "CancellationReasons": reasons})


def _json(status: int, body: object) -> Answer:
    return status, [("Content-Type", "application/x-amz-json-1.0")], json.dumps(body).encode()
