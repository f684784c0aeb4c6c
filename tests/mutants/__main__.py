"""python -m tests.mutants: applies each mutant to a copy of the tree and runs the test that must fail."""

import argparse
import atexit
import json
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from hashlib import sha256

from infra.processes import ROOT, say

from .killing import Outcome, Result, check_unchanged, clear, kill, prepare
from .mutants import Mutant, read_mutants

RESULTS = ROOT / "build" / "mutants.jsonl"
"""What was found, a line each: the next call goes on where this one stopped."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--again", action="store_true", help="forget what was found before")
    parser.add_argument("--find", action="store_true", help="only mutants without a test: name the first that fails")
    parser.add_argument("--only", default="", help="those whose name, file or topic has this in it")
    parser.add_argument("--minutes", type=float, default=60.0, help="stop after so long")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    asked = parser.parse_args()
    if asked.again:
        RESULTS.unlink(missing_ok=True)
    chosen = [each for each in read_mutants() if _is_chosen(each, asked.only, find=asked.find)]
    known = {mutant.name: result for mutant in chosen if (result := _known_results().get(_fingerprint(mutant)))}
    left = [mutant for mutant in chosen if mutant.name not in known]
    say(f"{len(chosen)} mutants, {len(left)} of them to be run by {asked.workers} processes")
    results = [*known.values(), *_run(left, asked.workers, asked.minutes * 60)]
    return _report(chosen, results)


def _is_chosen(mutant: Mutant, only: str, *, find: bool) -> bool:
    is_to_run = bool(mutant.looked_for_in and not mutant.killed_by) if find else bool(mutant.killed_by)
    return is_to_run and any(only in text for text in (mutant.name, mutant.file, mutant.topic))


def _run(mutants: Sequence[Mutant], workers: int, seconds: float) -> Iterator[Result]:
    """Runs the mutants, and writes down and gives each result as it comes; no more of them after so many seconds."""
    if not mutants:
        return
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + seconds
    with ProcessPoolExecutor(workers, multiprocessing.get_context("fork"), _prepare_worker) as pool:
        unchanged = pool.submit(
            check_unchanged, sorted({each.killed_by for each in mutants if each.killed_by}) or ["--version"]
        )
        running = {pool.submit(kill, mutant): mutant for mutant in mutants}
        for done, future in enumerate(as_completed(running), 1):
            result = future.result()
            _write_down(running[future], result)
            say(f"{done:>4}/{len(mutants)}  {result.seconds:5.1f} s  {result.outcome:<8}  {result.mutant}  {result.by}")
            yield result
            if time.monotonic() > deadline:
                pool.shutdown(cancel_futures=True)
                return
        if unchanged.result().outcome is not Outcome.SURVIVED:
            raise SystemExit(f"The tests fail without a mutant, so nothing is shown:\n{unchanged.result().by}")


def _prepare_worker() -> None:
    prepare()
    atexit.register(clear)
    multiprocessing.util.Finalize(None, clear, exitpriority=1)


def _fingerprint(mutant: Mutant) -> str:
    """Names the mutant with the contents of its file and of its test's: a result counts as long as these stay."""
    test = mutant.killed_by.partition("::")[0]
    contents = [(ROOT / name).read_bytes() for name in (mutant.file, test) if name and (ROOT / name).exists()]
    return sha256(b"\0".join([repr(mutant).encode(), *contents])).hexdigest()


def _known_results() -> dict[str, Result]:
    lines = RESULTS.read_text().splitlines() if RESULTS.exists() else []
    entries = [json.loads(line) for line in lines]
    return {e.pop("fingerprint"): Result(**{**e, "outcome": Outcome(e["outcome"])}) for e in entries}


def _write_down(mutant: Mutant, result: Result) -> None:
    entry = {
        "fingerprint": _fingerprint(mutant),
        "mutant": result.mutant,
        "outcome": result.outcome,
        "by": result.by,
        "seconds": result.seconds,
    }
    with RESULTS.open("a") as file:
        file.write(json.dumps(entry) + "\n")


def _report(mutants: Iterable[Mutant], results: Iterable[Result]) -> int:
    outcomes = {result.mutant: result.outcome for result in results}
    topics = {mutant.name: mutant.topic for mutant in mutants}
    counts = Counter((topics[name], outcome) for name, outcome in outcomes.items())
    say(f"\n{'topic':<14}{'killed':>8}{'survived':>10}{'not run':>9}")
    for topic in sorted(set(topics.values())):
        missing = sum(1 for name in topics if topics[name] == topic and name not in outcomes)
        say(
            f"{topic:<14}{counts[topic, Outcome.KILLED]:>8}{counts[topic, Outcome.SURVIVED]:>10}"
            f"{counts[topic, Outcome.BROKEN] + missing:>9}"
        )
    killed = sum(1 for outcome in outcomes.values() if outcome is Outcome.KILLED)
    equivalent = sum(1 for mutant in read_mutants() if mutant.equivalent)
    say(f"{'all':<14}{killed:>8} of {len(topics)}; {equivalent} more are equivalent")
    return int(any(outcomes.get(name) is not Outcome.KILLED for name in topics))


if __name__ == "__main__":
    sys.exit(main())
