"""Sends requests on the connections of botocore's own pool, and raises botocore's own errors."""

from __future__ import annotations

import re
import ssl
from contextlib import suppress
from http.client import HTTPException
from socket import gaierror
from time import monotonic
from typing import Any

import msgspec
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ReadTimeoutError,
    SSLError,
)
from urllib3 import exceptions as pool_errors
from urllib3.util.ssl_match_hostname import CertificateError

from .http import HttpAnswer, MalformedHttpAnswer, SocketWithDeadline, read_http_answer
from .requests import FEWEST_ERRORS, LeanRequest, host_header

_decode = msgspec.json.Decoder(dict[str, Any]).decode

LONGEST_ANSWER = 3
"""The longest time of a whole answer, as a multiple of the read timeout. The read timeout itself is no such limit,
because it begins again with each part of the answer."""

_BINARY = re.compile(rb'"BS?"\s*:')
"""Matches the type of a binary value, which is in base64 and so needs botocore's parser. A text that looks the same
only causes a needless call of that parser."""


class BodyWithJson(bytes):
    """The bytes of an answer's body, with the parsed JSON as `result`.

    `result` is None if the result of botocore's parser would differ from the JSON.
    """

    result: dict[str, Any] | None = None


class LeanResponse:
    """An HTTP answer with the attributes of botocore's AWSResponse."""

    __slots__ = ("content", "headers", "status_code", "url")

    def __init__(self, url: str, answer: HttpAnswer) -> None:
        self.url, self.status_code, self.headers, self.content = (
            url,
            answer.status,
            answer.headers,
            BodyWithJson(answer.body),
        )
        if answer.status < FEWEST_ERRORS:
            self.content.result = parse_answer_unless_it_has_bytes(answer.body)

    @property
    def text(self) -> str:
        return self.content.decode()


def parse_answer_unless_it_has_bytes(body: bytes) -> dict[str, Any] | None:
    """Parses the JSON of an answer. Gives None if a value is of DynamoDB's type for bytes, which botocore's parser has
    to decode.

    Raises MalformedHttpAnswer if the body is not JSON. botocore's parser would take such a body for an empty answer: a
    read would find nothing, and a write would count as done.
    """
    try:
        result = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedHttpAnswer(f"its body is no JSON: {error}") from error
    if _BINARY.search(body):
        return None
    return {name: value for name, value in result.items() if value is not None}


class LeanTransport:
    """A replacement for an endpoint's `http_session`. Sends LeanRequests itself, and passes on all other requests."""

    def __init__(self, session: Any, url: str) -> None:
        self._session, self._url = session, url
        self._head = f"POST / HTTP/1.1\r\nHost: {host_header(url)}\r\nAccept-Encoding: identity\r\n"
        self._open_pool()

    def send(self, request: Any) -> Any:
        """Sends a request and gives the answer. Raises HTTPClientError or a subclass."""
        if not isinstance(request, LeanRequest):
            return self._session.send(request)
        try:
            return LeanResponse(request.url, self._exchange(request))
        except Exception as error:
            raise to_botocore_error(error, request) from error

    def close(self) -> None:
        """Closes the idle connections. The next call opens new ones."""
        self._session.close()
        self._pool.close()

    def _open_pool(self) -> None:
        """Opens the connection pool of botocore's session, with its timeouts and TLS settings."""
        self._pool = self._session._manager.connection_from_url(self._url)
        self._session._setup_ssl_cert(self._pool, self._url, self._session._verify)
        self._longest_seconds = (self._pool.timeout.read_timeout or float("inf")) * LONGEST_ANSWER

    def _exchange(self, request: LeanRequest) -> HttpAnswer:
        """Sends the request and reads its answer, on a connection of the pool. Raises MalformedHttpAnswer, and errors
        of urllib3 and sockets.

        If the server has closed the connection since its last request, connects again first.
        """
        if self._pool.pool is None:  # its client was closed
            self._open_pool()
        connection, answer = self._pool._get_conn(), None
        try:
            if connection.sock is None:
                self._connect(connection)
            with suppress(BrokenPipeError, ConnectionResetError):  # it may have answered before it hung up
                connection.sock.sendall(self._head_of(request) + request.body)
            answer = read_http_answer(SocketWithDeadline(connection.sock, monotonic() + self._longest_seconds))
        finally:
            if answer is None or not answer.keeps_open:
                connection.close()
            self._pool._put_conn(connection)
        return answer

    def _connect(self, connection: Any) -> None:
        """Opens the connection. With TLS, verifies the server's certificate."""
        timeout = self._pool.timeout
        connection.timeout = timeout.connect_timeout
        connection.connect()
        connection.sock.settimeout(timeout.read_timeout)

    def _head_of(self, request: LeanRequest) -> bytes:
        """Builds the request line and the headers, as bytes. Raises ValueError if a header contains a line break."""
        lines = "".join([f"{name}: {value}\r\n" for name, value in request.headers.items()])
        if lines.count("\n") != len(request.headers) or lines.count("\r") != len(request.headers):
            raise ValueError("a header has more than one line")  # and is not shown: it may be a secret
        return f"{self._head}{lines}\r\n".encode("latin-1")


def to_botocore_error(error: Exception, request: LeanRequest) -> Exception:
    """Converts an error of urllib3 or a socket into the error that botocore's own session raises."""
    kind = next((ours for theirs, ours in _ERRORS if isinstance(error, theirs)), None)
    if kind is ConnectionClosedError:
        return ConnectionClosedError(error=error, request=request, endpoint_url=request.url)
    return kind(error=error, endpoint_url=request.url) if kind else HTTPClientError(error=error)


_ERRORS: tuple[tuple[tuple[type[Exception], ...], Any], ...] = (
    ((pool_errors.NewConnectionError, gaierror), EndpointConnectionError),
    ((pool_errors.ConnectTimeoutError,), ConnectTimeoutError),
    ((TimeoutError, pool_errors.ReadTimeoutError), ReadTimeoutError),
    ((ssl.SSLError, CertificateError, pool_errors.SSLError), SSLError),
    ((OSError, HTTPException, MalformedHttpAnswer, pool_errors.ProtocolError), ConnectionClosedError),
)
"""Maps each kind of error to botocore's error for it. If several kinds fit, the first one is used: a TimeoutError, for
example, is an OSError, too."""
