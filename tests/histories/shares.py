"""Many operations in shares, some at once, each in a process and a system of its own, and on from where a run stopped.

A share has few enough operations that reading all tables and judging them takes seconds. Most of a share's time is
waiting: for holds to lapse, for services that are out, for stopped processes. So several share the machine. The counts
of a share that has ended stand in build/, under a digest of the code: a run that is started again makes what is left.
"""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

from infra.processes import ROOT
from tests.histories.campaign import Result, describe_counts
from tests.simulation.campaign import code_digest

OPERATIONS, AT_ONCE = 5_000, 5
SEEDS_APART = 1_000
"""A share's seed is the run's, times this, plus the share's number."""
FOLDER = ROOT / "build" / "histories"
CODE = ("chalicelib", "infra/local", "tests/histories", "tests/simulation", "tests/fakes")


@dataclass
class Counts:
    """What a share has found, or all together."""

    operations: int = 0
    seconds: float = 0.0
    answers: dict[str, int] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, result: Result) -> "Counts":
        faults = {str(kind): count for kind, count in result.faults.items()}
        return cls(result.operations, result.seconds, dict(result.answers), faults, result.totals, result.found)

    @property
    def is_clean(self) -> bool:
        return self.operations > 0 and not self.violations

    def add(self, other: "Counts") -> None:
        self.operations += other.operations
        self.seconds += other.seconds
        for name in ("answers", "faults", "totals"):
            setattr(self, name, dict(Counter(getattr(self, name)) + Counter(getattr(other, name))))
        self.violations += other.violations

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        unfinished.write_text(json.dumps(asdict(self)))
        unfinished.replace(path)

    def summary(self, seed: int) -> str:
        totals = dict(sorted(self.totals.items()))
        counts = describe_counts(self.answers, self.faults, totals, len(self.violations))
        return f"seed {seed}: {self.operations} operations {counts}"


@dataclass(frozen=True)
class Plan:
    operations: int
    seconds: float
    """The most time for all shares. One that was begun is ended, after its own rest."""
    seed: int
    share: int = OPERATIONS
    at_once: int = AT_ONCE
    arguments: Sequence[str] = ()
    """Those of `python -m tests.histories` that go to each share."""
    folder: Path = FOLDER

    def numbers(self) -> Iterator[tuple[int, int]]:
        """Gives the seed and the operations of each share."""
        for number, start in enumerate(range(0, self.operations, self.share)):
            yield self.seed * SEEDS_APART + number, min(self.share, self.operations - start)

    def result_of(self, seed: int, operations: int) -> Path:
        harm = "-".join(argument.strip("-") for argument in self.arguments)
        return self.folder / f"{code_digest(CODE)}-{harm}" / f"seed-{seed}-{operations}.json"


def run_all(plan: Plan, say: Callable[[str], None]) -> Counts:
    """Runs the shares that are left, and adds up all."""
    deadline, all_ = time.monotonic() + plan.seconds, Counts()

    def one(share: tuple[int, int]) -> Counts:
        return _run_share(plan, *share, deadline, say)

    with ThreadPoolExecutor(plan.at_once) as threads:
        for counts in threads.map(one, plan.numbers()):
            all_.add(counts)
    return all_


def _run_share(plan: Plan, seed: int, operations: int, deadline: float, say: Callable[[str], None]) -> Counts:
    """Gives the counts of a share; makes it unless an earlier run has made it, or time is over."""
    result, left = plan.result_of(seed, operations), deadline - time.monotonic()
    known = _read(result)
    if known.operations >= operations:
        say(f"seed {seed} was run before")
    elif left > 0:
        result.unlink(missing_ok=True)
        command = _command(plan, seed, operations, left, result)
        subprocess.run(command, cwd=ROOT, env=_environment(seed), check=False)
        if not result.exists():
            return Counts(violations=[f"the share of seed {seed} has ended without a verdict"])
    return _read(result)


def _read(result: Path) -> Counts:
    return Counts(**json.loads(result.read_text())) if result.exists() else Counts()


def _environment(seed: int) -> dict[str, str]:
    """Gives this process's environment, with a folder of the share's own for logs that are kept."""
    kept = os.environ.get("KEEP_LOGS")
    return {**os.environ, **({"KEEP_LOGS": str(Path(kept) / f"seed-{seed}")} if kept else {})}


def _command(plan: Plan, seed: int, operations: int, seconds: float, result: Path) -> list[str]:
    numbers = ("--operations", str(operations), "--share", str(operations), "--seed", str(seed))
    rest = ("--seconds", str(seconds), "--result", str(result))
    return [sys.executable, "-m", "tests.histories", *numbers, *rest, *plan.arguments]
