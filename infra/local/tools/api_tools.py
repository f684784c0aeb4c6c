"""Tools from npm: linters and client generators that read our OpenAPI document, and checks of the pages.

`python -m infra.local.tools.api_tools install` puts them into tests/tools/node_modules. Without npm it says so, and the
tests that need them are left out with the same words.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from infra.processes import ROOT, CannotRunError, say

FOLDER = ROOT / "tests" / "tools"
LOCK = FOLDER / "package-lock.json"
INSTALLED = FOLDER / "node_modules" / "installed.json"
"""A copy of the lock file from which the tools were installed. It is missing if an installation did not finish."""


def program(name: str) -> Path:
    """Gives the path of a tool. Raises CannotRunError with the remedy when the tools can't be installed."""
    install()
    return FOLDER / "node_modules" / ".bin" / name


def install() -> None:
    """Installs the tools, unless those of the current lock file are installed. Raises CannotRunError with the
    remedy."""
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
    """Installs the tools. Without npm, prints a warning and exits with status 0."""
    if sys.argv[1:] != ["install"]:
        sys.exit("usage: python -m infra.local.tools.api_tools install")
    try:
        install()
    except CannotRunError as reason:
        say(f"The tests with tools from npm will be left out. {reason}")


if __name__ == "__main__":
    main()
