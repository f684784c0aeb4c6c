"""A parser of Redis's answers that reads each within one deadline and one bound on its size, or not at all.

The driver's own parser trusts the other end: its timeout begins again with each byte, it reads as much as is announced,
and it takes every number. This one knows the few forms that RESP2 has. An answer of another form, too large or too
late, raises a driver's error as a lost connection does, and the connection is closed.

This module imports the driver: import it only inside of the functions that use it.
"""

import re
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

from redis import Connection, ConnectionPool, SSLConnection
from redis._parsers.base import BaseParser
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import InvalidResponse, ResponseError

MOST_BYTES = 1_048_576
"""The largest number of bytes in the answers to what is sent to Redis in one round trip. That is five times the longest
answer, the seat map of a sold-out hall of 2,000 seats."""
MOST_VALUES = 20_000
"""The largest number of values in the answers to what is sent to Redis in one round trip."""
DEEPEST = 5
"""How deeply lists may be nested: the map of a cluster has lists of lists of lists."""
LONGEST_LINE = 4096

READ_BYTES = 65_536

_WHOLE = re.compile(rb"-?[0-9]{1,19}")
_LENGTH = re.compile(rb"[0-9]{1,9}")
_NOT_YET = (BlockingIOError, ssl.SSLWantReadError)

Answer = Any
"""None, an int, bytes, a ResponseError, or a list of these."""


class SharedSecondsLeft:
    """How many seconds the caller may still wait for the answers of Redis. All nodes that are asked share these
    seconds: whoever waits subtracts from `left`."""

    def __init__(self, seconds: float) -> None:
        self.left = seconds


_budget: ContextVar[SharedSecondsLeft | None] = ContextVar("time budget", default=None)


@contextmanager
def redis_time_budget(seconds: float) -> Iterator[SharedSecondsLeft]:
    """Limits the total wait for answers within the block to `seconds`, over all connections."""
    shared = SharedSecondsLeft(seconds)
    before = _budget.set(shared)
    try:
        yield shared
    finally:
        _budget.reset(before)


class TimeAndSizeLimitedParser(BaseParser):
    """The parser of one connection's answers, with limits of time and size.

    The time begins when this process first waits for an answer. An answer that arrived in time is read, even if this
    process was too busy to read it at once.
    """

    def __init__(self, socket_read_size: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.monotonic = monotonic
        self._sock: Any = None
        self._seconds = 0.0
        self._unread, self._at = bytearray(), 0
        self.reset_limits()

    def on_connect(self, connection: Any) -> None:
        self._sock, self._seconds = connection._sock, connection.socket_timeout
        self._forget()
        self.reset_limits()

    def on_disconnect(self) -> None:
        self._sock = None
        self._forget()

    def reset_limits(self) -> None:
        """Resets the limits of time and size. Call this each time before something is sent to Redis."""
        if self._sock:
            self._sock.settimeout(self._seconds)
        self._budget = _budget.get() or SharedSecondsLeft(self._seconds)
        self._deadline: float | None = None
        self._is_over = False
        self._bytes_left, self._values_left = MOST_BYTES, MOST_VALUES

    def can_read(self, timeout: float = 0) -> bool:
        """Tells whether unread bytes have arrived. Raises ConnectionError if the server has closed the connection."""
        if self._at < len(self._unread):
            return True
        self._sock.settimeout(timeout)
        try:
            self._receive()
        except (TimeoutError, *_NOT_YET):
            return False
        return True

    def read_response(self, disable_decoding: bool = False, timeout: object = None) -> Answer:
        """Reads one answer. Raises TimeoutError, InvalidResponse, and the socket's errors."""
        try:
            answer = self._read_answer(DEEPEST)
        finally:
            if self._deadline is not None:
                self._budget.left = max(0.0, self._deadline - self.monotonic())
        del self._unread[: self._at]
        self._at = 0
        return answer

    def _forget(self) -> None:
        self._unread, self._at = bytearray(), 0

    # The forms of RESP2.

    def _read_answer(self, depth: int) -> Answer:
        """Reads one answer. Raises InvalidResponse if its lists are nested deeper than `depth`."""
        self._values_left -= 1
        if self._values_left < 0 or not depth:
            raise InvalidResponse("too many values, or too deep")
        line = self._read_line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest
        if kind == b"-":
            return _error_from(rest)
        if kind == b":":
            return _parse_int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self._read_bulk(_parse_length(rest))
        if kind == b"*":
            return None if rest == b"-1" else [self._read_answer(depth - 1) for _ in range(_parse_length(rest))]
        raise InvalidResponse(f"an answer that begins with {kind!r}")

    def _read_line(self) -> bytes:
        while (end := self._unread.find(b"\r\n", self._at)) < 0:
            if len(self._unread) - self._at > LONGEST_LINE:
                raise InvalidResponse("a line without an end")
            self._read_more()
        line = bytes(self._unread[self._at : end])
        self._at = end + 2
        return line

    def _read_bulk(self, length: int) -> bytes:
        end = self._at + length
        while len(self._unread) < end + 2:
            self._read_more()
        if self._unread[end : end + 2] != b"\r\n":
            raise InvalidResponse("a value longer than it says")
        value = bytes(self._unread[self._at : end])
        self._at = end + 2
        return value

    # The wire.

    def _read_more(self) -> None:
        """Waits for more bytes. Raises TimeoutError at the deadline."""
        self._sock.settimeout(self._seconds_left())
        try:
            self._receive()
        except _NOT_YET as error:
            raise TimeoutError from error

    def _seconds_left(self) -> float:
        """Gives the seconds left until the deadline. After the deadline, gives 0 once, then raises TimeoutError.

        The 0 allows one last read of answers that arrived in time.
        """
        now = self.monotonic()
        self._deadline = now + self._budget.left if self._deadline is None else self._deadline
        if self._is_over:
            raise TimeoutError
        self._is_over = now >= self._deadline
        return max(0.0, self._deadline - now)

    def _receive(self) -> None:
        """Receives the next bytes.

        Raises InvalidResponse if the answers are too large. Raises ConnectionError if the server has closed the
        connection.
        """
        if self._bytes_left <= 0:
            raise InvalidResponse(f"an answer of more than {MOST_BYTES} bytes")
        read = self._sock.recv(READ_BYTES)
        if not read:
            raise ConnectionLost("Redis has hung up")
        self._bytes_left -= len(read)
        self._unread += read


_RARE_TLS_OPTIONS = (
    *("certfile", "keyfile", "ca_path", "ca_data", "ssl_min_version", "ssl_ciphers"),
    *("ssl_include_verify_flags", "ssl_exclude_verify_flags", "ssl_validate_ocsp", "ssl_validate_ocsp_stapled"),
)


@cache
def _tls_context(ca_certs: str | None, check_hostname: bool, verify_mode: ssl.VerifyMode) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_certs)
    context.check_hostname = check_hostname
    context.verify_mode = verify_mode
    return context


class _LimitsReset:
    """A mixin for the driver's connections. Resets the parser's limits each time before something is sent to Redis."""

    _sock: Any
    _parser: TimeAndSizeLimitedParser

    def send_packed_command(self, command: Iterable[bytes], check_health: bool = True) -> None:
        self._parser.reset_limits()
        super().send_packed_command(command, check_health)  # type: ignore[misc] # the driver's


class _AskingSent:
    """A mixin for connections to a node that a slot is moving to. Sends ASKING before each command."""

    _parser: TimeAndSizeLimitedParser
    _is_connected = True

    def on_connect_check_health(self, check_health: bool = True) -> None:
        self._is_connected = False  # a password comes before everything else
        try:
            super().on_connect_check_health(check_health)  # type: ignore[misc] # the driver's
        finally:
            self._is_connected = True

    def pack_commands(self, commands: Iterable[Any]) -> Any:
        announced = [each for command in commands for each in self._announced(command)]
        return super().pack_commands(announced)  # type: ignore[misc] # the driver's

    def send_command(self, *args: Any, **options: Any) -> None:
        self.send_packed_command(  # type: ignore[attr-defined] # the driver's
            self.pack_commands([args]), check_health=options.get("check_health", True)
        )

    def read_response(self, *args: Any, **options: Any) -> Any:
        if self._is_connected:
            self._parser.read_response()  # the answer to ASKING
        return super().read_response(*args, **options)  # type: ignore[misc] # the driver's

    def _announced(self, command: Any) -> tuple[Any, ...]:
        return (("ASKING",), command) if self._is_connected else (command,)


class TimeAndSizeLimitedConnection(_LimitsReset, Connection):
    """A connection that limits the time and the size of answers."""


class TimeAndSizeLimitedTlsConnection(_LimitsReset, SSLConnection):
    """A TLS connection that limits the time and the size of answers.

    Connections with the same trust settings share one TLS context. The driver's own code would read the machine's
    certificates for each connection, which takes longer than the timeout.
    """

    def _wrap_socket_with_ssl(self, sock: Any) -> Any:
        if any(getattr(self, option) for option in _RARE_TLS_OPTIONS):
            return super()._wrap_socket_with_ssl(sock)  # type: ignore[no-untyped-call] # the driver's
        context = _tls_context(self.ca_certs, self.check_hostname, self.cert_reqs)
        return context.wrap_socket(sock, server_hostname=self.host)


class AskingConnection(_AskingSent, TimeAndSizeLimitedConnection):
    """A connection that sends ASKING, for a slot that is moving to the node."""


class AskingTlsConnection(_AskingSent, TimeAndSizeLimitedTlsConnection):
    """A TLS connection that sends ASKING, for a slot that is moving to the node."""


_CONNECTIONS = {
    (Connection, False): TimeAndSizeLimitedConnection,
    (Connection, True): AskingConnection,
    (SSLConnection, False): TimeAndSizeLimitedTlsConnection,
    (SSLConnection, True): AskingTlsConnection,
}


def new_pool_limiting_answer_time_and_size(
    url: str, address: tuple[str, int] | None = None, *, sends_asking: bool = False, **options: Any
) -> ConnectionPool:
    """Makes a pool of connections with limits. The option `socket_timeout` is the time for a whole answer, in seconds.

    If `address` is given, connects to it with the password and TLS of the URL. With `sends_asking`, sends ASKING before
    each command, because a node requires ASKING for a slot that is still being moved to it.
    """
    made = ConnectionPool.from_url(url, parser_class=TimeAndSizeLimitedParser, **options)
    made.connection_class = _CONNECTIONS[made.connection_class, sends_asking]
    if address:
        made.connection_kwargs |= {"host": address[0], "port": address[1]}
    return made


def _parse_int(text: bytes) -> int:
    if not _WHOLE.fullmatch(text) or not -(2**63) <= int(text) < 2**63:
        raise InvalidResponse("a number that is none")
    return int(text)


def _parse_length(text: bytes) -> int:
    if not _LENGTH.fullmatch(text) or int(text) > MOST_BYTES:
        raise InvalidResponse("a length that can't be")
    return int(text)


def _error_from(text: bytes) -> Answer:
    """Makes the driver's exception from the text of an error reply, and gives it.

    Raises it instead if Redis is not ready, for example while it loads its data.
    """
    words = text.decode(errors="replace")
    try:
        error = BaseParser.parse_error(words)  # type: ignore[no-untyped-call] # the driver's
    except Exception:  # noqa: BLE001 - the driver reads more out of some errors than a lie has
        error = ResponseError(words)
    if isinstance(error, ConnectionLost):
        raise error
    return error
