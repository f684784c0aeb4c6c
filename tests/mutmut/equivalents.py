"""Mutants that no test can tell from the code, or should not: each with its reason, in equivalent.toml."""

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from .found import Mutant

LIST = Path(__file__).with_name("equivalent.toml")


@dataclass(frozen=True, slots=True)
class Equivalent:
    """A change that makes no difference: `old` becomes `new` in a function. The function may be a pattern."""

    function: str
    old: str
    new: tuple[str, ...]
    why: str

    def is_of(self, mutant: Mutant) -> bool:
        """Tells whether the mutant is exactly this change, at one place of its lines."""
        if not fnmatchcase(mutant.function, self.function):
            return False
        before, after = mutant.change
        places = (at for at in range(len(before)) if before.startswith(self.old, at))
        return any(before[:at] + new + before[at + len(self.old) :] == after for at in places for new in self.new)


def read_equivalents() -> list[Equivalent]:
    entries = tomllib.loads(LIST.read_text())["equivalent"]
    return [Equivalent(**{**entry, "new": tuple(entry["new"])}) for entry in entries]


def find_equivalent(mutants: Iterable[Mutant], known: Sequence[Equivalent]) -> frozenset[str]:
    """Gives the names of the survivors that are equivalent."""
    return frozenset(mutant.name for mutant in mutants if mutant.is_survivor and any(e.is_of(mutant) for e in known))


def unneeded(mutants: Sequence[Mutant], known: Sequence[Equivalent]) -> list[str]:
    """Describes the entries that fit no mutant, or only mutants that a test kills."""
    survivors = [mutant for mutant in mutants if mutant.is_survivor]
    return [f"{one.function}: {one.old}" for one in known if not any(one.is_of(mutant) for mutant in survivors)]
