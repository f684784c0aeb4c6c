"""A payment gateway, simulated: returns money as chalicelib/infrastructure/gateway.py asks it to.

`make run` starts it; by hand: `python -m infra.gateway --port 8090`, then `GET /refunds` lists what it has returned.
What becomes of a refund is chosen by what the transaction's id contains, as with the test cards of real gateways:

    tx-1            returned
    tx-1-decline    declined, always; tx-1-decline-3: the first 3 times
    tx-1-fail-3     answers 503 the first 3 times
    tx-1-timeout    returned, but the first answer comes after the caller's patience
    tx-1-duplicate  somebody has returned it before: ALREADY_REFUNDED
    tx-1-unknown    there is no such payment

A request that comes again with its Idempotency-Key gets the answer that the first one got, and nothing is returned
twice; nor is it with another key. It is one file, of the standard library only: localstack-compose.yml runs it alone.
"""

import argparse
import contextlib
import json
import re
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

LOOPBACK = "127.0.0.1"
SLOW_SECONDS = 6.0
"""Twice the patience of infrastructure/gateway.py."""
LARGEST_BODY_BYTES = 10_000
TIMES = re.compile(r"-(decline|fail)(?:-(\d{1,3}))?(?=-|$)")

Said = tuple[HTTPStatus, dict[str, Any]]
Asked = tuple[str, int | None]
"""Transaction and amount; None stands for all of it."""


@dataclass
class Gateway:
    """What it has returned, and what it answered to each key."""

    slow_seconds: float = SLOW_SECONDS
    refunds: list[dict[str, Any]] = field(default_factory=list)
    answers: dict[str, tuple[Asked, Said]] = field(default_factory=dict)
    tries: "Counter[str]" = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def refund(self, key: str, asked: Asked) -> tuple[Said, float]:
        """The answer, and how many seconds it is kept back."""
        with self.lock:
            if key in self.answers:
                before, said = self.answers[key]
                same = before == asked
                return (said if same else (HTTPStatus.UNPROCESSABLE_ENTITY, {"error": "KEY_REUSED"})), 0.0
            said = self._decided(*asked)
            if said[0] < HTTPStatus.PAYMENT_REQUIRED:
                self.answers[key] = asked, said
            return said, self.slow_seconds if "-timeout" in asked[0] else 0.0

    def listed(self, transaction_id: str | None) -> list[dict[str, Any]]:
        with self.lock:
            return [one for one in self.refunds if transaction_id in (None, one["transactionId"])]

    def _decided(self, transaction_id: str, amount_cents: int | None) -> Said:
        """Refusals are not remembered: asked again, it decides again."""
        self.tries[transaction_id] += 1
        refusal = self._refusal(transaction_id)
        if refusal:
            return refusal
        by_hand = "-duplicate" in transaction_id
        earlier = next((one for one in self.refunds if one["transactionId"] == transaction_id), None)
        refund = earlier or self._returned(transaction_id, amount_cents)
        if earlier or by_hand:
            return HTTPStatus.CONFLICT, {"error": "ALREADY_REFUNDED", "refundId": refund["refundId"]}
        return HTTPStatus.CREATED, {"refundId": refund["refundId"]}

    def _refusal(self, transaction_id: str) -> Said | None:
        if "-unknown" in transaction_id:
            return HTTPStatus.NOT_FOUND, {"error": "UNKNOWN_TRANSACTION"}
        chosen = TIMES.search(transaction_id)
        if chosen is None or self.tries[transaction_id] > int(chosen[2] or sys.maxsize):
            return None
        if chosen[1] == "fail":
            return HTTPStatus.SERVICE_UNAVAILABLE, {"error": "UNAVAILABLE"}
        return HTTPStatus.PAYMENT_REQUIRED, {"error": "DECLINED", "message": "The bank declined the refund."}

    def _returned(self, transaction_id: str, amount_cents: int | None) -> dict[str, Any]:
        refund_id = f"re-{len(self.refunds) + 1}"
        self.refunds.append({"refundId": refund_id, "transactionId": transaction_id, "amountCents": amount_cents})
        return self.refunds[-1]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "cinema-tickets-payments", ""
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 30

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if address.path == "/health":
            return self._answer(HTTPStatus.OK, {"status": "ok"})
        if address.path != "/refunds":
            return self._answer(HTTPStatus.NOT_FOUND, {"error": "NOT_FOUND"})
        wanted = parse_qs(address.query).get("transactionId", [None])[0]
        return self._answer(HTTPStatus.OK, {"refunds": self._gateway.listed(wanted)})

    def do_POST(self) -> None:
        asked, key = self._asked(), self.headers.get("Idempotency-Key", "")
        if self.path != "/refunds":
            return self._answer(HTTPStatus.NOT_FOUND, {"error": "NOT_FOUND"})
        if asked is None or not key:
            return self._answer(HTTPStatus.BAD_REQUEST, {"error": "MALFORMED"})
        said, seconds = self._gateway.refund(key, asked)
        time.sleep(seconds)
        return self._answer(*said)

    @property
    def _gateway(self) -> Gateway:
        found: Gateway = self.server.gateway  # type: ignore[attr-defined] # how http.server hands things on
        return found

    def _asked(self) -> Asked | None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LARGEST_BODY_BYTES:
            self.close_connection = True
            return None
        try:
            body = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            return None
        if not isinstance(body, dict):
            return None
        return _asked_in(body)

    def _answer(self, status: HTTPStatus, body: dict[str, Any]) -> None:
        text = json.dumps(body).encode()
        with contextlib.suppress(ConnectionError):  # who asked has no patience left
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
            self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Only what it decides is worth a line, and `GET /refunds` shows that."""


def _asked_in(body: dict[str, Any]) -> Asked | None:
    transaction, amount = body.get("transactionId"), body.get("amountCents")
    if not isinstance(transaction, str) or not transaction:
        return None
    return (transaction, amount) if amount is None or type(amount) is int else None


@contextlib.contextmanager
def serving(port: int = 0, *, host: str = LOOPBACK, gateway: Gateway | None = None) -> Iterator[tuple[str, Gateway]]:
    """Its address, and the gateway itself."""
    gateway = gateway or Gateway()
    server = ThreadingHTTPServer((host, port), _Handler)
    server.daemon_threads = True
    server.gateway = gateway  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{server.server_port}", gateway
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.gateway", description="A simulated payment gateway.")
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--host", default=LOOPBACK)
    options = parser.parse_args(arguments)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with serving(options.port, host=options.host) as (url, _):
        print(f"payments: {url}/refunds", flush=True)
        stopped.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
