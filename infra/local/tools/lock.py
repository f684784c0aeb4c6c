"""Writes requirements.lock from requirements.txt: all that ships, with hashes. `python -m infra.local.tools.lock`.

Each version has a wheel for Lambda's machines. Versions stay as long as they fit. For the newest ones, remove
requirements.lock first.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from infra.cloud.dependencies import LAMBDA_PLATFORM, LAMBDA_PYTHONS
from infra.command import as_command
from infra.processes import ROOT, CannotRunError, say

REQUIREMENTS = ROOT / "requirements.txt"
LOCK = ROOT / "requirements.lock"
HEADER = """# All that ships to Lambda, with hashes: packages are installed from this file and from nothing else.
# Made from requirements.txt by `make lock`; not to be edited.
"""
PUT_IN_BY_ITS_PACKAGER = "chalice"

_NEWEST_PATCH = 99
"""The patch number to resolve for, above all real ones: Lambda runs the newest patch, which needs no backports."""
_PIN = re.compile(r"(?m)^(?P<name>[A-Za-z0-9._-]+)(\[[^]]*\])?==(?P<version>[^\s;\\]+)")


def pins(text: str) -> dict[str, str]:
    """Gives the versions that a requirements file pins, by normalised name."""
    return {re.sub(r"[-_.]+", "-", pin["name"]).lower(): pin["version"] for pin in _PIN.finditer(text)}


def shipped_pins(requirements: Path = REQUIREMENTS) -> dict[str, str]:
    """Gives the direct pins of all that ships. Leaves out Chalice, whose packager adds its two runtime modules."""
    found = pins(requirements.read_text())
    return {name: version for name, version in found.items() if name != PUT_IN_BY_ITS_PACKAGER}


def write(lock: Path = LOCK) -> None:
    """Writes the lock anew. Keeps versions that still fit. Raises CannotRunError."""
    resolved = {_resolve(f"{major}.{minor}.{_NEWEST_PATCH}", lock) for major, minor in LAMBDA_PYTHONS}
    if len(resolved) > 1:
        raise CannotRunError("The Pythons of Lambda need different packages: pin what they differ in.")
    lock.write_text(HEADER + resolved.pop())


def _resolve(python: str, lock: Path) -> str:
    """Gives the packages that one Python needs on Lambda's machines."""
    options = ["--quiet", "--generate-hashes", "--no-header", "--only-binary", ":all:"]
    machine = ["--python-version", python, "--python-platform", f"x86_64-{LAMBDA_PLATFORM.removesuffix('_x86_64')}"]
    with tempfile.TemporaryDirectory() as scratch:
        wanted, made = Path(scratch) / REQUIREMENTS.name, Path(scratch) / LOCK.name
        wanted.write_text("".join(f"{name}=={version}\n" for name, version in shipped_pins().items()))
        if lock.exists():
            made.write_text(lock.read_text())
        command = [sys.executable, "-m", "uv", "pip", "compile", *options, *machine, "-o", made.name, wanted.name]
        done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotRunError(f"The packages could not be resolved:\n{done.stderr.strip()}")
        return made.read_text()


def main() -> int:
    write()
    say(f"{LOCK.name}: {len(pins(LOCK.read_text()))} packages.")
    return 0


if __name__ == "__main__":
    as_command(main, CannotRunError)
