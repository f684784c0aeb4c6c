"""The parser of Redis's answers: one deadline for an answer, a bound on its size, and only the forms of RESP2."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from redis.exceptions import BusyLoadingError, InvalidResponse, ResponseError
from redis.exceptions import ConnectionError as ConnectionLost

from chalicelib.infrastructure.redis.answers import (
    MalformedRedisAnswer,
    counts_by_name,
    integer,
    list_of_integers,
    list_of_values,
    required_value,
    was_set,
    were_executed,
)
from chalicelib.infrastructure.redis.wire import (
    MOST_BYTES,
    MOST_VALUES,
    READ_BYTES,
    TimeAndSizeLimitedParser,
    redis_time_budget,
)

SECONDS = 0.05


@dataclass
class Wire:
    """A connection to an end that sends `parts`, each after so many seconds, and then hangs up."""

    parts: Iterator[bytes]
    seconds: float = 0.0
    now: float = 1000.0
    received: int = 0
    waits: float = SECONDS
    socket_timeout: float = SECONDS

    @property
    def _sock(self) -> "Wire":
        return self

    def monotonic(self) -> float:
        return self.now

    def settimeout(self, seconds: float) -> None:
        self.waits = seconds

    def recv(self, most: int) -> bytes:
        if self.seconds > self.waits:
            self.now += self.waits
            raise TimeoutError if self.waits else BlockingIOError
        self.now += self.seconds
        part = next(self.parts, b"")
        assert len(part) <= most
        self.received += len(part)
        return part


def wire(*parts: bytes, seconds: float = 0.0) -> Wire:
    return Wire(iter(parts), seconds)


def for_ever(part: bytes) -> Iterator[bytes]:
    while True:
        yield part


def parser_on(wire: Wire) -> TimeAndSizeLimitedParser:
    parser = TimeAndSizeLimitedParser(socket_read_size=0, monotonic=wire.monotonic)
    parser.on_connect(wire)
    return parser


def read(*parts: bytes) -> Any:
    return parser_on(wire(*parts)).read_response()


def single_bytes(answer: bytes) -> Iterable[bytes]:
    return (bytes([byte]) for byte in answer)


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        (b"+OK\r\n", b"OK"),
        (b":-12\r\n", -12),
        (b":9223372036854775807\r\n", 2**63 - 1),
        (b"$-1\r\n", None),
        (b"*-1\r\n", None),
        (b"$0\r\n\r\n", b""),
        (b"$4\r\na\r\nb\r\n", b"a\r\nb"),
        (b"*3\r\n:1\r\n$-1\r\n*1\r\n+x\r\n", [1, None, [b"x"]]),
        (b"*0\r\n", []),
    ],
)
def test_the_forms_of_resp2_are_understood_however_they_are_cut(answer: bytes, meaning: object) -> None:
    assert read(answer) == meaning
    assert read(*single_bytes(answer)) == meaning


def test_answers_that_come_together_are_read_one_after_the_other() -> None:
    parser = parser_on(wire(b"+a\r\n:1\r\n$1\r\n", b"b\r\n"))

    assert [parser.read_response() for _ in range(3)] == [b"a", 1, b"b"]
    assert not parser._unread


def test_a_refusal_is_an_answer_and_an_absence_is_raised() -> None:
    assert isinstance(read(b"-OOM command not allowed\r\n"), ResponseError)
    assert isinstance(read(b"-MOVED x\r\n"), ResponseError)
    assert isinstance(read(b"*1\r\n-ERR no\r\n")[0], ResponseError)
    with pytest.raises(BusyLoadingError):
        read(b"-LOADING\r\n")
    with pytest.raises(ConnectionLost):
        read(b"*1\r\n:1")


def test_what_drips_is_given_up_at_the_deadline_of_the_whole_answer() -> None:
    dripping = wire(*single_bytes(b"$100\r\n" + b"x" * 102), seconds=0.03)
    with pytest.raises(TimeoutError):
        parser_on(dripping).read_response()

    assert dripping.now == pytest.approx(1000 + SECONDS)


def test_what_has_come_is_read_though_we_were_too_busy_to_look() -> None:
    here = wire(b"$3\r\n", b"abc\r\n", b":1\r\n")
    parser = parser_on(here)
    parser.reset_limits()
    here.now += 60
    assert parser._read_line() == b"$3"
    here.now += 60

    assert parser._read_bulk(3) == b"abc"
    with pytest.raises(TimeoutError):
        parser.read_response()


def test_answers_to_one_question_have_one_deadline_and_those_to_the_next_one_of_their_own() -> None:
    slow = wire(*[b"+OK\r\n"] * 4, seconds=0.02)
    parser = parser_on(slow)
    parser.reset_limits()
    parser.read_response()
    parser.read_response()
    with pytest.raises(TimeoutError):
        parser.read_response()
    parser.reset_limits()

    assert parser.read_response() == b"OK"


@pytest.mark.parametrize(
    ("start", "more"),
    [(b"$900000\r\n", b"x"), (b"*15000\r\n", b"$90\r\n" + b"x" * 90 + b"\r\n"), (b"+", b"x"), (b"-", b"\n")],
    ids=["a text", "an array", "a line", "an error"],
)
def test_no_more_is_read_than_the_bound(start: bytes, more: bytes) -> None:
    endless = Wire(for_ever(more))
    endless.parts = iter([start, *[more * (READ_BYTES // len(more))] * 40])
    parser = parser_on(endless)
    with pytest.raises(InvalidResponse):
        _ = [parser.read_response() for _ in range(10)]

    assert endless.received <= MOST_BYTES + READ_BYTES


@pytest.mark.parametrize(
    "lie",
    [
        b":\r\n",
        b":1.5\r\n",
        b":1_0\r\n",
        b": 1\r\n",
        b":+1\r\n",
        b":9223372036854775808\r\n",
        b":" + b"9" * 32 + b"\r\n",
        b"$-2\r\n",
        b"$1e3\r\n",
        b"$\r\n",
        b"$%d\r\n" % (MOST_BYTES + 1),
        b"$1\r\nab\r\n",
        b"*-2\r\n",
        b"*99999999999999999\r\n",
        b"*1\r\n" * 10,
        b"*%d\r\n" % MOST_VALUES + b":1\r\n" * MOST_VALUES,
        b"\r\n",
        b",1.5\r\n",
        b"#t\r\n",
        b"_\r\n",
        b"%1\r\n",
        b"~1\r\n",
        b">1\r\n",
        b"(1\r\n",
        b"=3\r\n",
        b"HTTP/1.1 200 OK\r\n",
    ],
    ids=lambda lie: repr(lie[:20]),
)
def test_every_other_form_is_refused(lie: bytes) -> None:
    with pytest.raises(InvalidResponse):
        read(*(lie[start : start + READ_BYTES] for start in range(0, len(lie), READ_BYTES)))


def test_what_nobody_asked_for_is_found_before_the_next_question() -> None:
    parser = parser_on(wire(b"+OK\r\n+OK\r\n"))
    parser.read_response()

    assert parser.can_read()
    assert not parser_on(wire(b"x", seconds=1)).can_read()
    with pytest.raises(ConnectionLost):
        parser_on(wire()).can_read()


# Shapes.


def test_an_answer_of_the_shape_that_was_asked_for_is_believed() -> None:
    assert integer(3) == 3
    assert required_value(b"a") == b"a"
    assert list_of_values(2)([b"a", None]) == [b"a", None]
    assert list_of_integers(2)([1, 2]) == [1, 2]
    assert (was_set(b"OK"), was_set(None)) == (True, False)
    assert were_executed([b"OK", 1, ResponseError("full")]) == [True, True, False]
    assert counts_by_name([b"NOT_FOUND", b"12"]) == {"NOT_FOUND": 12}


@pytest.mark.parametrize(
    ("shape", "answer"),
    [
        (integer, True),
        (integer, b"1"),
        (integer, None),
        (required_value, None),
        (required_value, "a"),
        (list_of_values(2), [b"a"]),
        (list_of_values(1), [1]),
        (list_of_values(1), b"a"),
        (list_of_values(1), [[b"a"]]),
        (list_of_values(1), [ResponseError("no")]),
        (list_of_integers(1), [b"1"]),
        (list_of_integers(2), [1]),
        (was_set, b"QUEUED"),
        (was_set, 1),
        (were_executed, [None]),
        (were_executed, [[]]),
        (were_executed, b"OK"),
        (counts_by_name, [b"NOT_FOUND"]),
        (counts_by_name, [b"NOT_FOUND", b"1.5"]),
        (counts_by_name, [b"NOT_FOUND", b"9" * 19]),
        (counts_by_name, [b"\xff", b"1"]),
        (counts_by_name, [b"<b>", b"1"]),
        (counts_by_name, {}),
    ],
)
def test_any_other_is_nonsense(shape: Any, answer: object) -> None:
    with pytest.raises(MalformedRedisAnswer):
        shape(answer)


def test_all_connections_that_one_question_needs_share_its_time() -> None:
    """As after a redirect: the second node has what the first has left."""
    first, second = wire(b"+a\r\n", seconds=0.03), wire(b"+b\r\n", seconds=0.03)
    with redis_time_budget(SECONDS) as left:
        parser_on(first).read_response()
        assert left.left == pytest.approx(0.02)
        with pytest.raises(TimeoutError):
            parser_on(second).read_response()
        assert not left.left

    assert parser_on(wire(b"+b\r\n", seconds=0.03)).read_response() == b"b"


def test_only_waiting_uses_up_time() -> None:
    first, second = wire(b"+a\r\n", seconds=0.01), wire(b"+b\r\n", seconds=0.03)
    with redis_time_budget(SECONDS):
        parser_on(first).read_response()
        second.now = first.now + 60  # this process was busy, or connected
        assert parser_on(second).read_response() == b"b"
