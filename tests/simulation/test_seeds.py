"""Seeds: those that every run repeats, and some that no run has seen before. One that fails prints how to replay it.

`make prove` runs 40,000 of them, `make simulate SEEDS=1000000` as many as one likes, on all cores.
"""

import os
import random
import subprocess
import sys
import time
from collections import Counter

import pytest

from chalicelib.domain.pages import Page
from chalicelib.domain.sessions import Session
from tests.effort import effort

from .cloud.doors import tables_named
from .faults import Kind
from .seeds import Result, find_broken_promise, runs
from .shrinking import shrunk
from .world import Plan, World

EACH = 100
KNOWN = effort(500, 10_000)
FRESH = effort(100, 1_000)
FEWEST = 1_000
"""Seeds within which each kind of fault happens."""
BASE = random.SystemRandom().randrange(10**6, 10**12)


def told(failed: Result) -> str:
    small = shrunk(failed)
    return f"{failed.command}\n{failed.found}\nmade smaller: {small.command}\n{small.found}"


def first_failure(first: int, seeds: int) -> str:
    """Gives what the first failing seed finds, and how to replay it; empty if none fails."""
    return next((told(result) for result in runs(range(first, first + seeds)) if result.found), "")


@pytest.mark.parametrize("first", range(0, KNOWN, EACH))
def test_no_promise_is_broken(first: int) -> None:
    assert not first_failure(first, EACH)


@pytest.mark.parametrize("chunk", range(FRESH // EACH))
def test_no_promise_is_broken_under_schedules_that_are_new(chunk: int) -> None:
    first = BASE + chunk * EACH
    print(f"python -m tests.simulation --seed {first} --seeds {EACH}")

    assert not first_failure(first, EACH)


def test_everything_goes_wrong_that_may() -> None:
    """A kind of fault that never happens would prove nothing. The run stops where each has happened."""
    happened = Counter[str]()
    for result in runs(range(FEWEST)):
        happened += result.happened
        if all(happened[kind] for kind in Kind):
            return

    assert [str(kind) for kind in Kind if not happened[kind]] == []


def test_a_seed_decides_all_of_its_schedule() -> None:
    once, again = (list(runs(range(20))) for _ in range(2))

    assert once == again


def test_a_seed_is_the_same_in_every_process() -> None:
    """Whatever order sets have there."""
    command = [sys.executable, "-m", "tests.simulation", "--seed", "7"]

    once, again = (
        subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": order}, capture_output=True, text=True, check=True)
        for order in ("1", "2")
    )

    assert once.stdout == again.stdout
    assert "python -m tests.simulation --seed 7\nnothing found" in once.stdout


def test_who_reads_what_another_process_of_the_instance_is_reading_does_not_wait_for_it() -> None:
    """Two sweeps that began in one millisecond stood still, and the run with them."""
    world = World(Plan(0, faults=frozenset()))

    def read_page() -> None:
        pages.append(world.instances[0].sessions.list_by_start(None, 10, None))

    def read_at_once() -> None:
        for name in ("a sweep", "another"):
            world.scheduler.start(name, read_page)
        while world.scheduler.try_to_step():
            pass

    pages: list[Page[Session]] = []

    with tables_named(world.services.client.database.prefix):
        assert find_broken_promise(read_at_once, longest_seconds=5) == ""
    assert pages[0] == pages[1]


def test_a_run_that_hangs_breaks_a_promise() -> None:
    found = find_broken_promise(lambda: time.sleep(60), longest_seconds=0.05)

    assert found == "it hangs: it still runs after 0.05 s"
