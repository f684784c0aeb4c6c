"""What mutmut has found: its mutants, and which of them the tests killed."""

import difflib
import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

KILLED, TIMED_OUT, SURVIVED, NO_TEST = (1, 3), (36, 24, -24, 152, 255), (0,), (5, 33)
"""mutmut's exit codes. An internal error of pytest is a failure, too."""

CHECKED_AT_IMPORT = {
    "chalicelib.domain.consumers.queues_for_event_type",
    "chalicelib.domain.people.stores._queue",
    "chalicelib.domain.refusals.Refusal.__init_subclass__",
}
"""Functions that run while modules are imported. Their mutants are tried in processes of their own."""


@dataclass(frozen=True)
class Mutant:
    name: str
    """mutmut's name, which changes with the function."""
    file: Path
    """The mutated file; beside it, .meta has the exit codes and .spans the lines of each function."""
    path: str
    exit_code: int | None

    @property
    def function(self) -> str:
        """Gives the function's full name: chalicelib.domain.money.Money.of."""
        module, _, mangled = self.name.partition("__mutmut_")[0].rpartition(".")
        return f"{module}.{mangled.removeprefix('x_').removeprefix('xǁ').replace('ǁ', '.')}"

    @property
    def is_killed(self) -> bool:
        return self.exit_code in KILLED + TIMED_OUT

    @property
    def is_survivor(self) -> bool:
        return self.exit_code in SURVIVED + NO_TEST

    @cached_property
    def change(self) -> tuple[str, str]:
        """Gives the lines that the mutant changes, without their indentation, and what it makes of them."""
        before, after = (self._source(name) for name in (re.sub(r"_\d+$", "_orig", self.name), self.name))
        matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
        changed = [block for block in matcher.get_opcodes() if block[0] != "equal"]
        return (
            "\n".join(line for _, start, end, _, _ in changed for line in before[start:end]),
            "\n".join(line for _, _, _, start, end in changed for line in after[start:end]),
        )

    def _source(self, name: str) -> list[str]:
        """Reads one version of the function, line by line, under the function's own name."""
        generated = name.rpartition(".")[2]
        start, end = json.loads(Path(f"{self.file}.spans").read_text())["spans"][generated]
        lines = self.file.read_text().splitlines()[start - 1 : end]
        return [line.strip().replace(generated, "function") for line in lines]

    def write_down(self, exit_code: int | None) -> None:
        """Changes the result where mutmut keeps it. None: it has to be run again."""
        meta = Path(f"{self.file}.meta")
        known = json.loads(meta.read_text())
        known["exit_code_by_key"][self.name] = exit_code
        meta.write_text(json.dumps(known, indent=4))


def read_mutants(folder: Path) -> list[Mutant]:
    """Reads all mutants that mutmut has made in its folder; none before its first run."""
    return [
        Mutant(name, meta.with_suffix(""), str(meta.with_suffix("").relative_to(folder)), code)
        for meta in sorted(folder.glob("chalicelib/**/*.meta"))
        for name, code in json.loads(meta.read_text())["exit_code_by_key"].items()
    ]
