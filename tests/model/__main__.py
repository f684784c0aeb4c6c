"""python -m tests.model: looks at every state of the model, and at what it finds with a guard taken out."""

import argparse
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from infra.processes import CannotRunError, say

from .configurations import BROKEN, EXHAUSTED, Configuration
from .spin import Verdict, check


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only those that take seconds")
    parser.add_argument("--trails", action="store_true", help="show the steps that lead to each broken promise")
    asked = parser.parse_args()
    chosen = [each for each in (*EXHAUSTED, *BROKEN) if each.is_quick or not asked.quick]
    try:
        return _check_all(chosen, with_trails=asked.trails)
    except CannotRunError as error:
        say(str(error))
        return 2


def _check_all(chosen: Iterable[Configuration], *, with_trails: bool) -> int:
    """Checks each; gives 1 if one did not say what it must."""
    wrong = total = 0
    say("    states  seconds")
    for configuration in chosen:
        began = time.perf_counter()
        with TemporaryDirectory() as work:
            verdict = check(configuration, Path(work))
        wrong += verdict.violated != configuration.breaks
        total += verdict.states
        say(f"{verdict.states:>10,}  {time.perf_counter() - began:>7.1f}  {configuration.name}: {_result(verdict)}")
        if with_trails and verdict.trail:
            say(_indented(verdict.trail))
    say(f"{total:>10,}  in all; {wrong} not as expected")
    return int(wrong > 0)


def _result(verdict: Verdict) -> str:
    return "every promise is kept" if verdict.is_exhausted else f"BROKEN: {verdict.violated}"


def _indented(trail: str) -> str:
    return "\n".join(f"{'':>21}{line}" for line in trail.splitlines())


if __name__ == "__main__":
    sys.exit(main())
