"""A benchmark's run: takes what it measures, and writes it to build/bench as JSON and SVG."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.processes import ROOT, say

from .pairs import Ratio
from .plots import Plot
from .table import Benchmark

RESULTS = ROOT / "build" / "bench"


@dataclass(slots=True)
class Run:
    """Takes the figures of one benchmark. Its methods are told in benchmarks/registry.py."""

    benchmark: Benchmark
    scratch: Path
    results: Path = RESULTS
    started: float = field(default_factory=time.monotonic)
    figures: dict[str, dict[str, Any]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    raw: dict[str, Any] = field(default_factory=dict)
    plots: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        """Prints a line of progress."""
        say(f"  {time.monotonic() - self.started:4.0f} s  {text}")

    def seconds_left(self) -> float:
        return self.benchmark.seconds - (time.monotonic() - self.started)

    def leave_out(self, reason: str) -> None:
        """Notes that this run left out a measurement, with the reason."""
        self.left_out.append(reason)
        self.say(f"left out: {reason}")

    def record(
        self,
        figure: str,
        value: float | Ratio,
        *,
        note: str = "",
        samples: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        """Records a figure. Raises ValueError for one that the benchmark's row does not have."""
        if figure not in (known := [each.name for each in self.benchmark.figures]):
            raise ValueError(f"{self.benchmark.name} has no figure {figure!r} in its row, only {known}")
        bounds = [value.low, value.high] if isinstance(value, Ratio) else None
        number = value.value if isinstance(value, Ratio) else value
        recorded = {"value": number, "bounds": bounds, "note": note, "samples": samples or {}}
        self.figures[figure] = recorded
        self.say(f"{figure}: {number:.3g}{f' ({value})' if bounds else ''}{f'  {note}' if note else ''}")

    def keep(self, name: str, data: Any) -> None:
        """Keeps other raw data: anything that JSON can write."""
        self.raw[name] = data

    def plot(self, name: str, plot: Plot) -> None:
        """Draws a picture to build/bench/<benchmark>-<name>.svg."""
        self.results.mkdir(parents=True, exist_ok=True)
        path = self.results / f"{self.benchmark.name}-{name}.svg"
        path.write_text(plot.as_svg())
        self.plots.append(path.name)

    def save(self) -> None:
        """Writes all of it to build/bench/<benchmark>.json. The parent reads it, also after a run that broke off."""
        self.results.mkdir(parents=True, exist_ok=True)
        text = json.dumps(
            {
                "benchmark": self.benchmark.name,
                "seconds": round(time.monotonic() - self.started, 1),
                "figures": self.figures,
                "leftOut": self.left_out,
                "plots": self.plots,
                "raw": self.raw,
            },
            indent=1,
        )
        result_path(self.benchmark.name, self.results).write_text(text)


def result_path(name: str, results: Path = RESULTS) -> Path:
    return results / f"{name}.json"
