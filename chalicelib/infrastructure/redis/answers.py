"""What an answer of Redis must look like to be believed. Each function gives it with its type, or raises Nonsense.

A Redis of our own never answers otherwise. Another program on its port, a proxy that mixes up connections, or somebody
who means us harm does, and is treated as a Redis that is not there: see redis_connection.
"""

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

Shape = Callable[[Any], T]

LARGEST_COUNT_DIGITS = 18


class Nonsense(Exception):
    """Redis has answered something that can't be an answer to what it was asked."""


def whole(answer: Any) -> int:
    if type(answer) is not int:
        raise Nonsense(f"no number: {_kind(answer)}")
    return answer


def value(answer: Any) -> bytes | None:
    """A key's value; None where there is no such key."""
    if answer is not None and type(answer) is not bytes:
        raise Nonsense(f"no value: {_kind(answer)}")
    return answer


def text(answer: Any) -> bytes:
    found = value(answer)
    if found is None:
        raise Nonsense("no text")
    return found


def values(count: int) -> Shape[list[bytes | None]]:
    return lambda answer: [value(each) for each in _listed(answer, count)]


def numbers(count: int) -> Shape[list[int]]:
    return lambda answer: [whole(each) for each in _listed(answer, count)]


def done(answer: Any) -> bool:
    """Of a SET: whether it was; it was not, where it had a condition."""
    if answer is not None and answer != b"OK":
        raise Nonsense(f"no OK: {_kind(answer)}")
    return answer is not None


def receipt(answer: Any) -> bool:
    """Of a command that writes: whether it did. Redis may refuse one, being full."""
    if isinstance(answer, Exception):
        return False
    if answer != b"OK":
        whole(answer)
    return True


def receipts(answer: Any) -> list[bool]:
    """Of a pipeline of commands that write: the driver has read one answer for each."""
    return [receipt(each) for each in _listed(answer)]


def counts(answer: Any) -> dict[str, int]:
    """A hash of names to counts, as HGETALL lists it."""
    listed = [text(each) for each in _listed(answer)]
    if len(listed) % 2:
        raise Nonsense("a name without a count")
    return {_name(listed[at]): _count(listed[at + 1]) for at in range(0, len(listed), 2)}


def _name(found: bytes) -> str:
    if not (found.isascii() and found.replace(b"_", b"").isalnum()):
        raise Nonsense("no name")
    return found.decode()


def _count(found: bytes) -> int:
    if not (found.isdigit() and len(found) <= LARGEST_COUNT_DIGITS):
        raise Nonsense("no count")
    return int(found)


def _listed(answer: Any, count: int | None = None) -> list[Any]:
    if type(answer) is not list:
        raise Nonsense(f"no list: {_kind(answer)}")
    if count is not None and len(answer) != count:
        raise Nonsense(f"{len(answer)} answers instead of {count}")
    return answer


def _kind(answer: Any) -> str:
    return type(answer).__name__
