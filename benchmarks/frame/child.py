"""Runs one benchmark in this process: `python -m benchmarks.frame.child NAME`, as `make bench` starts it."""

import importlib
import sys
import tempfile
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path

from benchmarks.registry import BENCHMARKS
from infra.command import as_command
from infra.processes import CannotRunError
from infra.races.crowd import UnexpectedAnswer

from .run import Run


def main() -> int:
    """Measures, and saves the recorded figures, also those of a measurement that broke off."""
    (benchmark,) = (each for each in BENCHMARKS if each.name == sys.argv[1])
    with tempfile.TemporaryDirectory() as scratch:
        run = Run(benchmark, Path(scratch))
        try:
            run_measurement(importlib.import_module(benchmark.module).measure, run)
        finally:
            run.save()
    return 0


def run_measurement(measure: Callable[[Run], None], run: Run) -> None:
    """Measures. Raises CannotRunError for a missing or unexpected answer."""
    try:
        measure(run)
    except (TimeoutError, HTTPException, UnexpectedAnswer) as error:
        reason = str(error) or "an answer stayed away"
        raise CannotRunError(f"Not measured: {reason}. Run it again when this machine has less to do.") from error


if __name__ == "__main__":
    as_command(main, CannotRunError)
