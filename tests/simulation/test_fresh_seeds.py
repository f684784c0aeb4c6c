"""Schedules that no run has seen before. A seed that fails prints the command that shows its steps."""

import random

import pytest

from .schedules import findings

EACH = 500
BASE = random.SystemRandom().randrange(10**6, 10**12)


@pytest.mark.parametrize("chunk", range(4))
def test_no_promise_is_broken(chunk: int) -> None:
    first = BASE + chunk * EACH
    print(f"python -m tests.explorer --seed {first} --schedules {EACH}")

    assert findings(first, EACH) == []
