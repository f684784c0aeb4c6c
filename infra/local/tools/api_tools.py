"""Tools from npm: readers of our OpenAPI document (linters, generators of clients), and what checks the pages.

`python -m infra.local.tools.api_tools install` puts them into tests/tools/node_modules where there is npm, and says so;
where there is none, the tests that need them are left out with the same words.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from infra.processes import ROOT, CannotRunError, say

FOLDER = ROOT / "tests" / "tools"
LOCK = FOLDER / "package-lock.json"
INSTALLED = FOLDER / "node_modules" / "installed.json"
"""The lock that they were installed by; an unfinished installation has none."""


def program(name: str) -> Path:
    """One of the tools. Raises CannotRunError with the remedy when they can't be installed."""
    install()
    return FOLDER / "node_modules" / ".bin" / name


def install() -> None:
    """Leaves alone what is installed by this very lock. Raises CannotRunError with the remedy."""
    if INSTALLED.exists() and INSTALLED.read_bytes() == LOCK.read_bytes():
        return
    if not shutil.which("npm"):
        raise CannotRunError("No npm is installed: install Node.js 20 or newer with it, for example from Debian.")
    say("Installing the tools from npm into tests/tools/node_modules (once, half a minute) …")
    done = subprocess.run(["npm", "ci", "--no-progress"], cwd=FOLDER, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotRunError(f"`npm ci` failed in tests/tools. Check the network connection. {done.stderr.strip()}")
    shutil.copyfile(LOCK, INSTALLED)


def main() -> None:
    """Never fails for want of npm: what needs the tools says so itself, when it is left out."""
    if sys.argv[1:] != ["install"]:
        sys.exit("usage: python -m infra.local.tools.api_tools install")
    try:
        install()
    except CannotRunError as reason:
        say(f"The tests with tools from npm will be left out. {reason}")


if __name__ == "__main__":
    main()
