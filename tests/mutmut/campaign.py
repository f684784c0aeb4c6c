"""Runs mutmut on a copy of the tree, and goes on where the last run stopped.

    build/mutmut            a copy of what the tests need; pyproject.toml has mutmut's settings
        └─ mutants          mutmut's copy of that copy: each mutated function beside its mutants, and what was found

mutmut forks a process for each mutant, and runs the tests that reach its function.
"""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from infra.local.tools.environments import ToolEnvironment
from infra.processes import ROOT, CannotRunError, say

from .found import CHECKED_AT_IMPORT, Mutant, read_mutants

ENVIRONMENT = ToolEnvironment(
    home=ROOT / ".venv-mutmut",
    requirements=ROOT / "requirements-mutmut.txt",
    about="mutmut into .venv-mutmut (once, 60 MB)",
)
HOME = ROOT / "build" / "mutmut"
MUTATED = HOME / "mutants"
LOG = ROOT / "build" / "mutmut.log"
COPIED = ("chalicelib", "tests", "infra", "benchmarks", "docs", ".chalice")
COPIED_FILES = ("app.py", "pyproject.toml", "Makefile", ".env.example")
LEFT_OUT = ("node_modules", "__pycache__", "img")
TESTS_SEEN = HOME / "tests.sha256"
"""Of which tests the results are: mutants that survived others are tried again."""

WITH_OUR_PACKAGES_FIRST = """
import signal, site, sys
site.addsitedir(sys.argv.pop(1))
"""
MUTMUT = f"""{WITH_OUR_PACKAGES_FIRST}
from mutmut.__main__ import cli
from mutmut.mutation.data import SourceFileMutationData as Results

write = Results.save
def save(self):  # not to be interrupted: half a file of results would be lost
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        write(self)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
Results.save = save
cli(prog_name="mutmut")
"""
PYTEST = f"""{WITH_OUR_PACKAGES_FIRST}
import pytest
sys.exit(pytest.main(sys.argv[1:]))
"""
STOP_SECONDS = 60.0


def prepare(*, again: bool) -> None:
    """Installs mutmut and brings the copy up to date. Forgets all results if `again`. Raises UnavailableError."""
    ENVIRONMENT.install()
    if again:
        shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        _mirror(ROOT / name, HOME / name)
    for name in COPIED_FILES:
        _copy_if_changed(ROOT / name, HOME / name)
    for name in COPIED[1:]:  # mutmut adds to its copy, and never removes
        shutil.rmtree(MUTATED / name, ignore_errors=True)
    for meta in MUTATED.glob("chalicelib/**/*.meta"):
        if not _is_whole(meta):  # mutmut was killed while it wrote: it begins again with this module
            meta.unlink()
            meta.with_suffix("").unlink(missing_ok=True)


def _is_whole(meta: Path) -> bool:
    try:
        return bool(json.loads(meta.read_text()))
    except ValueError:
        return False


def _mirror(source: Path, target: Path) -> None:
    """Copies a folder, so that files which have not changed keep their times: by these mutmut knows what is new."""
    wanted = {path.relative_to(source) for path in source.rglob("*") if not set(path.parts) & set(LEFT_OUT)}
    for path in sorted(target.rglob("*"), reverse=True):
        if path.relative_to(target) not in wanted:
            path.rmdir() if path.is_dir() else path.unlink()
    for name in sorted(wanted):
        if (source / name).is_dir():
            (target / name).mkdir(parents=True, exist_ok=True)
        else:
            _copy_if_changed(source / name, target / name)


def _copy_if_changed(source: Path, target: Path) -> None:
    if not target.exists() or target.read_bytes() != source.read_bytes():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def run(only: str, seconds: float, workers: int, equivalent: frozenset[str]) -> None:
    """Runs the mutants without a result, those of one module or folder first if it is named; then those again that
    survived other tests than there are now. Stops after so many seconds. Raises CannotRunError."""
    names = _names_of(only, equivalent)
    if names != []:
        _run_mutmut(names or (), seconds, workers)
    for mutant in read_mutants(MUTATED):
        if mutant.function in CHECKED_AT_IMPORT and only in mutant.path and not mutant.is_killed:
            mutant.write_down(_run_afresh(mutant))


def _names_of(only: str, equivalent: frozenset[str]) -> Sequence[str] | None:
    """Names the mutants to be run; None for all that have no result yet."""
    known = read_mutants(MUTATED)
    tests = _fingerprint_of_tests()
    has_other_tests = bool(known) and TESTS_SEEN.exists() and TESTS_SEEN.read_text() != tests
    TESTS_SEEN.write_text(tests)
    if has_other_tests:
        for mutant in known:
            if mutant.is_survivor and mutant.name not in equivalent:
                mutant.write_down(None)
    if not only:
        return None
    if not known or _has_changed(only):
        return [f"*{only.removesuffix('.py').replace('/', '.')}.*"]
    return [mutant.name for mutant in read_mutants(MUTATED) if only in mutant.path and mutant.exit_code is None]


def _has_changed(only: str) -> bool:
    """Tells whether a file was changed since its mutants were made."""
    files = (path.relative_to(HOME) for path in HOME.glob("chalicelib/**/*.py") if only in str(path))
    return any(
        not (MUTATED / file).exists() or (HOME / file).stat().st_mtime > (MUTATED / file).stat().st_mtime
        for file in files
    )


def _fingerprint_of_tests() -> str:
    files = sorted(path for path in (HOME / "tests").rglob("*.py"))
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()


def _run_mutmut(names: Iterable[str], seconds: float, workers: int) -> None:
    with LOG.open("w") as log:
        process = subprocess.Popen(
            [*_python(MUTMUT), "run", "--max-children", str(workers), *names],
            cwd=HOME,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            say(f"{seconds / 60:.0f} minutes are over; the next call goes on here.")
            status = 0
        finally:
            _end(process)
    if status:
        raise CannotRunError(f"mutmut failed; see {LOG.relative_to(ROOT)}:\n{LOG.read_text()[-2000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Interrupts mutmut, which then keeps what it has found. It may be asked to stop while it still makes mutants."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _python(program: str) -> list[str]:
    (packages,) = ENVIRONMENT.home.glob("lib/python*/site-packages")
    return [sys.executable, "-c", program, str(packages)]


def _run_afresh(mutant: Mutant) -> int:
    """Runs the tests in a new process, for a function that runs while modules are imported: mutmut's forks come too
    late for it. Gives pytest's exit status; one that ends the tests before their beginning counts as a failure."""
    done = subprocess.run(
        [*_python(PYTEST), "-x", "-q", "-p", "no:cacheprovider", "--deselect", "tests/unit/people/test_rights.py",
         "tests/unit/domain", "tests/unit/application", "tests/unit/people"],
        cwd=MUTATED,
        env={**os.environ, "MUTANT_UNDER_TEST": mutant.name, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        timeout=600,
        check=False,
    )  # fmt: skip
    return int(done.returncode != 0)
