"""Running seeds: each decides all of its schedule."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .promises.at_all_times import Broken
from .world import Plan, World


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
    found = _find_broken_promise(world)
    if trace is not None:
        trace += world.scheduler.trace or []
    faults = world.faults
    turns, struck, asked = world.turns, tuple(faults.struck), tuple(world.asked)
    return Result(plan, found, faults.happened, world.scheduler.steps, turns, struck, asked)


def runs(seeds: Iterable[int], plant: str = "") -> Iterator[Result]:
    return (run(Plan(seed, plant)) for seed in seeds)


def _find_broken_promise(world: World) -> str:
    try:
        world.run()
    except Broken as broken:
        return str(broken)
    except Exception as surprise:  # noqa: BLE001 - would be a 500, or a message in a DLQ
        return f"a surprise: {surprise!r}"
    return ""
