"""What mutmut found is read as it was written, and equivalent mutants are exactly those that the list describes."""

import json
from pathlib import Path

import pytest

from infra.processes import ROOT

from .__main__ import count
from .equivalents import Equivalent, find_equivalent, read_equivalents, unneeded
from .found import Mutant, read_mutants

MODULE = "chalicelib.domain.till"
LINES = """\
class Till:
    def xǁTillǁtake__mutmut_orig(self, cents):
        if cents < 1:
            return zip(a, b, strict=True)
    def xǁTillǁtake__mutmut_1(self, cents):
        if cents <= 1:
            return zip(a, b, strict=True)
    def xǁTillǁtake__mutmut_2(self, cents):
        if cents < 1:
            return zip(a, b, strict=False)
    def xǁTillǁtake__mutmut_3(self, cents):
        if cents < 2:
            return zip(a, b, strict=True)
"""
LAX = Equivalent("*", "strict=True", ("strict=False",), "why")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """mutmut's folder after a run: the first mutant was killed, the second survived, the third was not run."""
    file = tmp_path / "chalicelib" / "domain" / "till.py"
    file.parent.mkdir(parents=True)
    file.write_text(LINES)
    names = [f"{MODULE}.xǁTillǁtake__mutmut_{number}" for number in (1, 2, 3)]
    Path(f"{file}.meta").write_text(json.dumps({"exit_code_by_key": dict(zip(names, (1, 0, None), strict=True))}))
    spans = {f"xǁTillǁtake__mutmut_{part}": [2 + 3 * at, 4 + 3 * at] for at, part in enumerate(("orig", 1, 2, 3))}
    Path(f"{file}.spans").write_text(json.dumps({"version": 1, "spans": spans}))
    return tmp_path


def test_a_mutant_has_its_functions_name_and_what_it_changes(folder: Path) -> None:
    first, second, _ = read_mutants(folder)

    assert (first.function, first.path) == (f"{MODULE}.Till.take", "chalicelib/domain/till.py")
    assert first.change == ("if cents < 1:", "if cents <= 1:")
    assert second.change == ("return zip(a, b, strict=True)", "return zip(a, b, strict=False)")


def test_only_survivors_are_equivalent_and_only_by_the_very_change(folder: Path) -> None:
    mutants = read_mutants(folder)
    killed = Equivalent("*", "<", ("<=",), "why")

    assert find_equivalent(mutants, [LAX, killed]) == {mutants[1].name}
    for other in (
        Equivalent("another.*", *("strict=True", ("strict=False",)), "why"),
        Equivalent("*", "T", ("F",), ""),
    ):
        assert find_equivalent(mutants, [other]) == frozenset()


def test_an_entry_that_nothing_needs_is_named(folder: Path) -> None:
    assert unneeded(read_mutants(folder), [LAX, Equivalent("*", "<", ("<=",), "why")]) == ["*: <"]


def test_the_share_is_of_those_that_were_run_and_are_not_equivalent(folder: Path) -> None:
    mutants = read_mutants(folder)

    plain, without = (count("till", mutants, names) for names in (frozenset[str](), find_equivalent(mutants, [LAX])))

    assert (plain.all, plain.killed, plain.survived, plain.share) == (3, 1, 1, 0.5)
    assert (without.all, without.killed, without.equivalent, without.share) == (3, 1, 1, 1.0)


def test_a_mutant_to_be_run_again_has_no_result(folder: Path) -> None:
    def codes() -> list[int | None]:
        return [mutant.exit_code for mutant in read_mutants(folder)]

    read_mutants(folder)[1].write_down(None)

    assert codes() == [1, None, None]


@pytest.mark.parametrize(("code", "killed", "survives"), [(1, True, False), (36, True, False), (33, False, True)])
def test_what_no_test_runs_survives_and_what_never_ends_is_killed(code: int, killed: bool, survives: bool) -> None:
    mutant = Mutant("name", Path("file"), "path", code)

    assert (mutant.is_killed, mutant.is_survivor) == (killed, survives)


def test_each_equivalent_says_why_and_its_old_text_is_still_there() -> None:
    source = "\n".join(path.read_text() for path in (ROOT / "chalicelib").rglob("*.py"))
    for entry in read_equivalents():
        assert entry.why
        assert entry.new
        assert entry.old in source, f"the code has changed: {entry.function}: {entry.old}"
