"""Runs the tests on every supported Python of this machine: `python -m infra.local.tools.pythons [--all] [tests …]`.

The first Python runs all of them. The others leave out ELSEWHERE, but with `--all`.
Each Python has its own virtual environments beside `.venv`: `.venv-3.12` and, with the emulator, `.venv-3.12-emulator`.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.cloud.dependencies import LAMBDA_PYTHONS
from infra.command import as_command
from infra.processes import ROOT, CannotRunError, say

REQUIREMENTS = (ROOT / "requirements.txt", ROOT / "requirements-dev.txt")
ELSEWHERE = ("tests/browser", "tests/api/test_tools.py")
"""The tests of code that runs in a browser or on Node. No Python can change it, so one run is enough."""
WORKERS = os.environ.get("TEST_WORKERS", "auto")
"""The processes that run tests: make says how many, because `make test` has as many."""
WHICH = "import sys; print(*sys.version_info[:3], sep='.')"


@dataclass(frozen=True, slots=True)
class Interpreter:
    program: Path
    version: str
    """The whole version, such as 3.12.1."""

    @property
    def home(self) -> Path:
        return ROOT / f".venv-{self.version.rpartition('.')[0]}"

    @property
    def python(self) -> Path:
        return self.home / "bin" / "python"


def find_interpreters(supported: Sequence[tuple[int, int]] = LAMBDA_PYTHONS) -> list[Interpreter]:
    """Finds the newest patch of each supported version, on the PATH and in pyenv."""
    found = []
    for major, minor in supported:
        ran = [interpreter for program in _places(f"{major}.{minor}") if (interpreter := ask_version(program))]
        fitting = [one for one in ran if one.version.startswith(f"{major}.{minor}.")]
        found += sorted(fitting, key=_by_version)[-1:]
    return found


def _by_version(interpreter: Interpreter) -> list[int]:
    return [int(part) for part in interpreter.version.split(".")]


def _places(version: str) -> Iterator[Path]:
    on_path = shutil.which(f"python{version}")
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from ([Path(on_path)] if on_path else [])
    yield from sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}"))


def ask_version(program: Path) -> Interpreter | None:
    """Asks a program for its version. Gives None when it does not run, like pyenv's place holders."""
    try:
        done = subprocess.run([program, "-c", WHICH], capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return None
    return Interpreter(program, done.stdout.strip())


def install(interpreter: Interpreter) -> None:
    """Makes the interpreter's environment, unless it is there and up to date. Raises CannotRunError."""
    wanted = interpreter.version + "\n" + "".join(path.read_text() for path in REQUIREMENTS)
    installed = interpreter.home / "installed.txt"
    if installed.exists() and installed.read_text() == wanted:
        return
    say(f"Installing the packages into {interpreter.home.name} (once, about a minute) …")
    pip = [str(interpreter.python), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    try:
        subprocess.run([interpreter.program, "-m", "venv", "--clear", interpreter.home], check=True)
        subprocess.run([*pip, "-r", str(REQUIREMENTS[-1])], check=True)
    except subprocess.CalledProcessError as error:
        raise CannotRunError(f"The packages could not be installed for {interpreter.version} (see above).") from error
    installed.write_text(wanted)


def plan_runs(tests: Sequence[str], *, is_first: bool) -> list[list[str]]:
    """Gives the arguments of pytest for each of an interpreter's runs.

    Named tests are one run. Without names there are two: the races come last and alone.
    """
    named = [test for test in tests if test != "--all"]
    if named:
        return [named]
    left_out = [] if is_first or "--all" in tests else [f"--ignore={path}" for path in ELSEWHERE]
    return [
        ["-n", WORKERS, "--no-loadscope-reorder", "tests", "--ignore=tests/concurrency", *left_out],
        ["tests/concurrency"],
    ]


def run_tests(interpreter: Interpreter, runs: Sequence[Sequence[str]]) -> bool:
    """Runs pytest with each run's arguments. Tells whether all passed."""
    command = [str(interpreter.python), "-m", "pytest", "-q"]
    ended = [subprocess.run([*command, *each], cwd=ROOT, check=False).returncode for each in runs]
    return not any(ended)


def main(tests: Sequence[str]) -> int:
    interpreters = find_interpreters()
    names = [f"3.{minor}" for _, minor in LAMBDA_PYTHONS]
    if not interpreters:
        raise CannotRunError(f"None of Python {', '.join(names)} is on the PATH or in pyenv.")
    came_to = dict.fromkeys(names, "not on this machine")
    for interpreter in interpreters:
        say(f"\nPython {interpreter.version}")
        install(interpreter)
        passed = run_tests(interpreter, plan_runs(tests, is_first=interpreter is interpreters[0]))
        came_to[interpreter.home.name.removeprefix(".venv-")] = (
            f"{interpreter.version}: {'passed' if passed else 'FAILED'}"
        )
    say("")
    for name, result in came_to.items():
        say(f"  Python {name}   {result}")
    return int(any("FAILED" in result for result in came_to.values()))


if __name__ == "__main__":
    as_command(lambda: main(sys.argv[1:]), CannotRunError)
