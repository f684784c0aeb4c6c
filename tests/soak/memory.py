"""The resident memory of processes in time, and whether it grows once they are warm."""

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import linear_regression

WARM_UP, WARM_UP_SECONDS = 1 / 3, 120.0
"""The part of a process's life that is left out, and the least of it: imports, connections and caches fill in it."""
LEAST_SECONDS = 120.0
"""The least time that is judged. Who was killed before is not."""
STEEPEST_MB_PER_MINUTE = 0.5
LEAST_GROWTH_MB = 4.0
"""Growth that is no leak: a heap is in pieces, and a thread more or less has its arena."""

Sample = tuple[float, float]
"""Seconds since the start, and megabytes."""


def resident_mb(pid: int) -> float | None:
    """Reads the resident set of a process from /proc. None when it has ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@dataclass(frozen=True)
class Life:
    """What a process used from one start to its death, once it was warm."""

    name: str
    samples: Sequence[Sample]

    @property
    def minutes(self) -> float:
        return (self.samples[-1][0] - self.samples[0][0]) / 60

    @property
    def slope(self) -> float:
        """Megabytes a minute, by least squares."""
        moments, sizes = zip(*self.samples, strict=True)
        return linear_regression(moments, sizes).slope * 60

    @property
    def is_flat(self) -> bool:
        """Tells whether it grows neither steeply nor by much."""
        return self.slope <= STEEPEST_MB_PER_MINUTE or self.slope * self.minutes <= LEAST_GROWTH_MB

    def __str__(self) -> str:
        last = self.samples[-1][1]
        return f"{self.name} {last:.0f} MB, {self.slope:+.2f} MB/min over {self.minutes:.1f} min"


@dataclass
class Memory:
    """The samples of each life of each process, by name."""

    samples: dict[str, list[Sample]] = field(default_factory=lambda: defaultdict(list))

    def look(self, seconds: float, lives: Iterable[tuple[str, int | None]]) -> None:
        """Adds a sample of each process that runs: the name of its life, and its pid."""
        for name, pid in lives:
            if pid is not None and (size := resident_mb(pid)):
                self.samples[name].append((seconds, size))

    def lives(self) -> list[Life]:
        """Gives the lives that were long enough to be judged, without their beginnings."""
        warm = ((name, _without_warm_up(taken)) for name, taken in sorted(self.samples.items()))
        return [Life(name, taken) for name, taken in warm if taken and taken[-1][0] - taken[0][0] >= LEAST_SECONDS]


def _without_warm_up(taken: Sequence[Sample]) -> list[Sample]:
    start, end = taken[0][0], taken[-1][0]
    warm_at = start + max((end - start) * WARM_UP, WARM_UP_SECONDS)
    return [sample for sample in taken if sample[0] >= warm_at]
