"""Remembers, for one run, the results of the product's functions that only read: items, messages and moments.

Nobody changes a stored item, a message or a moment, so that a second reading gives what the first has given. The same
item is read by the promises, by each instance and by each repetition of its stream. test_remembered.py runs seeds with
and without this, and reads everything again at a run's end.
"""

import sys
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from chalicelib.domain.times import from_ms, to_iso, to_ms, utc_whole_ms_from_iso_with_zone
from chalicelib.infrastructure.dynamodb.payments import payment_from_item
from chalicelib.infrastructure.dynamodb.reservations import reservation_from_item_unless_bar
from chalicelib.infrastructure.sqs.envelopes import event_in, to_body

Function = Callable[[Any], Any]
Known = dict[Hashable, tuple[Any, Any]]
"""By the argument's key, the argument and the result. It keeps the argument, whose identity is then no other's."""


def _value(argument: Any) -> Hashable:
    return argument  # type: ignore[no-any-return] # a text, a number or a moment


def _body(record: Any) -> Hashable:
    return record["body"]  # type: ignore[no-any-return] # a text


KEYS: dict[Function, Callable[[Any], Hashable]] = {
    reservation_from_item_unless_bar: id,
    payment_from_item: id,
    to_body: id,
    event_in: _body,
    utc_whole_ms_from_iso_with_zone: _value,
    to_iso: _value,
    from_ms: _value,
    to_ms: _value,
}
"""What tells the arguments of each function apart."""


@contextmanager
def remembering() -> Iterator[dict[Function, Known]]:
    """Has each of the functions called once for each argument, wherever it is imported. Gives what it remembers."""
    memories: dict[Function, Known] = {function: {} for function in KEYS}
    try:
        for function, known in memories.items():
            _replace(function, _remembered(function, KEYS[function], known))
        yield memories
    finally:
        for function in memories:
            _replace(function, function)


def _remembered(function: Function, key: Callable[[Any], Hashable], known: Known) -> Function:
    def remembered(argument: Any) -> Any:
        place = key(argument)
        found = known.get(place)
        if found is None:
            found = known[place] = argument, function(argument)
        return found[1]

    return remembered


def _replace(function: Function, other: Function) -> None:
    for names in _importers(function):
        names[function.__name__] = other


@cache
def _importers(function: Function) -> tuple[dict[str, Any], ...]:
    """Gives the names of each module that has the function: those that are loaded before the first run."""
    modules = (getattr(module, "__dict__", {}) for module in list(sys.modules.values()))
    return tuple(names for names in modules if names.get(function.__name__) is function)
