"""With a guard taken out a promise breaks: so it means something that none breaks with all of them."""

from dataclasses import replace

import pytest

from tests.effort import mostly_thorough

from .planted import PLANTED
from .seeds import Result, run, runs
from .shrinking import shrunk
from .world import Plan

BUDGET = 2_500
"""Seeds: ten times as many as any of these faults needs."""


def found_with(plant: str) -> Result:
    found = next((result for result in runs(range(BUDGET), plant) if result.found), None)
    assert found, f"nothing found in {BUDGET} seeds"
    return found


@pytest.mark.parametrize("plant", mostly_thorough(PLANTED, 4))
def test_a_system_without_this_guard_breaks_a_promise(plant: str) -> None:
    assert found_with(plant)


def test_what_is_found_can_be_replayed_step_by_step() -> None:
    found = found_with("sold-is-free")
    trace: list[str] = []

    again = run(found.plan, trace)

    assert again == found
    assert any("simulated-rows" in step for step in trace)
    assert found.command == f"python -m tests.simulation --seed {found.plan.seed} --plant sold-is-free"


def test_what_is_found_is_made_smaller() -> None:
    found = found_with("sends-and-forgets")

    small = shrunk(found)

    assert small.found
    assert small.turns < found.turns
    assert len(small.struck) < len(found.struck)
    assert run(small.plan) == small


def test_what_matters_to_a_finding_is_not_left_out() -> None:
    """A message that SQS does not take is what it needs."""
    small = shrunk(found_with("sends-and-forgets"))

    assert small.struck
    assert not run(replace(small.plan, faults=frozenset())).found
    assert Plan(1, faults=frozenset((3, 2))).arguments == "--seed 1 --faults 2,3"
