"""Shapes of Redis's answers. Each function checks an answer and gives it with its type, or raises MalformedRedisAnswer.

A Redis of our own never gives an answer of another shape. Another program on its port does, or a proxy that mixes up
connections, or an attacker. Such an answer counts as no answer: see connection.py.
"""

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

Shape = Callable[[Any], T]

LARGEST_COUNT_DIGITS = 18


class MalformedRedisAnswer(Exception):
    """Redis gave an answer of the wrong shape for this question."""


def integer(answer: Any) -> int:
    """Checks that the answer is a whole number, and gives it."""
    if type(answer) is not int:
        raise MalformedRedisAnswer(f"no number: {_type_name(answer)}")
    return answer


def value_or_none(answer: Any) -> bytes | None:
    """Checks that the answer is bytes or None, and gives it. None means that the key does not exist."""
    if answer is not None and type(answer) is not bytes:
        raise MalformedRedisAnswer(f"no value: {_type_name(answer)}")
    return answer


def required_value(answer: Any) -> bytes:
    """Checks that the answer is bytes, and gives it. Raises MalformedRedisAnswer for None, too."""
    found = value_or_none(answer)
    if found is None:
        raise MalformedRedisAnswer("no text")
    return found


def list_of_values(count: int) -> Shape[list[bytes | None]]:
    """Makes a function that checks that an answer, for example to MGET, is a list of `count` values, each bytes or
    None, and gives that list."""
    return lambda answer: [value_or_none(each) for each in _checked_list(answer, count)]


def list_of_integers(count: int) -> Shape[list[int]]:
    """Makes a function that checks that an answer is a list of `count` whole numbers, and gives that list."""
    return lambda answer: [integer(each) for each in _checked_list(answer, count)]


def was_set(answer: Any) -> bool:
    """Tells whether SET has set the key. False if the condition of SET failed, for example NX."""
    if answer is not None and answer != b"OK":
        raise MalformedRedisAnswer(f"no OK: {_type_name(answer)}")
    return answer is not None


def was_executed(answer: Any) -> bool:
    """Tells whether Redis has executed a command. False if Redis answered with an error, for example because it is
    full.
    """
    if isinstance(answer, Exception):
        return False
    if answer != b"OK":
        integer(answer)
    return True


def were_executed(answer: Any) -> list[bool]:
    """Tells for each command of a pipeline whether Redis has executed the command: see `was_executed`."""
    return [was_executed(each) for each in _checked_list(answer)]


def counts_by_name(answer: Any) -> dict[str, int]:
    """Reads the answer to HGETALL as counts by name. The answer lists name, count, name, count."""
    listed = [required_value(each) for each in _checked_list(answer)]
    if len(listed) % 2:
        raise MalformedRedisAnswer("a name without a count")
    return {_parse_name(listed[at]): _parse_count(listed[at + 1]) for at in range(0, len(listed), 2)}


def _parse_name(found: bytes) -> str:
    if not (found.isascii() and found.replace(b"_", b"").isalnum()):
        raise MalformedRedisAnswer("no name")
    return found.decode()


def _parse_count(found: bytes) -> int:
    if not (found.isdigit() and len(found) <= LARGEST_COUNT_DIGITS):
        raise MalformedRedisAnswer("no count")
    return int(found)


def _checked_list(answer: Any, count: int | None = None) -> list[Any]:
    if type(answer) is not list:
        raise MalformedRedisAnswer(f"no list: {_type_name(answer)}")
    if count is not None and len(answer) != count:
        raise MalformedRedisAnswer(f"{len(answer)} answers instead of {count}")
    return answer


def _type_name(answer: Any) -> str:
    return type(answer).__name__
