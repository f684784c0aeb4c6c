"""Each alarm goes off when it should, and does not when it should not.

By CloudWatch's documented arithmetic (cloudwatch.py): the emulator takes all values of a metric together, whatever
their dimensions, and knows neither periods nor missing data.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from .cloudwatch import Series, state, state_of
from .templates import alarms, default_of

NOTHING: list[float] = []


class Condition(NamedTuple):
    """What must raise alarms of a name, and what must not, by minute."""

    names: str
    raising: list[Series]
    quiet: list[Series]


def each_minute(minutes: int, *values: float) -> Series:
    return [list(values)] * minutes


def once_in_five(*values: float) -> Series:
    """One value in each five minutes: `NaN` stands for none."""
    return [minute for value in values for minute in ([value] if value == value else NOTHING, *[NOTHING] * 4)]


def share(failed: int, of: int) -> list[float]:
    return [1.0] * failed + [0.0] * (of - failed)


def two_of_three_minutes() -> tuple[list[Series], list[Series]]:
    raising: list[Series] = [[[1], NOTHING, [3]], each_minute(3, 1)]
    return raising, [[[500], NOTHING, NOTHING, NOTHING], each_minute(5, 0), [NOTHING] * 5]


def beyond(threshold: float, minutes: int) -> tuple[list[Series], list[Series]]:
    """Beyond the threshold for so many minutes in a row; up to it for ever, or beyond it for one minute less."""
    short = [*each_minute(minutes - 1, threshold + 1), [0.0]]
    return [each_minute(minutes, threshold + 1)], [each_minute(minutes + 3, threshold), short, [NOTHING] * 9]


def slow_twice(milliseconds: float) -> tuple[list[Series], list[Series]]:
    """Two of three times five minutes."""
    raising: list[Series] = [once_in_five(milliseconds + 1, 0, milliseconds + 1)]
    return raising, [once_in_five(milliseconds, milliseconds, milliseconds), once_in_five(milliseconds + 1, 0, 0)]


def failing_bookings() -> tuple[list[Series], list[Series]]:
    raising: list[Series] = [each_minute(10, *share(2, 100)) + each_minute(5, 0), each_minute(15, 1)]
    quiet: list[Series] = [each_minute(15, *share(1, 100)), each_minute(5, 1) + each_minute(10, 0), [NOTHING] * 15]
    return raising, quiet


def slow_bookings(milliseconds: float) -> tuple[list[Series], list[Series]]:
    two_of_100 = [milliseconds + 200] * 2 + [20.0] * 98
    one_of_200 = [5000.0, *[20.0] * 199]
    short = each_minute(10, *two_of_100) + each_minute(5, 20)
    return [each_minute(15, *two_of_100)], [each_minute(15, *one_of_200), short, [NOTHING] * 15]


CONDITIONS = (
    Condition(".*-dlq-not-empty", [[[0], [1]]], [each_minute(5, 0), [NOTHING] * 5]),
    Condition("(expiry|payments)-late", *beyond(1200, minutes=2)),
    Condition("(?!expiry|payments|row|reservation|payment|seat).*-late", *beyond(300, minutes=2)),
    Condition("(row|reservation|payment)-events-late", *beyond(60_000, minutes=3)),
    Condition("seat-maps-late", *beyond(30_000, minutes=3)),
    Condition("stream-failures-arrived", [[[1], *[NOTHING] * 59]], [[[1], *[NOTHING] * 70], [NOTHING] * 70]),
    Condition("rows-throttled", *two_of_three_minutes()),
    Condition(".*-(reads|writes)-throttled", *two_of_three_minutes()),
    Condition("api-throttled", *two_of_three_minutes()),
    Condition(
        "account-throttled",
        [each_minute(8, 4) + each_minute(2, 0)],
        [each_minute(7, 4) + each_minute(3, 0), [NOTHING] * 10],
    ),
    Condition(
        "account-nearly-full",
        [[[801], [5], [990]]],
        [each_minute(5, 800), [[1000], [5], [5], [5]], [NOTHING] * 5],
    ),
    Condition(
        "api-fails",
        [[*each_minute(3, *share(2, 100)), [0], [0]]],
        [each_minute(9, *share(1, 200)), [[1, 1], *each_minute(4, 0)], [NOTHING] * 9],
    ),
    Condition("store-unavailable", [[[1, 1], [1, 1], [1, 1], [], []]], [each_minute(5, 1), [NOTHING] * 5]),
    Condition("(hold|confirm)-fails", *failing_bookings()),
    Condition("hold-slow", *slow_bookings(1000)),
    Condition("confirm-slow", *slow_bookings(1500)),
    Condition(
        "money-to-look-at",
        [once_in_five(1, 1, 1), [NOTHING] * 15, once_in_five(0, 0, *[float("nan")] * 5)],
        [once_in_five(0, 0, 0), once_in_five(4, 1, 0), once_in_five(0, float("nan"), 0)],
    ),
    Condition("emails-bounce", [once_in_five(*[0.05] * 12)], [once_in_five(*[0.049] * 12), [NOTHING] * 60]),
    Condition("emails-complained-of", [once_in_five(*[0.001] * 12)], [once_in_five(*[0.0009] * 12), [NOTHING] * 60]),
    Condition(
        "redis-does-not-answer", [each_minute(3, 1, 1)], [[[1], [1], [0]], each_minute(5, 0), [[1], *[NOTHING] * 9]]
    ),
    Condition(
        "(api-handler|on-.*|websocket-.*|sign-in)-fails",
        [once_in_five(1, 0, 2), once_in_five(0, 1, 1)],
        [once_in_five(40, 0, 0), once_in_five(0, 0, 0), [NOTHING] * 15],
    ),
    Condition("api-handler-slow", *slow_twice(23_200)),
    Condition("on-reconciliation-due-slow", *slow_twice(240_000)),
    Condition("(?!on-reconciliation)(on-|websocket-).*-slow", *slow_twice(24_000)),
    Condition(".*item-errors", [[[1], [0], [2], [0], [1]]], [[[9], [9], [0], [0], [0]], [NOTHING] * 9]),
)


def condition_of(alarm: str) -> Condition:
    (found,) = [each for each in CONDITIONS if re.fullmatch(each.names, alarm)]
    return found


def threshold_of(alarm: str) -> float:
    threshold = alarms()[alarm]["Threshold"]
    return float(default_of(threshold["Ref"]) if isinstance(threshold, dict) else threshold)


def cases(kind: str) -> Iterator[tuple[str, int, Series]]:
    for alarm in alarms():
        for number, series in enumerate(getattr(condition_of(alarm), kind)):
            yield alarm, number, series


def test_every_alarm_has_a_condition_that_raises_it_and_one_that_does_not() -> None:
    assert {alarm for alarm, _, _ in cases("raising")} == {alarm for alarm, _, _ in cases("quiet")} == alarms().keys()
    assert all(any(re.fullmatch(each.names, alarm) for alarm in alarms()) for each in CONDITIONS)


def test_each_goes_off_when_it_should() -> None:
    asleep = [
        f"{alarm}, case {number}"
        for alarm, number, series in cases("raising")
        if state_of(series, alarms()[alarm], threshold_of(alarm)) != "ALARM"
    ]

    assert not asleep


def test_none_goes_off_when_it_should_not() -> None:
    false = [
        f"{alarm}, case {number}"
        for alarm, number, series in cases("quiet")
        if state_of(series, alarms()[alarm], threshold_of(alarm)) != "OK"
    ]

    assert not false


@pytest.mark.parametrize("alarm", ["emails-bounce", "emails-complained-of"])
def test_a_reputation_that_is_not_reported_for_a_while_is_the_one_before(alarm: str) -> None:
    for before in ("OK", "ALARM"):
        assert state([None] * 3, alarms()[alarm], threshold_of(alarm), before) == before
