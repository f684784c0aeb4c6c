"""Runs one benchmark in this process: `python -m benchmarks.frame.child NAME`, as `make bench` starts it."""

import importlib
import sys
import tempfile
from pathlib import Path

from benchmarks.registry import BENCHMARKS
from infra.command import as_command
from infra.processes import CannotRunError

from .run import Run


def main() -> int:
    """Measures, and saves the recorded figures, also those of a measurement that broke off."""
    (benchmark,) = (each for each in BENCHMARKS if each.name == sys.argv[1])
    with tempfile.TemporaryDirectory() as scratch:
        run = Run(benchmark, Path(scratch))
        try:
            importlib.import_module(benchmark.module).measure(run)
        finally:
            run.save()
    return 0


if __name__ == "__main__":
    as_command(main, CannotRunError)
