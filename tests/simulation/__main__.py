"""python -m tests.simulation --seed N: one seed, each of its steps. --seeds N: so many, on all cores, with what they
find. A seed that fails is made smaller, and the command that replays what is left is printed."""

import argparse
import logging
import os
import sys

from . import campaign
from .faults import Kind
from .seeds import Result, run
from .shrinking import shrunk
from .world import Plan


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="replay this one; with --seeds: begin with it")
    parser.add_argument("--seeds", type=int, help="how many to run")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="how many at once")
    parser.add_argument("--plant", default="", help="with this guard taken out; see planted.py")
    parser.add_argument("--shrink", action="store_true", help="find a smaller run that fails, too")
    parser.add_argument("--turns", type=int, help="end the schedule after so many")
    parser.add_argument("--faults", type=_numbers, help="the faults that may happen, by number")
    parser.add_argument("--commands", type=_numbers, help="the commands that may be given, by number")
    asked = parser.parse_args()
    logging.disable()
    if asked.seeds:
        return _run_many(asked.seed, asked.seeds, asked.processes or 1)
    return _replay(Plan(asked.seed, asked.plant, asked.turns, asked.faults, asked.commands), is_to_shrink=asked.shrink)


def _numbers(text: str) -> frozenset[int]:
    return frozenset() if text == "none" else frozenset(map(int, text.split(",")))


def _replay(plan: Plan, *, is_to_shrink: bool) -> int:
    if is_to_shrink and (result := run(plan)).found:
        plan = shrunk(result).plan
    trace: list[str] = []
    result = run(plan, trace)
    print("\n".join(trace))
    print(f"\n{result.command}\n{result.found or 'nothing found'}")
    return bool(result.found)


def _run_many(first: int, seeds: int, processes: int) -> int:
    done = campaign.resumed(first, seeds)
    if done.count:
        print(f"{done.count:,} of {seeds:,} were run before")
    campaign.run_all(done, processes)
    for kind in Kind:
        print(f"{done.happened.get(kind, 0):>9,}  {kind}")
    print(f"{done.count:,} seeds from {first}, {done.steps:,} calls, {done.seconds:,.0f} s of CPU")
    print(f"{len(done.failed)} failed" if done.failed else "0 failed")
    for seed in sorted(map(int, done.failed)):
        _tell_of_failure(run(Plan(seed)))
    return bool(done.failed)


def _tell_of_failure(result: Result) -> None:
    small = shrunk(result)
    print(f"\n{result.command}\n  {result.found}\nmade smaller:\n{small.command}\n  {small.found}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
