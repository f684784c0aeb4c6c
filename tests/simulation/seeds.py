"""Running seeds: each decides all of its schedule."""

import signal
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

from .promises.at_all_times import Broken, broken
from .world import Plan, World

LONGEST_SECONDS = 60.0
"""A run takes some hundredths of a second. One that takes so long hangs: that breaks a promise, too."""


@dataclass(frozen=True, slots=True)
class Result:
    plan: Plan
    found: str
    happened: Counter[str]
    steps: int
    turns: int
    struck: tuple[int, ...]
    """The numbers of the faults that happened."""
    asked: tuple[int, ...]
    """The numbers of the commands that were given."""

    @property
    def command(self) -> str:
        """Gives the command that replays the run and prints each step."""
        return f"python -m tests.simulation {self.plan.arguments}"


def run(plan: Plan, trace: list[str] | None = None) -> Result:
    """Runs the plan. Adds the steps to `trace`, if it is given."""
    world = World(plan, is_traced=trace is not None)
    found = find_broken_promise(world.run)
    if trace is not None:
        trace += world.scheduler.trace or []
    faults = world.faults
    turns, struck, asked = world.turns, tuple(faults.struck), tuple(world.asked)
    return Result(plan, found, faults.happened, world.scheduler.steps, turns, struck, asked)


def runs(seeds: Iterable[int], plant: str = "") -> Iterator[Result]:
    return (run(Plan(seed, plant)) for seed in seeds)


def find_broken_promise(run: Callable[[], None], longest_seconds: float = LONGEST_SECONDS) -> str:
    """Gives what `run` finds; empty if it finds nothing. Ends a run that hangs."""
    try:
        with _interrupted_after(longest_seconds):
            run()
    except Broken as promise:
        return str(promise)
    except Exception as surprise:  # noqa: BLE001 - would be a 500, or a message in a DLQ
        return f"a surprise: {surprise!r}"
    return ""


@contextmanager
def _interrupted_after(seconds: float) -> Iterator[None]:
    """Interrupts at the second alarm: where everything is suspended for a while, the first one comes at once."""
    alarms = count()

    def interrupt(*_: object) -> None:
        if next(alarms):
            broken(f"it hangs: it still runs after {seconds} s")

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds / 2, seconds / 2)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
