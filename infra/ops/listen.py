"""Receives webhooks on this machine, for development. Prints them, checks their signatures and reports gaps."""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from chalicelib.domain.signatures import HEADER, is_signed
from chalicelib.infrastructure.clock import utc_now
from infra.local.serving import is_loopback
from infra.ops.connection import Connection, OpsError
from infra.ops.text import Answer
from infra.ops.webhooks import Subscriptions
from infra.processes import HOST

LARGEST_BODY_BYTES = 64 * 1024
LINE_SECONDS = 10
"""The longest silence on a connection, after which it is closed."""

Say = Callable[[str], None]


@dataclass
class Listener:
    """Verifies and prints deliveries. `keys` gives the current secrets of the webhooks that send here."""

    keys: Callable[[], Sequence[str]]
    say: Say
    seen: dict[str, int] = field(default_factory=dict)
    """The highest sequence number received for each screening."""

    def receive(self, body: bytes, signature: str, delivery: str) -> int:
        """Prints the delivery and gives the status to answer."""
        if not is_signed(signature, body, self.keys(), utc_now()):
            self.say(f"REFUSED {delivery or 'something'}: it is not signed with a secret of a webhook that leads here")
            return 401
        try:
            content = json.loads(body)
        except ValueError:
            content = None
        if not isinstance(content, dict):
            self.say(f"REFUSED {delivery}: no JSON object")
            return 400
        self.say(f"{self._describe_event(content)}\n{json.dumps(content, indent=2, ensure_ascii=False)}")
        return 204

    def _describe_event(self, content: Any) -> str:
        """Gives a line with the event's type, number and screening, and the gap before it, if any."""
        session, sequence = content.get("sessionId"), content.get("sequence")
        if session is None:
            return f"{content.get('type')}"
        last = self.seen.get(session, 0)
        self.seen[session] = max(last, sequence)
        gap = last and content["previousSequence"] > last
        remark = (
            f" (a gap: nothing seen since {last})" if gap else " (seen before, or late)" if sequence <= last else ""
        )
        return f"{content['type']} {sequence} of {session}{remark}"


def listen_for_webhooks(connection: Connection, port: int) -> Answer:
    """Serves until Ctrl-C. Raises OpsError when the port is taken."""
    subscriptions = Subscriptions.of(connection)

    def keys() -> list[str]:
        ours = [webhook for webhook in subscriptions.store.list_all() if _leads_here(webhook.url, port)]
        return [key for webhook in ours for key in webhook.signing_keys(utc_now())]

    with make_server(port, Listener(keys, _print)) as receiver:
        _print(f"Listening on http://{HOST}:{port}; a webhook that leads here is made with")
        _print(f"  {connection.command('webhooks', 'add', f'http://{HOST}:{port}/')}")
        _print("Ctrl-C ends it.")
        receiver.serve_forever()
    return Answer({}, "")


def make_server(port: int, listener: Listener) -> ThreadingHTTPServer:
    """Makes a server on the port, which does not serve yet. Raises OpsError when the port is taken."""
    try:
        made = ThreadingHTTPServer((HOST, port), _Handler)
    except OSError as error:
        raise OpsError(f"Port {port} can't be listened on ({error.strerror}): choose another with --port.") from error
    made.daemon_threads = True
    made.listener = listener  # type: ignore[attr-defined] # how http.server hands things to its handlers
    return made


def _leads_here(url: str, port: int) -> bool:
    """Tells whether the URL is plain HTTP to this port. Takes any host, because this machine has several names."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.port == port


def _print(text: str) -> None:
    print(text, file=sys.stdout, flush=True)


class _Handler(BaseHTTPRequestHandler):
    """Passes deliveries to the listener and answers with its status."""

    protocol_version = "HTTP/1.1"
    timeout = LINE_SECONDS

    def do_POST(self) -> None:
        if not all(is_loopback(name) for name in self.headers.get_all("Host", [])):
            return self._answer(421)
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit() and len(length) < 10):
            return self._answer(411)
        if int(length) > LARGEST_BODY_BYTES:
            return self._answer(413)
        body = self.rfile.read(int(length))
        listener: Listener = self.server.listener  # type: ignore[attr-defined]
        delivery = self.headers.get("Cinema-Delivery", "")
        return self._answer(listener.receive(body, self.headers.get(HEADER, ""), delivery))

    def _answer(self, status: int) -> None:
        self.send_response_only(status)
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Prints nothing: the listener prints each delivery."""
