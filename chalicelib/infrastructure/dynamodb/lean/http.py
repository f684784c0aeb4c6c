"""Reads an answer of HTTP/1.1 from a socket."""

import re
from functools import lru_cache
from time import monotonic
from typing import NamedTuple, Protocol

READ_BYTES = 65_536
LONGEST_HEAD_BYTES = 65_536
"""The largest number of bytes of the status line and the headers together. It is http.client's limit for a single
line."""

_STATUS = re.compile(r"HTTP/1\.([01]) ([1-9][0-9]{2})(?: .*)?", re.ASCII | re.DOTALL)
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?")


class MalformedHttpAnswer(Exception):
    """The received bytes are not a complete HTTP answer, or the body of a successful answer is not a JSON object."""


class ReadableSocket(Protocol):
    """A socket, plain or with TLS."""

    def recv(self, bufsize: int, /) -> bytes: ...


class SocketWithDeadline:
    """A socket with a deadline for the whole answer, in seconds of the monotonic clock.

    A socket's own timeout begins again with each part of an answer.
    """

    __slots__ = ("_source", "_until")

    def __init__(self, source: ReadableSocket, until: float) -> None:
        self._source, self._until = source, until

    def recv(self, bufsize: int, /) -> bytes:
        """Reads the next bytes. Raises TimeoutError after the deadline."""
        if monotonic() > self._until:
            raise TimeoutError("the answer did not end")
        return self._source.recv(bufsize)


class LowerCaseHeaders(dict[str, str]):
    """HTTP headers. Lookups ignore the case of names."""

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override] # names are text
        return super().get(name.lower(), default)


class HttpAnswer(NamedTuple):
    status: int
    headers: LowerCaseHeaders
    body: bytes
    keeps_open: bool
    """Whether the connection may be used for another request."""


def read_http_answer(source: ReadableSocket) -> HttpAnswer:
    """Reads one HTTP answer. Skips interim answers (1xx). Raises MalformedHttpAnswer, OSError."""
    received = b""
    while True:
        head, received = _read_head(source, received)
        minor, status, headers = _parse_head(head)
        if status >= 200:
            break
    body, rest, ends = _read_body(source, received, headers)
    closes = ends or rest or (headers.get("connection") or "").lower() == "close" or minor == "0"
    return HttpAnswer(status, headers, body, not closes)


def _read_head(source: ReadableSocket, received: bytes) -> tuple[bytes, bytes]:
    """Reads up to the empty line after the headers. Gives the bytes before this line, and the bytes after it."""
    while (end := received.find(b"\r\n\r\n")) < 0:
        if len(received) > LONGEST_HEAD_BYTES:
            raise MalformedHttpAnswer("its headers are too long")
        received += _read(source)
    return received[:end], received[end + 4 :]


def _parse_head(head: bytes) -> tuple[str, int, LowerCaseHeaders]:
    """Gives the minor version, the status and the headers. Joins headers of the same name with commas."""
    first, *lines = head.decode("latin-1").split("\r\n")
    if not (found := _STATUS.fullmatch(first)):
        raise MalformedHttpAnswer(f"it begins with {first[:80]!r}")
    headers: dict[str, str] = {}
    for line in lines:
        written, _, value = line.partition(":")
        if not (name := _lower_name(written)):
            raise MalformedHttpAnswer(f"a header is {line[:80]!r}")
        value = value.strip(" \t")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return found[1], int(found[2]), LowerCaseHeaders(headers)


@lru_cache(maxsize=256)
def _lower_name(written: str) -> str:
    """Gives a header's name in lower case.

    Empty if the text is not a name. Cached, because most answers have the same names.
    """
    return written.lower() if _NAME.fullmatch(written) else ""


def _read_body(source: ReadableSocket, received: bytes, headers: LowerCaseHeaders) -> tuple[bytes, bytes, bool]:
    """Gives the body, the bytes received after it, and whether only the end of the connection showed where the body
    ends."""
    if "transfer-encoding" in headers:
        return (*_read_chunks(source, received, headers["transfer-encoding"]), False)
    if (length := headers.get("content-length")) is None:
        return _read_to_end(source, received), b"", True
    if not _LENGTH.fullmatch(length):
        raise MalformedHttpAnswer(f"its length is {length[:80]!r}")
    return (*_read_length(source, received, int(length)), False)


def _read_length(source: ReadableSocket, received: bytes, length: int) -> tuple[bytes, bytes]:
    if len(received) < length:
        parts, missing = [received], length - len(received)
        while missing > 0:
            parts.append(_read(source))
            missing -= len(parts[-1])
        received = b"".join(parts)
    return received[:length], received[length:]


def _read_chunks(source: ReadableSocket, received: bytes, encoding: str) -> tuple[bytes, bytes]:
    if encoding.lower() != "chunked":
        raise MalformedHttpAnswer(f"its transfer encoding is {encoding[:80]!r}")
    chunks: list[bytes] = []
    while True:
        line, received = _read_line(source, received)
        if not (found := _CHUNK.fullmatch(line)):
            raise MalformedHttpAnswer(f"a chunk begins with {line[:80]!r}")
        if not (length := int(found[1], 16)):
            break
        chunk, received = _read_length(source, received, length + 2)
        if not chunk.endswith(b"\r\n"):
            raise MalformedHttpAnswer("a chunk has another length than it says")
        chunks.append(chunk[:-2])
    while line:  # trailers, up to an empty line
        line, received = _read_line(source, received)
    return b"".join(chunks), received


def _read_line(source: ReadableSocket, received: bytes) -> tuple[bytes, bytes]:
    while (end := received.find(b"\r\n")) < 0:
        if len(received) > LONGEST_HEAD_BYTES:
            raise MalformedHttpAnswer("a line of it is too long")
        received += _read(source)
    return received[:end], received[end + 2 :]


def _read_to_end(source: ReadableSocket, received: bytes) -> bytes:
    parts = [received]
    while part := source.recv(READ_BYTES):
        parts.append(part)
    return b"".join(parts)


def _read(source: ReadableSocket) -> bytes:
    """Reads the next bytes. Raises MalformedHttpAnswer if the connection was closed."""
    if not (part := source.recv(READ_BYTES)):
        raise MalformedHttpAnswer("the connection was closed before its end")
    return part
