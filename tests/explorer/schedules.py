"""Running schedules: one for each seed, all of it decided by the seed."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from .controls import CONTROLS
from .promises import Broken
from .world import Guards, World


@dataclass(frozen=True, slots=True)
class Explored:
    seed: int
    control: str
    found: str
    happened: Counter[str]
    steps: int

    @property
    def command(self) -> str:
        return f"python -m tests.explorer --seed {self.seed}{f' --control {self.control}' if self.control else ''}"


def explored(first: int, schedules: int, control: str = "") -> Iterator[Explored]:
    guards = CONTROLS[control] if control else Guards()
    for seed in range(first, first + schedules):
        world = World(seed, guards)
        found = _found(world)
        yield Explored(seed, control, found, world.scheduler.happened, world.scheduler.steps)


def findings(first: int, schedules: int) -> list[str]:
    """Each with the command that replays it."""
    return [f"{one.command}: {one.found}" for one in explored(first, schedules) if one.found]


def replayed(seed: int, control: str = "") -> tuple[list[str], str]:
    """Its steps, and what was found."""
    world = World(seed, CONTROLS[control] if control else Guards(), is_traced=True)
    found = _found(world)
    return world.scheduler.trace or [], found


def _found(world: World) -> str:
    try:
        world.run()
    except Broken as broken:
        return str(broken)
    except Exception as surprise:  # noqa: BLE001 - would be a 500, or a message in a DLQ
        return f"a surprise: {surprise!r}"
    return ""
