"""A receiver of webhooks on this machine: it records deliveries, and answers as a test wants."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from infra.local.serving import serve


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def delivery(self) -> str:
        return self.headers["cinema-delivery"]

    @property
    def signature(self) -> str:
        return self.headers["cinema-signature"]


@dataclass
class Receiver:
    """The deliveries so far, and the answers to the next. `statuses` are answered in turn, then 204.

    `answering`, where there is one, writes the whole answer itself.
    """

    url: str
    got: list[Received] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    answering: Callable[[BaseHTTPRequestHandler], None] | None = None
    ended: threading.Event = field(default_factory=threading.Event)

    def numbers(self) -> list[int]:
        return [one.body["sequence"] for one in self.got]


@contextmanager
def receiver(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    found = Receiver(f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}/hooks?of=cinema")
    server.receiver = found  # type: ignore[attr-defined] # how http.server hands things to its handlers
    with serve(server):
        try:
            yield found
        finally:
            found.ended.set()


class _Handler(BaseHTTPRequestHandler):
    timeout = 20

    def handle(self) -> None:
        with suppress(ssl.SSLError, ConnectionError):  # who called did not like what it saw
            super().handle()

    def do_POST(self) -> None:
        mine: Receiver = self.server.receiver  # type: ignore[attr-defined]
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        mine.got.append(
            Received(path=self.path, headers={name.lower(): value for name, value in self.headers.items()}, raw=raw)
        )
        if mine.answering:
            with suppress(ConnectionError):  # who called has gone
                mine.answering(self)
            return
        status = mine.statuses.pop(0) if mine.statuses else 204
        self.send_response_only(status)
        if 300 <= status < 400:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Logs nothing: the tests speak."""
