"""Killing: applies mutants to copies of the tree, one at a time in each, and runs the tests that must fail.

    process of the pool: one copy of the tree, all libraries imported
        └─fork─► pytest, which imports the mutated tree          a process for each mutant; it may hang or crash

A fork with the libraries in memory starts the tests in a tenth of the time.
"""

import contextlib
import importlib
import os
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from infra.processes import ROOT

from .mutants import Mutant

SECONDS = 240.0
"""How long the tests of one mutant may take. One that never ends is killed."""

COPIED = ("app.py", "pyproject.toml", "benchmarks", "chalicelib", "infra", "tests", "docs", ".chalice", ".env.example")
LEFT_OUT = shutil.ignore_patterns("node_modules", "__pycache__", "img")
LIBRARIES = (
    "pytest",
    "hypothesis",
    "boto3",
    "pynamodb.models",
    "moto",
    "msgspec",
    "chalice",
    "jwt",
    "aws_lambda_powertools",
)

REWRITTEN_ALREADY = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
"""pytest would have its plugins' assertions rewritten at their import, and they are imported already."""

OTHER_PROCESSES = {"emulator", "cached", "cached in a cluster"}
"""Parameters of tests that start other processes: a copy of the tree has none."""


class Outcome(StrEnum):
    KILLED = "killed"
    SURVIVED = "survived"
    BROKEN = "not run"
    """The tests could not be run at all: the list is wrong."""


@dataclass(frozen=True, slots=True)
class Result:
    mutant: str
    outcome: Outcome
    by: str
    """The first test that failed; for a mutant that was not killed, the end of what pytest said."""
    seconds: float


class WithoutOtherProcesses:
    """A plugin of pytest: leaves out the tests that need an emulator or Redis, and puts those with moto, the slow ones,
    last: the first that fails ends the run."""

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items[:] = sorted(
            (item for item in items if not _needs_other_processes(item)), key=lambda item: "moto" in _parameters(item)
        )


def _needs_other_processes(item: Any) -> bool:
    return bool(_parameters(item) & OTHER_PROCESSES) or "emulated" in item.fixturenames


def _parameters(item: Any) -> set[str]:
    values = item.callspec.params.values() if hasattr(item, "callspec") else ()
    return {value for value in values if isinstance(value, str)}


_trees: list[Path] = []


def prepare() -> None:
    """Imports the libraries and copies the tree, in each process of the pool."""
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    sys.dont_write_bytecode = True
    for library in LIBRARIES:
        importlib.import_module(library)
    tree = Path(tempfile.mkdtemp(prefix="mutants-"))
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, ignore=LEFT_OUT)
        elif (ROOT / name).exists():
            shutil.copy(ROOT / name, tree / name)
    _trees.append(tree)


def kill(mutant: Mutant) -> Result:
    """Runs the tests on the mutant."""
    (tree,) = _trees
    tests = [mutant.killed_by] if mutant.killed_by else mutant.looked_for_in
    began = time.monotonic()
    mutant.apply(tree)
    try:
        code, said = _run_tests(tree, tests)
    finally:
        mutant.undo(tree)
    outcome = _outcome(code)
    if code == -signal.SIGKILL and not mutant.killed_by:
        outcome = Outcome.BROKEN  # so many tests may take so long without any fault
    return Result(mutant.name, outcome, _first_failed(said) if code == 1 else said[-600:], time.monotonic() - began)


def check_unchanged(tests: Sequence[str]) -> Result:
    """Runs tests on the tree as it is: they must pass, or that they fail says nothing."""
    began = time.monotonic()
    code, said = _run_tests(_trees[0], tests)
    return Result("unchanged", _outcome(code), said[-2000:], time.monotonic() - began)


def _outcome(code: int) -> Outcome:
    return {0: Outcome.SURVIVED, 1: Outcome.KILLED, -signal.SIGKILL: Outcome.KILLED}.get(code, Outcome.BROKEN)


def _first_failed(said: str) -> str:
    found = re.search(r"^(?:FAILED|ERROR) (tests/\S+::.+?)(?: - .*)?$", said, re.MULTILINE)
    return found[1] if found else "it never ended"


def _run_tests(tree: Path, tests: Iterable[str]) -> tuple[int, str]:
    """Runs pytest in a process of its own. Gives its exit code, minus a signal's number, and what it said."""
    output = tree / "said.txt"
    child = os.fork()
    if child == 0:
        _be_pytest(tree, list(tests), output)
    return _wait(child), output.read_text(errors="replace")


def _be_pytest(tree: Path, tests: list[str], output: Path) -> None:
    """Becomes pytest, in a forked process, and ends with its exit code; with 70 if it can't be run."""
    code = 70
    try:
        os.setpgid(0, 0)
        written = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(written, 1)
        os.dup2(written, 2)
        code = _pytest_in(tree, tests)
    except BaseException:  # noqa: BLE001 - this process must not go on as its parent
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def _pytest_in(tree: Path, tests: list[str]) -> int:
    os.chdir(tree)
    _forget_our_modules(tree)
    import pytest

    options = ["-q", "-x", "-p", "no:cacheprovider", "--rootdir", str(tree), "--tb=line", *REWRITTEN_ALREADY]
    return int(pytest.main([*options, *tests], plugins=[WithoutOtherProcesses()]))


def _forget_our_modules(tree: Path) -> None:
    """Has the mutated tree imported, not the one that this process has come from."""
    for name in list(sys.modules):
        if name.partition(".")[0] in ("tests", "infra", "chalicelib", "benchmarks", "app"):
            del sys.modules[name]
    sys.path[:] = [str(tree), *(path for path in sys.path if path not in ("", str(ROOT)))]


def _wait(child: int) -> int:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def clear() -> None:
    while _trees:
        shutil.rmtree(_trees.pop(), ignore_errors=True)
