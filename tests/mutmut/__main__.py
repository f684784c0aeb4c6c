"""python -m tests.mutmut: has mutmut change domain and application at each place, and looks whether a test fails."""

import argparse
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from infra.command import as_command
from infra.processes import ROOT, CannotRunError, say

from .campaign import MUTATED, prepare, run
from .equivalents import find_equivalent, read_equivalents, unneeded
from .found import NO_TEST, SURVIVED, TIMED_OUT, Mutant, read_mutants

TABLE, SURVIVORS = ROOT / "build" / "mutmut.txt", ROOT / "build" / "mutmut-survivors.txt"
LEAST = 0.90
"""The share of the mutants that the tests must kill; equivalent ones are left out."""


@dataclass(frozen=True, slots=True)
class Row:
    module: str
    all: int
    killed: int
    """With those that ran into the time limit."""
    survived: int
    no_test: int
    timed_out: int
    equivalent: int

    @property
    def run(self) -> int:
        return self.killed + self.survived + self.no_test

    @property
    def share(self) -> float:
        """Gives the share of the mutants run that were killed; 1 if there are none."""
        return self.killed / self.run if self.run else 1.0

    def __str__(self) -> str:
        numbers = (self.all, self.killed, self.survived, self.no_test, self.timed_out, self.equivalent)
        left = self.all - self.run - self.equivalent
        return f"{self.module:<34}" + "".join(f"{n:>11}" for n in (*numbers, left)) + f"{self.share:>10.1%}"


HEAD = f"{'module':<34}" + "".join(
    f"{name:>11}" for name in ("mutants", "killed", "survived", "no test", "time-outs", "equivalent", "not run")
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutmut", description=__doc__)
    parser.add_argument("--again", action="store_true", help="forget what was found before")
    parser.add_argument("--only", default="", help="a module or folder, such as domain/money or application/consumers")
    parser.add_argument("--minutes", type=float, default=60.0, help="stop after so long")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    only = asked.only.removesuffix(".py")
    known = read_equivalents()
    prepare(again=asked.again)
    run(only, asked.minutes * 60, asked.workers, find_equivalent(read_mutants(MUTATED), known))
    mutants = [mutant for mutant in read_mutants(MUTATED) if only in mutant.path]
    equivalent = find_equivalent(mutants, known)
    _show(mutants, equivalent, unneeded(mutants, known) if not only else [])
    return int(count("all", mutants, equivalent).share < LEAST)


def _show(mutants: Sequence[Mutant], equivalent: frozenset[str], not_needed: Iterable[str]) -> None:
    """Prints the table and keeps it, with a list of the mutants that survived."""
    lines = [HEAD + f"{'share':>10}", *map(str, rows(mutants, equivalent))]
    TABLE.write_text("\n".join(lines) + "\n")
    SURVIVORS.write_text("\n".join(map(_described, _survivors(mutants, equivalent))) + "\n")
    for line in lines:
        say(line)
    total = count("all", mutants, equivalent)
    say(f"{total.killed} of {total.run} mutants killed ({total.share:.1%}), {total.equivalent} more are equivalent")
    say(f"What survived: {SURVIVORS.relative_to(ROOT)}")
    for entry in not_needed:
        say(f"equivalent.toml names what does not survive: {entry}")


def rows(mutants: Sequence[Mutant], equivalent: frozenset[str]) -> Iterator[Row]:
    """Counts module by module, and in the end all together."""
    for path, of_module in groupby(mutants, key=lambda mutant: mutant.path):
        yield count(path.removeprefix("chalicelib/").removesuffix(".py"), list(of_module), equivalent)
    yield count("all", mutants, equivalent)


def count(module: str, mutants: Sequence[Mutant], equivalent: frozenset[str]) -> Row:
    counted = [mutant for mutant in mutants if mutant.name not in equivalent]
    codes = [mutant.exit_code for mutant in counted]
    return Row(
        module=module,
        all=len(mutants),
        killed=sum(mutant.is_killed for mutant in counted),
        survived=sum(code in SURVIVED for code in codes),
        no_test=sum(code in NO_TEST for code in codes),
        timed_out=sum(code in TIMED_OUT for code in codes),
        equivalent=len(mutants) - len(counted),
    )


def _survivors(mutants: Iterable[Mutant], equivalent: frozenset[str]) -> Iterator[Mutant]:
    return (mutant for mutant in mutants if mutant.is_survivor and mutant.name not in equivalent)


def _described(mutant: Mutant) -> str:
    before, after = (text.replace("\n", "\n    ") for text in mutant.change)
    return f"{mutant.name}\n  - {before}\n  + {after}"


if __name__ == "__main__":
    as_command(main, CannotRunError)
