"""Runs the benchmarks, one after the other, each in a process of its own: `python -m benchmarks`, or `make bench`.

benchmarks/registry.py is the table of them. Raw data and pictures go to build/bench. `--only a,b` runs some of them;
`--write` puts the table into docs/performance.md. The status is 1 when a benchmark broke off or a must is missed.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Any

from benchmarks.frame import report
from benchmarks.frame.run import RESULTS, result_path
from benchmarks.frame.table import Benchmark
from benchmarks.registry import BENCHMARKS
from infra.command import as_command
from infra.processes import CannotRunError, run_child, say

KILLED_AFTER = 2.0
"""A benchmark is ended after so many times the seconds of its row, and what it had recorded is lost."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Runs the benchmarks.")
    parser.add_argument("--only", default="", help="names, with commas between")
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    options = parser.parse_args(arguments)
    chosen = choose(options.only)
    results = run_all(chosen)
    say(f"\n{report.printed(chosen, results)}\n")
    for name, result in results.items():
        for what in result["leftOut"]:
            say(f"Left out of {name}: {what}.")
    (RESULTS / "overview.svg").write_text(report.overview(chosen, results).as_svg())
    if options.write:
        report.write(BENCHMARKS, results)
    return 1 if report.missed(chosen, results) else 0


def choose(only: str) -> Sequence[Benchmark]:
    """Gives the benchmarks of these names; all without one. Raises CannotRunError for a name that is none."""
    names = [name for name in only.split(",") if name]
    if unknown := set(names) - {each.name for each in BENCHMARKS}:
        known = ", ".join(each.name for each in BENCHMARKS)
        raise CannotRunError(f"No benchmark is named {', '.join(sorted(unknown))}. There are: {known}.")
    return [each for each in BENCHMARKS if not names or each.name in names]


def run_all(chosen: Sequence[Benchmark]) -> dict[str, dict[str, Any]]:
    """Runs the benchmarks one after the other and gives their results. A failing one does not end the others."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    results = {}
    for number, benchmark in enumerate(chosen, 1):
        say(f"\n{number} of {len(chosen)}, {benchmark.name}: {benchmark.what} (up to {benchmark.seconds:.0f} s)")
        started = time.monotonic()
        result_path(benchmark.name).unlink(missing_ok=True)
        ended = run_one(benchmark)
        result = read_result(benchmark)
        if ended:
            result["leftOut"].append(f"all that followed, for {ended}")
        say(f"  {time.monotonic() - started:4.0f} s  {'done' if not ended else f'broken off: {ended}'}")
        results[benchmark.name] = result
    return results


def run_one(benchmark: Benchmark) -> str:
    """Runs a benchmark and gives the reason for which it broke off; an empty one if it did not."""
    command = [sys.executable, "-m", "benchmarks.frame.child", benchmark.name]
    with (
        tempfile.TemporaryDirectory() as scratch,
        run_child(f"bench-{benchmark.name}", command, os.environ, run_dir=Path(scratch), logged=False) as child,
    ):
        try:
            status = child.process.wait(benchmark.seconds * KILLED_AFTER)
        except TimeoutExpired:
            return f"it took longer than {benchmark.seconds * KILLED_AFTER:.0f} s"
    return f"it ended with status {status}, see above" if status else ""


def read_result(benchmark: Benchmark) -> dict[str, Any]:
    path = result_path(benchmark.name)
    if not path.exists():
        return {"figures": {}, "leftOut": [], "plots": []}
    result: dict[str, Any] = json.loads(path.read_text())
    return result


if __name__ == "__main__":
    as_command(main, CannotRunError)
