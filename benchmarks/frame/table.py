"""The types of the benchmarks' table: a benchmark, its figures, and what each must reach."""

from dataclasses import dataclass
from typing import NamedTuple


class Must(NamedTuple):
    """The bound that a figure must keep. `aim` is the better value that we aim for."""

    bound: float
    is_most: bool
    aim: float | None = None

    def is_kept_by(self, value: float) -> bool:
        return value <= self.bound if self.is_most else value >= self.bound

    def __str__(self) -> str:
        aim = "" if self.aim is None else f", aim {self.aim:g}"
        return f"{'≤' if self.is_most else '≥'} {self.bound:g}{aim}"


def at_most(bound: float, aim: float | None = None) -> Must:
    return Must(bound, is_most=True, aim=aim)


def at_least(bound: float, aim: float | None = None) -> Must:
    return Must(bound, is_most=False, aim=aim)


@dataclass(frozen=True, slots=True)
class Figure:
    """A number that a benchmark measures: a ratio to a baseline that is measured in the same run, or a count.

    `name` is unique within the benchmark. Without a `must` the number is shown and not judged.
    """

    name: str
    what: str
    baseline: str
    must: Must | None = None
    unit: str = "×"


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A row of the benchmarks' table. `module` has `measure(run)`; it is imported only when this benchmark runs.

    It runs in a process of its own. `seconds` is how long it should take at most: its loops look at
    `run.seconds_left()`, and the process is ended after KILLED_AFTER times as long.
    """

    name: str
    what: str
    module: str
    figures: tuple[Figure, ...]
    seconds: float = 120.0
