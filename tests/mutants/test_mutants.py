"""The lists of mutants fit the code. Whether each mutant is killed: `make mutants`."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from infra.processes import ROOT

from .killing import _first_failed
from .mutants import Mutant, read_mutants

MUTANTS = read_mutants()
FEWEST_KILLED = 325
MOST_OPEN = 11
"""Mutants of which nobody has found out yet which test kills them: `python -m tests.mutants --find`. To become 0."""


def test_there_are_many() -> None:
    assert sum(1 for mutant in MUTANTS if mutant.killed_by) >= FEWEST_KILLED
    assert max(Counter(mutant.name for mutant in MUTANTS).values()) == 1


def test_the_old_text_of_each_occurs_once() -> None:
    sources = {mutant.file: (ROOT / mutant.file).read_text() for mutant in MUTANTS}

    wrong = [f"{mutant.name}: {mutant.old}" for mutant in MUTANTS if sources[mutant.file].count(mutant.old) != 1]

    assert wrong == [], "the code has changed: change tests/mutants/lists with it"


def test_what_each_becomes_is_python() -> None:
    """A mutant that can't be imported is killed by everything, and shows nothing."""
    for mutant in MUTANTS:
        source = (ROOT / mutant.file).read_text().replace(mutant.old, mutant.new)
        compile(source, mutant.name, "exec")


def test_each_is_killed_by_a_test_or_says_why_none_can() -> None:
    assert sum(1 for mutant in MUTANTS if mutant.looked_for_in) <= MOST_OPEN
    for mutant in MUTANTS:
        assert sum(map(bool, (mutant.killed_by, mutant.equivalent, mutant.looked_for_in))) == 1, mutant.name


def test_each_test_that_kills_one_is_there_with_its_parameters() -> None:
    """pytest refuses a test that it does not find, and that would look as if the mutant was killed."""
    killers = {mutant.killed_by for mutant in MUTANTS if mutant.killed_by}

    collected = subprocess.run(
        [sys.executable, "-m", "pytest", "-qq", "--collect-only", "-p", "no:cacheprovider", *sorted(killers)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert collected.returncode == 0, collected.stdout[-2000:] + collected.stderr[-2000:]


def test_each_says_what_its_guard_is_for() -> None:
    assert all(mutant.why for mutant in MUTANTS)


@pytest.fixture
def a_mutant() -> Mutant:
    return Mutant("topic", "guard.py", "a < b", "a <= b", "why")


def test_a_mutant_changes_its_file_and_nothing_else(a_mutant: Mutant, tmp_path: Path) -> None:
    (tmp_path / "guard.py").write_text("if a < b:\n    pass\n")

    a_mutant.apply(tmp_path)

    assert (tmp_path / "guard.py").read_text() == "if a <= b:\n    pass\n"


@pytest.mark.parametrize("source", ["", "a < b\na < b\n"], ids=["not there", "twice"])
def test_a_mutant_of_a_place_that_is_not_one_is_refused(a_mutant: Mutant, tmp_path: Path, source: str) -> None:
    (tmp_path / "guard.py").write_text(source)

    with pytest.raises(ValueError, match="times"):
        a_mutant.apply(tmp_path)


def test_the_first_test_that_failed_is_named() -> None:
    said = "...F\nFAILED tests/unit/test_a.py::test_b[one two] - assert 1 == 2\nFAILED tests/unit/test_a.py::test_c\n"

    assert _first_failed(said) == "tests/unit/test_a.py::test_b[one two]"
