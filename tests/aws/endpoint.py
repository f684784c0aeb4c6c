"""A proxy before an emulator: it answers chosen calls as AWS does, and passes all others on.

    packaged function ──► Endpoint (127.0.0.1) ──► behaviours, the newest first ──► emulator

A behaviour gets the call, and a function that passes it on. It answers by itself, changes the call before it passes it
on, or changes the emulator's answer. errors.py has AWS's errors; cloudformation.py has what CloudFormation does.
"""

import http.client
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from infra.local.serving import serve

FORWARD_SECONDS = 60
HOP_BY_HOP = ("connection", "content-length", "date", "server", "transfer-encoding")
SIGNED_FOR = re.compile(r"Credential=[^/]+/\d{8}/[^/]+/([^/]+)/aws4_request")
S3_OPERATIONS = {"PUT": "PutObject", "GET": "GetObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}


@dataclass(frozen=True)
class Call:
    """A call of AWS, as it came over the wire."""

    method: str
    path: str
    headers: Mapping[str, str]
    """The headers, by names in lower case."""
    body: bytes

    @cached_property
    def service(self) -> str:
        """Gives the service for which the call is signed: dynamodb, sqs, ses, s3, cloudformation."""
        signed = SIGNED_FOR.search(self.headers.get("authorization", ""))
        return signed[1] if signed else ""

    @cached_property
    def operation(self) -> str:
        """Gives the operation. It is in a header (JSON), in the body (query), or follows from the method (S3)."""
        if target := self.headers.get("x-amz-target"):
            return target.rpartition(".")[2]
        if self.service == "s3":
            return "ListObjectsV2" if "list-type=2" in self.path else S3_OPERATIONS[self.method]
        return self.form.get("Action", self.method)

    @cached_property
    def form(self) -> dict[str, str]:
        """Gives the parameters of a call of a query service."""
        return dict(parse_qsl(self.body.decode("latin-1"), keep_blank_values=True))

    @cached_property
    def json(self) -> Any:
        """Gives the body of a call of a JSON service."""
        return json.loads(self.body or b"{}")

    def with_form(self, form: Mapping[str, str]) -> "Call":
        return Call(self.method, self.path, self.headers, urlencode(form).encode())


@dataclass(frozen=True)
class Reply:
    """An answer of AWS, as it goes over the wire."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


Forward = Callable[[Call], Reply]
Behaviour = Callable[[Call, Forward], Reply]


@dataclass
class Endpoint:
    """The proxy. AWS_ENDPOINT_URL is its `url`."""

    url: str
    target: str
    behaviours: list[Behaviour] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)

    @contextmanager
    def behaving(self, *behaviours: Behaviour) -> Iterator[None]:
        """Has calls meet these behaviours within the block, before those that are there already."""
        self.behaviours = [*behaviours, *self.behaviours]
        try:
            yield
        finally:
            self.behaviours = self.behaviours[len(behaviours) :]

    @contextmanager
    def noting(self) -> Iterator[list[Call]]:
        """Gives the calls that come within the block, once it is left."""
        start, seen = len(self.calls), list[Call]()
        yield seen
        seen += self.calls[start:]

    def answer(self, call: Call) -> Reply:
        self.calls.append(call)
        return _chain(self.behaviours, self._forward)(call)

    def _forward(self, call: Call) -> Reply:
        connection = http.client.HTTPConnection(self.target, timeout=FORWARD_SECONDS)
        headers = {name: value for name, value in call.headers.items() if name not in HOP_BY_HOP}
        try:
            connection.request(call.method, call.path, call.body, headers)
            answer = connection.getresponse()
            kept = tuple((name, value) for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP)
            return Reply(answer.status, kept, answer.read())
        finally:
            connection.close()


@contextmanager
def run_endpoint(emulator: str) -> Iterator[Endpoint]:
    """Runs a proxy before the emulator at this URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    with serve(server) as url:
        endpoint = Endpoint(url, urlsplit(emulator).netloc)
        server.endpoint = endpoint  # type: ignore[attr-defined] # how http.server hands things to its handlers
        yield endpoint


def _chain(behaviours: list[Behaviour], forward: Forward) -> Forward:
    for behaviour in reversed(behaviours):
        forward = _bind(behaviour, forward)
    return forward


def _bind(behaviour: Behaviour, forward: Forward) -> Forward:
    return lambda call: behaviour(call, forward)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def _answer(self) -> None:
        endpoint: Endpoint = self.server.endpoint  # type: ignore[attr-defined]
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        reply = endpoint.answer(Call(self.command, self.path, headers, body))
        self.send_response_only(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Logs nothing: the tests speak."""
