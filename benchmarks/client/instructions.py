"""Counts the instructions of each path by callgrind, which neither clocks nor neighbours change.

This module is also the program that callgrind runs: `python -m benchmarks.client.instructions`. callgrind writes what
it has counted whenever that program calls `getppid`, which nothing else does.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.client import paths
from infra.processes import ROOT

CALLS = 20
WARM_UP = 5
COUNTED = re.compile(r"^(?:summary|totals): (\d+)", re.MULTILINE)


def count_instructions(scratch: Path, seconds: float) -> dict[str, float] | None:
    """Gives the instructions of a call of each path. None where there is no valgrind, or too little time."""
    if not (valgrind := shutil.which("valgrind")):
        return None
    counted = scratch / "counted"
    options = ["--tool=callgrind", "--dump-before=getppid", f"--callgrind-out-file={counted}"]
    command = [valgrind, *options, sys.executable, "-m", "benchmarks.client.instructions"]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    try:
        subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return None
    written = [scratch / f"counted.{number}" for number in range(1, 2 * len(paths.NAMES) + 1)]
    totals = [int(COUNTED.findall(file.read_text())[-1]) for file in written]
    return {name: total / CALLS for name, total in zip(paths.NAMES, totals[1::2], strict=True)}


def main() -> None:
    """Walks each path: warms up, has callgrind write that, walks, has it write that."""
    for call in paths.make_paths().values():
        for _ in range(WARM_UP):
            call()
        os.getppid()
        for _ in range(CALLS):
            call()
        os.getppid()


if __name__ == "__main__":
    main()
