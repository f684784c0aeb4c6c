"""Each supported Python of a machine is found, and runs the tests in an environment of its own."""

import re
import sys
from datetime import date
from pathlib import Path

import pytest

from infra.cloud.dependencies import LAMBDA_PYTHON, LAMBDA_PYTHONS
from infra.local.tools import pythons
from infra.processes import ROOT

NO_NEW_FUNCTIONS_FROM = {
    (3, 11): date(2027, 7, 31),
    (3, 12): date(2028, 11, 30),
    (3, 13): date(2029, 7, 31),
    (3, 14): date(2029, 7, 31),
}
"""By runtime: "Block function create" in the table of supported runtimes, "Lambda runtimes", Lambda Developer Guide."""


def test_each_that_is_found_runs_and_is_of_its_version() -> None:
    found = pythons.find_interpreters()

    versions = [one.version.rpartition(".")[0] for one in found]
    assert versions == sorted(set(versions), key=lambda version: int(version.partition(".")[2]))
    assert {one.version for one in found} == {
        answer.version for one in found if (answer := pythons.ask_version(one.program))
    }


def test_a_place_holder_that_does_not_run_is_passed_over(tmp_path: Path) -> None:
    program = tmp_path / "python3.12"
    program.write_text("#!/bin/sh\necho 'pyenv: python3.12: command not found' >&2\nexit 127\n")
    program.chmod(0o755)

    assert pythons.ask_version(program) is None
    assert pythons.ask_version(tmp_path / "nothing") is None


def test_of_each_version_the_newest_of_pyenv_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for version in ("3.12.9", "3.12.10"):
        program = tmp_path / "versions" / version / "bin" / "python3.12"
        program.parent.mkdir(parents=True)
        program.write_text(f"#!/bin/sh\necho {version}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", "")

    [found] = pythons.find_interpreters([(3, 12)])

    assert found.version == "3.12.10"
    assert found.home.name == ".venv-3.12"


def test_the_first_python_runs_all_tests_and_the_others_what_a_python_can_change() -> None:
    first, other = (str(pythons.plan_runs([], is_first=one)) for one in (True, False))

    assert all(f"--ignore={path}" not in first and (ROOT / path).exists() for path in pythons.ELSEWHERE)
    assert all(f"--ignore={path}" in other for path in pythons.ELSEWHERE)
    assert "'tests', " in first
    assert "['tests/concurrency']" in other


def test_each_python_can_be_had_to_run_all_tests_or_those_that_are_named() -> None:
    assert pythons.plan_runs(["--all"], is_first=False) == pythons.plan_runs([], is_first=True)
    assert pythons.plan_runs(["tests/browser"], is_first=False) == [["tests/browser"]]


def test_functions_run_on_the_python_that_packages_them() -> None:
    assert sys.version_info[:2] == LAMBDA_PYTHON
    assert LAMBDA_PYTHON in LAMBDA_PYTHONS


def test_of_the_pythons_that_a_machine_has_make_takes_one_that_aws_runs_longest() -> None:
    """The functions run on it. Older ones come before 3.14, which fewer packages have wheels for."""
    found = re.search(r"for python in ((?:python3\.\d+ )+)", (ROOT / "Makefile").read_text())
    assert found
    tried = [(3, int(name.partition(".")[2])) for name in found[1].split()]

    assert sorted(tried) == sorted(NO_NEW_FUNCTIONS_FROM) == sorted(LAMBDA_PYTHONS)
    assert NO_NEW_FUNCTIONS_FROM[tried[0]] == max(NO_NEW_FUNCTIONS_FROM.values())
