"""Runs many seeds on all cores: in portions, with progress, and on from the place where the last run stopped.

What was done stands in a file of build/, one for each first seed and number of seeds. It forgets what it knows when the
code has changed: then the seeds are other schedules.
"""

import gc
import hashlib
import json
import logging
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path

from .seeds import Result, run
from .world import Plan

ROOT = Path(__file__).parents[2]
STATE = ROOT / "build" / "simulation"
PORTION = 250
"""Seeds that a process runs before it reports."""
COLLECTED_EVERY = 50
"""Seeds after which their worlds, whose parts all know each other, are thrown away: some 15 MB."""
SAVED_EVERY_SECONDS = 5.0
MOST_FAILURES = 20
"""Failing seeds that are kept: more say no more."""


@dataclass
class Done:
    """The results of the seeds from `first` on."""

    first: int
    seeds: int
    code: str
    portions: list[int] = field(default_factory=list)
    """The first seeds of the portions that were run."""
    failed: dict[str, str] = field(default_factory=dict)
    """What was found, by seed."""
    happened: dict[str, int] = field(default_factory=dict)
    steps: int = 0
    seconds: float = 0.0
    """Of all processes together."""

    @property
    def count(self) -> int:
        return sum(min(PORTION, self.first + self.seeds - portion) for portion in self.portions)

    def left(self) -> Iterator[range]:
        """Gives the seeds that were not run, in portions."""
        done = set(self.portions)
        for start in range(self.first, self.first + self.seeds, PORTION):
            if start not in done:
                yield range(start, min(start + PORTION, self.first + self.seeds))

    def add(self, portion: "Portion") -> None:
        self.portions.append(portion.first)
        self.happened = dict(Counter(self.happened) + Counter(portion.happened))
        self.steps += portion.steps
        self.seconds += portion.seconds
        for seed, found in portion.failed.items():
            if len(self.failed) < MOST_FAILURES:
                self.failed[seed] = found

    @property
    def file(self) -> Path:
        return STATE / f"seeds-{self.first}-{self.seeds}.json"

    def save(self) -> None:
        STATE.mkdir(parents=True, exist_ok=True)
        unfinished = self.file.with_suffix(".part")
        unfinished.write_text(json.dumps(asdict(self)))
        unfinished.replace(self.file)


@dataclass(frozen=True)
class Portion:
    first: int
    failed: dict[str, str]
    happened: dict[str, int]
    steps: int
    seconds: float


def resumed(first: int, seeds: int) -> Done:
    """Reads the results of an earlier run of these seeds, if the code is the same."""
    fresh = Done(first, seeds, code_digest())
    try:
        known = Done(**json.loads(fresh.file.read_text()))
    except (OSError, ValueError, TypeError):
        return fresh
    return known if known.code == fresh.code else fresh


def code_digest(rooms: Sequence[str] = ("chalicelib", "tests/simulation", "tests/fakes")) -> str:
    """Gives a digest of all code that decides a seed's schedule: the product's and the simulator's."""
    digest = hashlib.sha256()
    for room in rooms:
        for file in sorted((ROOT / room).rglob("*.py")):
            digest.update(str(file.relative_to(ROOT)).encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def run_all(done: Done, processes: int) -> None:
    """Runs the seeds that are left. Saves the results every few seconds, and when it is interrupted."""
    portions = done.left()
    with ProcessPoolExecutor(processes, initializer=gc.freeze) as pool:
        try:
            _run_in(pool, done, portions, processes)
        finally:
            done.save()
            pool.shutdown(cancel_futures=True)


def _run_in(pool: ProcessPoolExecutor, done: Done, portions: Iterator[range], processes: int) -> None:
    running: set[Future[Portion]] = {pool.submit(run_portion, some) for some in islice(portions, processes)}
    began, saved, before = time.monotonic(), time.monotonic(), done.count
    while running:
        finished, running = wait(running, return_when=FIRST_COMPLETED)
        for one in finished:
            done.add(one.result())
        running |= {pool.submit(run_portion, some) for some in islice(portions, len(finished))}
        if time.monotonic() - saved > SAVED_EVERY_SECONDS:
            saved = time.monotonic()
            done.save()
            _print_progress(done, (done.count - before) / (saved - began))


def run_portion(seeds: range) -> Portion:
    logging.disable()
    began, happened, failed, steps = time.process_time(), Counter[str](), dict[str, str](), 0
    for seed in _between_collections(seeds):
        result: Result = run(Plan(seed))
        happened.update(result.happened)
        steps += result.steps
        if result.found:
            failed[str(seed)] = result.found
    return Portion(seeds.start, failed, dict(happened), steps, time.process_time() - began)


def _between_collections(seeds: range) -> Iterator[int]:
    """Gives the seeds, and has garbage collected only between two of them."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        for seed in seeds:
            yield seed
            if seed % COLLECTED_EVERY == 0:
                gc.collect()
    finally:
        if was_on:
            gc.enable()


def _print_progress(done: Done, a_second: float) -> None:
    left = (done.seeds - done.count) / a_second if a_second else 0
    failed = f", {len(done.failed)} FAILED" if done.failed else ""
    line = f"{done.count:,} of {done.seeds:,} seeds, {a_second:.0f} a second, {left / 60:.0f} min left{failed}"
    print(line, file=sys.stderr, flush=True)
