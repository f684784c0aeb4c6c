"""Mutants: changes of one place by which a guard is lost. Each is killed by a test that it names, or is equivalent.

Lists are in lists/*.toml, by topic. A mutant's `old` occurs once in its file.
"""

import tomllib
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from infra.processes import ROOT

LISTS = Path(__file__).with_name("lists")


@dataclass(frozen=True, slots=True)
class Mutant:
    """`why` says what the guard is for. `killed_by` is a test's node id. Empty only if `equivalent` says why no test
    can tell the mutant."""

    topic: str
    file: str
    old: str
    new: str
    why: str
    killed_by: str = ""
    equivalent: str = ""
    looked_for_in: tuple[str, ...] = field(default=())
    """Test files, for a mutant that is new: `--find` names the first test in them that fails."""

    @property
    def name(self) -> str:
        digest = sha256("\0".join((self.file, self.old, self.new)).encode()).hexdigest()
        return f"{Path(self.file).stem}-{digest[:6]}"

    def apply(self, tree: Path) -> None:
        """Changes the file in a copy of the tree. Raises ValueError unless the old text occurs once."""
        source = (tree / self.file).read_text()
        if source.count(self.old) != 1:
            raise ValueError(f"{self.file} has {source.count(self.old)} times: {self.old}")
        (tree / self.file).write_text(source.replace(self.old, self.new))

    def undo(self, tree: Path) -> None:
        (tree / self.file).write_bytes((ROOT / self.file).read_bytes())


def read_mutants() -> list[Mutant]:
    return [
        Mutant(topic=path.stem, **{**entry, "looked_for_in": tuple(entry.get("looked_for_in", ()))})
        for path in sorted(LISTS.glob("*.toml"))
        for entry in tomllib.loads(path.read_text())["mutant"]
    ]
