"""The effort of tests: a portion of it in `make test`, all of it in `make test-thorough` and `make prove`.

`make prove` sets PROVE=1.
"""

import os
from collections.abc import Iterable
from typing import Any

import pytest

PROVING = os.environ.get("PROVE") == "1"

thorough = pytest.mark.thorough
"""Marks a test that `make test` leaves out and CI runs: it takes seconds, and others look at the same path, too."""


def effort(portion: int, whole: int) -> int:
    """Gives the number of rounds, examples or events: `whole` while proving, else `portion`."""
    return whole if PROVING else portion


def mostly_thorough(cases: Iterable[Any], every: int) -> list[Any]:
    """Gives the cases of a test as its parameters. All but one in `every` are thorough; the first is not."""
    return [
        pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=thorough if number % every else ())
        for number, case in enumerate(cases)
    ]
