"""Writes requirements.lock from requirements.txt: all that ships, with hashes. `python -m infra.local.tools.lock`.

requirements-traces.lock has what ships on top of it where TRACES is on. Each version has a wheel for Lambda's machines.
Versions stay as long as they fit. For the newest ones, remove the locks first.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from infra.cloud.dependencies import LAMBDA_PLATFORM, LAMBDA_PYTHONS
from infra.command import as_command
from infra.processes import ROOT, CannotRunError, say

REQUIREMENTS = ROOT / "requirements.txt"
LOCK = ROOT / "requirements.lock"
HEADER = """# All that ships to Lambda, with hashes: packages are installed from this file and from nothing else.
# Made from requirements.txt by `make lock`; not to be edited.
"""
TRACES = ROOT / "requirements-traces.txt"
TRACES_LOCK = ROOT / "requirements-traces.lock"
TRACES_HEADER = """# What ships to Lambda on top of requirements.lock where TRACES is on, with hashes.
# Made from requirements-traces.txt by `make lock`; not to be edited.
"""
PUT_IN_BY_ITS_PACKAGER = "chalice"

CONSTRAINTS = "constraints.txt"

_NEWEST_PATCH = 99
"""The patch number for which packages are resolved, higher than any real one. Lambda runs a Python's newest patch,
which needs no backports."""
_PIN = re.compile(r"(?m)^(?P<name>[A-Za-z0-9._-]+)(\[[^]]*\])?==(?P<version>[^\s;\\]+)")


def pins(text: str) -> dict[str, str]:
    """Gives the versions that a requirements file pins, by normalised name."""
    return {re.sub(r"[-_.]+", "-", pin["name"]).lower(): pin["version"] for pin in _PIN.finditer(text)}


def shipped_pins(requirements: Path = REQUIREMENTS) -> dict[str, str]:
    """Gives the direct pins of all that ships. Leaves out Chalice, whose packager adds its two runtime modules."""
    found = pins(requirements.read_text())
    return {name: version for name, version in found.items() if name != PUT_IN_BY_ITS_PACKAGER}


def write(lock: Path = LOCK) -> None:
    """Writes the lock file. Keeps the locked versions that still fit. Raises CannotRunError."""
    lock.write_text(HEADER + _resolve_for_all(REQUIREMENTS.name, shipped_pins(), lock))


def write_traces(lock: Path = TRACES_LOCK, beside: Path = LOCK) -> None:
    """Writes the lock of the packages that TRACES adds. Keeps the versions in `beside`. Raises CannotRunError."""
    wanted, shipped = shipped_pins(TRACES), pins(beside.read_text())
    left_out = [option for name in shipped for option in ("--no-emit-package", name)]
    locked = "".join(f"{name}=={version}\n" for name, version in shipped.items())
    lock.write_text(TRACES_HEADER + _resolve_for_all(TRACES.name, wanted, lock, *left_out, constraints=locked))


def _resolve_for_all(name: str, wanted: Mapping[str, str], lock: Path, *options: str, constraints: str = "") -> str:
    """Gives the packages that every Python of Lambda needs. Raises CannotRunError when they differ."""
    versions = [f"{major}.{minor}.{_NEWEST_PATCH}" for major, minor in LAMBDA_PYTHONS]
    resolved = {_resolve(version, name, wanted, lock, *options, constraints=constraints) for version in versions}
    if len(resolved) > 1:
        raise CannotRunError("The Pythons of Lambda need different packages: pin what they differ in.")
    return resolved.pop()


def _resolve(python: str, name: str, wanted: Mapping[str, str], lock: Path, *more: str, constraints: str) -> str:
    """Gives the packages that one Python needs on Lambda's machines."""
    options = ["--quiet", "--generate-hashes", "--no-header", "--only-binary", ":all:", *more]
    machine = ["--python-version", python, "--python-platform", f"x86_64-{LAMBDA_PLATFORM.removesuffix('_x86_64')}"]
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        (directory / name).write_text("".join(f"{pinned}=={version}\n" for pinned, version in wanted.items()))
        (directory / LOCK.name).write_text(lock.read_text() if lock.exists() else "")
        if constraints:
            (directory / CONSTRAINTS).write_text(constraints)
            options += ["--constraint", CONSTRAINTS, "--no-annotate"]
        command = [sys.executable, "-m", "uv", "pip", "compile", *options, *machine, "-o", LOCK.name, name]
        done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotRunError(f"The packages could not be resolved:\n{done.stderr.strip()}")
        return (directory / LOCK.name).read_text()


def main() -> int:
    write()
    write_traces()
    for lock in (LOCK, TRACES_LOCK):
        say(f"{lock.name}: {len(pins(lock.read_text()))} packages.")
    return 0


if __name__ == "__main__":
    as_command(main, CannotRunError)
