"""python -m tests.explorer --seed N: one schedule, each of its steps. --schedules N: so many, with what they find."""

import argparse
import logging
import random
import sys
import time
from collections import Counter

from .schedules import explored, replayed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.explorer", description=__doc__)
    parser.add_argument("--seed", type=int, help="replay this one; with --schedules: begin with it")
    parser.add_argument("--schedules", type=int, help="how many to run")
    parser.add_argument("--control", default="", help="with this guard taken out; see controls.py")
    asked = parser.parse_args()
    logging.disable()
    if not asked.schedules:
        return _replay(asked.seed or 0, asked.control)
    first = random.randrange(2**40) if asked.seed is None else asked.seed
    return _explore(first, asked.schedules, asked.control)


def _replay(seed: int, control: str) -> int:
    trace, found = replayed(seed, control)
    print("\n".join(trace))
    print(f"\nseed {seed}: {found or 'nothing found'}")
    return bool(found)


def _explore(first: int, schedules: int, control: str) -> int:
    began, findings, happened, steps = time.perf_counter(), 0, Counter[str](), 0
    for done, result in enumerate(explored(first, schedules, control), 1):
        happened += result.happened
        steps += result.steps
        if result.found:
            findings += 1
            print(f"{result.command}\n  {result.found}", flush=True)
        if done % 5000 == 0:
            _progress(done, findings, time.perf_counter() - began)
    _progress(schedules, findings, time.perf_counter() - began)
    print(f"{steps} port calls; seeds from {first}")
    for name, times in happened.most_common():
        print(f"{times:>9}  {name}")
    return bool(findings)


def _progress(done: int, findings: int, seconds: float) -> None:
    print(f"{done} schedules, {findings} findings, {done / seconds:.0f} a second", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
