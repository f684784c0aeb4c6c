"""`python -m tests.histories --operations N --seed S`: clients, faults, and what they were told, checked.

More than one share of operations are made in shares, each with a system and a verdict of its own: see shares.py.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from infra.command import as_command
from infra.processes import ROOT, CannotRunError, say
from tests.histories import shares
from tests.histories.campaign import Plan, run

OPERATIONS, SECONDS = 100_000, 3300.0
SHOWN = 20


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.histories", description=__doc__)
    parser.add_argument("--operations", type=int, help=f"default {OPERATIONS:,}, or what the time allows")
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"the most time for them, default {SECONDS:.0f}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--harm-each", type=float, default=2.0, metavar="SECONDS", help="between two kills or outages")
    parser.add_argument("--out", type=Path, help="where the operations go, as JSON lines")
    parser.add_argument("--without", default="", metavar="GUARD", help="the control: leaves a guard out")
    parser.add_argument("--share", type=int, default=shares.OPERATIONS, help="operations with one verdict")
    parser.add_argument("--at-once", type=int, default=shares.AT_ONCE, help="shares at the same time")
    parser.add_argument("--result", type=Path, help="where the counts go, as JSON")
    options = parser.parse_args(arguments)
    least, options.operations = options.operations or 0, options.operations or OPERATIONS
    run_them = _run_shares if options.operations > options.share and not options.out else _run_one
    return _status(*run_them(options), least)


def _status(made: int, is_clean: bool, least: int) -> int:
    """Gives the exit status: 1 for a violation, or if time was over before the operations that were asked for."""
    if made < least:
        say(f"Time was over after {made:,} of {least:,} operations: start it again, whole shares are kept.")
    return 0 if is_clean and made >= least else 1


def _run_shares(options: argparse.Namespace) -> tuple[int, bool]:
    passed_on = ("--harm-each", str(options.harm_each), *(("--without", options.without) if options.without else ()))
    plan = shares.Plan(options.operations, options.seconds, options.seed, options.share, options.at_once, passed_on)
    counts = shares.run_all(plan, say)
    say(counts.summary(options.seed))
    return counts.operations, counts.is_clean


def _run_one(options: argparse.Namespace) -> tuple[int, bool]:
    path = options.out or ROOT / "build" / "histories" / f"seed-{options.seed}.jsonl"
    started = time.monotonic()
    plan = Plan(
        options.operations,
        options.seconds,
        options.seed,
        harm_each_seconds=options.harm_each,
        without=options.without,
    )
    result = run(plan, path, lambda text: say(f"[{time.monotonic() - started:5.0f} s] {text}"))
    for violation in result.found[:SHOWN]:
        say(f"VIOLATION {violation}")
    if not result.is_clean:
        say(f"The history is in {path}. Again: python -m tests.histories --seed {options.seed}")
    say(f"seed {options.seed}: {result.summary()}")
    if options.result:
        shares.Counts.of(result).save(options.result)
    return result.operations, result.is_clean


if __name__ == "__main__":
    as_command(lambda: main(sys.argv[1:]), CannotRunError)
