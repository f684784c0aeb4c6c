"""A Stripe server that is not ours: localstripe in a process of its own, behind a proxy for what it lacks.

localstripe keeps the books: intents, cards, charges, refunds, webhooks. It knows no idempotency keys, and lacks some
fields and codes. `_Edge` adds these, as Stripe documents them, and passes everything else on.
"""

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import urllib3

from infra import processes
from infra.local.serving import serve

SECRET_KEY, PUBLIC_KEY = "sk_test_of_nobody", "pk_test_of_nobody"

ON_LOOPBACK = """
import sys
from aiohttp import web
from localstripe import server
type(server.store).dump_to_disk = lambda store: None
web.run_app(server.app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
"""
"""Its own command listens on all interfaces, and writes what it knows to a file after each request."""


@dataclass
class StripeServer:
    """The server. `url` is Stripe's API; `posts` are the requests that reached localstripe by POST."""

    url: str
    behind: str
    posts: list[str] = field(default_factory=list)
    answers: dict[str, tuple[tuple[str, bytes], tuple[int, bytes]]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def pay(self, intent_id: str, card: str = "4242424242424242") -> None:
        """Pays a payment, as a buyer's browser does with Stripe's script."""
        card_data = {"number": card, "exp_month": 12, "exp_year": 2050, "cvc": "123"}
        method = self.asked("POST", "/v1/payment_methods", {"type": "card", "card": card_data})["id"]
        self.asked("POST", f"/v1/payment_intents/{intent_id}", {"payment_method": method})
        self.asked("POST", f"/v1/payment_intents/{intent_id}/confirm", {})

    def tell(self, url: str, secret: str) -> None:
        """Sends the events from now on to this webhook."""
        wanted = {"url": url, "secret": secret, "events": ["payment_intent.succeeded"]}
        self.asked("POST", "/_config/webhooks/ours", wanted)

    def asked(self, method: str, path: str, body: object = None) -> Any:
        headers = {"Authorization": f"Bearer {SECRET_KEY}"}
        answer = urllib3.request(method, self.behind + path, json=body, headers=headers, timeout=5)
        return json.loads(answer.data or b"{}")


@contextmanager
def stripe_server(run_dir: Path) -> Iterator[StripeServer]:
    port = processes.free_port()
    behind = f"http://{processes.HOST}:{port}"
    command = [sys.executable, "-c", ON_LOOPBACK, str(port)]
    with processes.run_child(f"stripe-{port}", command, {}, run_dir=run_dir) as started:
        processes.wait_for_http(behind, started, "localstripe")
        edge = ThreadingHTTPServer((processes.HOST, 0), _Edge)
        edge.daemon_threads = True
        with serve(edge) as url:
            edge.stripe = StripeServer(url, behind)  # type: ignore[attr-defined] # how http.server hands things on
            yield edge.stripe  # type: ignore[attr-defined]


class _Edge(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 20

    def do_GET(self) -> None:
        self._answer(*self._passed_on(b""))

    def do_POST(self) -> None:
        body, key = self.rfile.read(int(self.headers.get("Content-Length", 0))), self.headers.get("Idempotency-Key")
        if key is None:
            return self._answer(*self._passed_on(body))
        with self.server.stripe.lock:  # type: ignore[attr-defined]
            return self._answer(*self._once(key, body))

    def _once(self, key: str, body: bytes) -> tuple[int, bytes]:
        """Gives a key the answer that it got before, unless it comes with another request."""
        known, asked = self.server.stripe.answers, (self.path, body)  # type: ignore[attr-defined]
        if key not in known:
            known[key] = asked, self._passed_on(body)
        before, answer = known[key]
        if before == asked:
            return answer  # type: ignore[no-any-return]
        error = {"type": "idempotency_error", "message": "Keys can only be used with the same parameters."}
        return 400, json.dumps({"error": error}).encode()

    def _passed_on(self, body: bytes) -> tuple[int, bytes]:
        stripe: StripeServer = self.server.stripe  # type: ignore[attr-defined]
        if self.command == "POST":
            stripe.posts.append(self.path)
        headers = {name: self.headers[name] for name in ("Authorization", "Content-Type") if name in self.headers}
        answer = urllib3.request(self.command, stripe.behind + self.path, body=body, headers=headers, timeout=5)
        try:
            said = json.loads(answer.data)
        except ValueError:
            return answer.status, answer.data
        if answer.status == 404:
            said["error"].setdefault("code", "resource_missing")
        return answer.status, json.dumps(as_today(said)).encode()

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


def as_today(said: Any) -> Any:
    """Adds the fields that localstripe does not know."""
    if isinstance(said, list):
        return [as_today(one) for one in said]
    if not isinstance(said, dict):
        return said
    said = {name: as_today(value) for name, value in said.items()}
    if said.get("object") == "charge":
        said["amount_captured"] = said["amount"] if said["captured"] and said["paid"] else 0
    if said.get("object") == "payment_intent":
        said["amount_received"] = said["amount"] if said["status"] == "succeeded" else 0
    return said
