"""With a guard taken out there are findings: so those that are missing elsewhere mean something."""

import pytest

from .controls import CONTROLS
from .schedules import explored, replayed

BUDGET = 10_000
"""Schedules. Each of these faults is found within the first 1,000."""


@pytest.mark.parametrize("control", CONTROLS)
def test_a_world_without_this_guard_breaks_a_promise(control: str) -> None:
    found = next((one for one in explored(0, BUDGET, control) if one.found), None)

    assert found, f"nothing found in {BUDGET} schedules"


def test_what_is_found_can_be_replayed_step_by_step() -> None:
    found = next(one for one in explored(0, BUDGET, "no-bar") if one.found)

    trace, again = replayed(found.seed, "no-bar")

    assert again == found.found
    assert any("reservations.bar" in step for step in trace)
    assert found.command == f"python -m tests.explorer --seed {found.seed} --control no-bar"
