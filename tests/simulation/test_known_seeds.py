"""Schedules that every run repeats. A seed that fails prints the command that shows its steps."""

from collections import Counter

import pytest

from .schedules import explored, findings
from .steps import Fault, Mishap

EACH = 500


@pytest.mark.parametrize("first", range(0, 18_000, EACH))
def test_no_promise_is_broken(first: int) -> None:
    assert findings(first, EACH) == []


def test_everything_goes_wrong_that_may() -> None:
    happened = sum((one.happened for one in explored(0, EACH)), Counter[str]())

    assert [name for name in (*Fault, *Mishap) if not happened[name]] == []


def test_a_seed_decides_all_of_its_schedule() -> None:
    once, again = (list(explored(0, 20)) for _ in range(2))

    assert once == again
