"""One run: buyers and faults for as long as it has operations or time, then rest, then the verdict."""

import contextlib
import os
import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.histories import checker, final
from tests.histories.buyers import Box, Buyer
from tests.histories.cinema import Cinema, Nemesis, run_cinema
from tests.histories.faults import Faults, Kind
from tests.histories.record import NO_ANSWER, History
from tests.histories.wires import LATEST_SECONDS

TICK_SECONDS, COUNTED_EACH_SECONDS = 0.1, 5.0
MOST_ON_THEIR_WAY = 400
"""Buyers wait while so many messages do: relays that fall behind for an hour would need another to catch up."""
STOPPED_SECONDS = 15.0
"""The longest time for which a stopped instance may keep a request, and for which a client waits for an answer."""


@dataclass(frozen=True)
class Plan:
    operations: int
    seconds: float
    """The most time that buyers have."""
    seed: int
    buyers: int = 8
    hold_seconds: int = 6
    harm_each_seconds: float = 2.0
    rest_seconds: float = 420.0
    pause_seconds: float = 0.0
    """The pause before each operation of a buyer, on average."""
    without: str = ""
    """The guard to leave out, of infra/races/unguarded.py: a run that must find violations."""


@dataclass(frozen=True)
class Result:
    operations: int
    seconds: float
    answers: Counter[str]
    faults: Counter[Kind]
    violations: tuple[str, ...]
    verdict: final.Verdict
    history: Path

    @property
    def is_clean(self) -> bool:
        return not self.found and self.operations > 0

    @property
    def found(self) -> list[str]:
        return [*self.violations, *self.verdict.broken]

    @property
    def totals(self) -> dict[str, int]:
        """Gives the counts at rest, with what had to be redriven and mended."""
        return {**self.verdict.totals, "redriven": self.verdict.redriven, "mended": self.verdict.mended}

    def summary(self) -> str:
        """One line with the counts of operations, of every kind of fault, and of what was found."""
        counts = describe_counts(self.answers, self.faults, self.totals, len(self.found))
        return f"{self.operations} operations in {self.seconds:.0f} s {counts}"


def describe_counts(
    answers: Mapping[str, int], faults: Mapping[Any, int], totals: Mapping[str, int], violations: int
) -> str:
    """Lists the answers by name, every kind of fault, the counts at rest, and the number of violations."""
    answered = " ".join(f"{name}={count}" for name, count in sorted(answers.items()))
    happened = ", ".join(f"{kind} {faults.get(kind, 0)}" for kind in Kind)
    at_rest = " ".join(f"{name}={count}" for name, count in totals.items())
    return f"({answered}); faults: {happened}; at rest: {at_rest}; violations: {violations}"


Watch = Callable[[Cinema, float], None]
"""Is called each tick with the seconds since the start."""


def run(plan: Plan, path: Path, progress: Callable[[str], None], watch: Watch = lambda cinema, seconds: None) -> Result:
    """Runs buyers against a cinema of its own. Writes each operation to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    faults, history = Faults(plan.seed), History(path)
    with _folder() as run_dir, run_cinema(faults, plan.hold_seconds, run_dir, plan.without) as cinema:
        started = time.monotonic()
        _let_them_buy(plan, cinema, history, progress, watch)
        seconds = time.monotonic() - started
        progress(f"{len(history.operations)} operations in {seconds:.0f} s; waiting until all is at rest …")
        cinema.heal()
        verdict = final.judge(cinema, history.operations, plan.rest_seconds, progress)
    limits = checker.Limits(plan.hold_seconds, LATEST_SECONDS + STOPPED_SECONDS)
    violations = checker.check(history.operations, limits)
    answers = Counter(f"{one.kind}:{one.status or 'none'}" for one in history.operations)
    return Result(len(history.operations), seconds, answers, faults.counts, tuple(violations), verdict, path)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """Gives a folder for logs, which stays where KEEP_LOGS names one."""
    if kept := os.environ.get("KEEP_LOGS"):
        yield Path(kept)
        return
    with tempfile.TemporaryDirectory(prefix="cinema-histories-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _let_them_buy(plan: Plan, cinema: Cinema, history: History, progress: Callable[[str], None], watch: Watch) -> None:
    """Lets buyers and faults go on until the operations are made or the time is over."""
    stop, box = threading.Event(), Box()
    threads = [threading.Thread(target=one.run, daemon=True) for one in _buyers(plan, cinema, history, box, stop)]
    nemesis = Nemesis(cinema, random.Random(plan.seed), plan.harm_each_seconds)
    each_10_s, each_5_s = Each(10), Each(COUNTED_EACH_SECONDS)
    started = time.monotonic()
    for thread in threads:
        thread.start()
    while (seconds := time.monotonic() - started) < plan.seconds and len(history.operations) < plan.operations:
        nemesis.act()
        cinema.watch()
        watch(cinema, seconds)
        if each_5_s.is_due():
            box.is_crowded = final.on_their_way() > MOST_ON_THEIR_WAY
        if each_10_s.is_due():
            progress(_so_far(history, cinema))
        time.sleep(TICK_SECONDS)
    stop.set()
    nemesis.mend_all()
    for thread in threads:
        thread.join(STOPPED_SECONDS)


@dataclass
class Each:
    """Tells when so many seconds have passed once more."""

    seconds: float
    last: float = field(default_factory=time.monotonic)

    def is_due(self) -> bool:
        if time.monotonic() - self.last < self.seconds:
            return False
        self.last = time.monotonic()
        return True


def _so_far(history: History, cinema: Cinema) -> str:
    unknown = sum(one.status == NO_ANSWER for one in history.operations)
    faults = sum(cinema.faults.counts.values())
    return f"{len(history.operations)} operations, {unknown} without an answer, {faults} faults"


def _buyers(plan: Plan, cinema: Cinema, history: History, box: Box, stop: threading.Event) -> Iterator[Buyer]:
    for number in range(plan.buyers):
        chance = random.Random(f"{plan.seed} {number}")
        yield Buyer(
            f"{plan.seed}-{number}", cinema.doors, chance, box, history, plan.hold_seconds, stop, plan.pause_seconds
        )
