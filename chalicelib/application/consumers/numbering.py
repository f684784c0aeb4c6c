"""Numbering many at once: what a consumer's batch has in common with its number's store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

from chalicelib.domain.events import act_on_each_in_turn
from chalicelib.domain.refusals import BackendUnavailable

T = TypeVar("T")
N = TypeVar("N")


def number_by_series_else_singly(
    items: Mapping[int, T],
    series_of: Callable[[T], Hashable],
    assign_numbers_in_one_series: Callable[[Sequence[T]], Sequence[N]],
) -> tuple[dict[int, N], dict[int, Exception]]:
    """Groups the items by series, and numbers each group with one call. If that call fails for any reason but an
    outage, numbers the group's items one by one. Gives the numbered items and the failures, both by the item's position
    in `items`."""
    by_series: dict[Hashable, dict[int, T]] = defaultdict(dict)
    for position, item in items.items():
        by_series[series_of(item)][position] = item
    numbered, failures = dict[int, N](), dict[int, Exception]()
    for some in by_series.values():
        done, failed = _number(some, assign_numbers_in_one_series)
        numbered |= done
        failures |= failed
    return numbered, failures


def _number(
    items: Mapping[int, T], assign_numbers_in_one_series: Callable[[Sequence[T]], Sequence[N]]
) -> tuple[dict[int, N], dict[int, Exception]]:
    """Numbers items with one call. If the call fails, and there is no outage, numbers each item with a call of its own.

    So an item that can't be stored does not make the others fail.
    """
    try:
        return dict(zip(items, assign_numbers_in_one_series(list(items.values())), strict=True)), {}
    except BackendUnavailable as outage:
        return {}, dict.fromkeys(items, outage)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the fault of one of them
        if len(items) == 1:
            return {}, dict.fromkeys(items, error)
    return act_on_each_in_turn(items, lambda item: assign_numbers_in_one_series([item])[0])
