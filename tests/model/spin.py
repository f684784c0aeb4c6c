"""Spin, a model checker: turns row.pml into a C program that looks at every state, and tells how one is reached."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from infra.processes import CannotRunError

from .configurations import Configuration

MODEL = Path(__file__).with_name("row.pml")
DEEPEST = 100_000
"""How many steps a schedule may have."""
MEGABYTES = 3000
SECONDS = 900

REMEDY = "needs spin and gcc: apt-get install spin gcc (Debian, Ubuntu), brew install spin (macOS)"


def find_missing() -> str:
    """Names the first program that is not there; empty if all are."""
    return next((program for program in ("spin", "gcc") if shutil.which(program) is None), "")


@dataclass(frozen=True, slots=True)
class Verdict:
    """`states` were looked at. `violated` is the first assertion that did not hold; empty if all did."""

    states: int
    violated: str
    is_exhausted: bool
    trail: str = ""


def check(configuration: Configuration, work: Path) -> Verdict:
    """Looks at every state of the configuration, or at those until an assertion fails. Raises CannotRunError.

    The program is optimised only for a search of minutes: optimising takes 9 s, of which a shorter search saves less.
    """
    if missing := find_missing():
        raise CannotRunError(f"The model {REMEDY}. There is no {missing} here.")
    switches = [f"-D{switch}" for switch in configuration.switches]
    model = str(shutil.copy(MODEL, work))
    _run(["spin", *switches, "-a", model], work)
    optimised = "-O2" if configuration.takes_minutes else "-O0"
    options = [optimised, "-w", "-DSAFETY", "-DVECTORSZ=2048", f"-DMEMLIM={MEGABYTES}"]
    _run(["gcc", *options, "-o", "pan", "pan.c"], work)
    said = _run(["./pan", f"-m{DEEPEST}", "-E"], work)
    trail = _run(["spin", *switches, "-t", model], work) if (work / "row.pml.trail").exists() else ""
    return _read_verdict(said, trail)


def _read_verdict(said: str, trail: str) -> Verdict:
    states = re.search(r"(\d+) states, stored", said)
    violated = re.search(r"assertion violated (.*) \(at depth", said)
    cut = re.search(r"max search depth too small|out of memory|Search not completed", said)
    if states is None or (cut and not violated):
        raise CannotRunError(f"The search ended before its end:\n{said}")
    return Verdict(int(states[1]), _promise_of(trail) if violated else "", not violated, _steps_of(trail))


def _steps_of(trail: str) -> str:
    """Gives what happened, a line for each step: what spin says before it shows the values of all variables."""
    steps = trail.partition("#processes")[0].splitlines()
    return "\n".join(line.strip() for line in steps if line.strip() and not line.startswith("spin: "))


def _promise_of(trail: str) -> str:
    """Gives the promise that the comment before the first failed assertion names."""
    failed = re.search(r"row\.pml:(\d+), Error: assertion violated", trail)
    if failed is None:
        return "an assertion"
    before = MODEL.read_text().splitlines()[: int(failed[1])]
    comment = next(line for line in reversed(before) if "/*" in line)
    return comment.strip(" /*").partition(":")[0].partition(",")[0].rstrip(".").strip().lower()


def _run(command: list[str], work: Path) -> str:
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode not in (0, 1) or "pan.c" not in {path.name for path in work.iterdir()}:
        raise CannotRunError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")
    return done.stdout
