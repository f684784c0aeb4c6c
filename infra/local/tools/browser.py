"""The browser for tests and pictures of the pages: Debian's Chromium without windows, or another one that is installed.

`python -m infra.local.tools.browser install` installs it with apt-get. If that fails it says so. The browser tests are
then left out with the same words. Where there is another Chromium already, they run in that one.
"""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from infra.processes import CannotRunError, say

if TYPE_CHECKING:
    from playwright.sync_api import Browser

WINDOWLESS = "chromium-headless-shell"
"""The name of Chromium's engine without windows, which opens a page in a third of the CPU time."""

NAMES = (WINDOWLESS, "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
REMEDY = f"install it with `apt-get install {WINDOWLESS}` (as root), or put another Chromium on the PATH"

QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")
"""The options that keep the browser from sending requests that no page makes."""


def path() -> str:
    """Gives the path of the browser's program. Raises CannotRunError with the remedy if there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        raise CannotRunError(f"No Chromium is installed: {REMEDY}.")
    return found


@contextlib.contextmanager
def run_browser() -> Iterator["Browser"]:
    """Runs a browser without a window. Raises CannotRunError with the remedy when none is installed."""
    from playwright.sync_api import sync_playwright

    program = path()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(QUIET))
        try:
            yield browser
        finally:
            browser.close()


def install() -> None:
    """Installs the headless browser if it is missing. Raises CannotRunError if afterwards there is no browser."""
    if shutil.which(WINDOWLESS):
        return
    try:
        path()
    except CannotRunError:
        _install_from_the_net()
    else:
        _add_windowless()


def _add_windowless() -> None:
    """Installs the headless browser beside another Chromium. Ignores a failure."""
    with contextlib.suppress(CannotRunError):
        if _succeeds("apt-cache", "show", WINDOWLESS):
            _apt_get("install", "-qq", "--no-install-recommends", WINDOWLESS)


def _install_from_the_net() -> None:
    say("Installing Chromium for the browser tests with apt-get (once, some minutes) …")
    _apt_get("update", "-qq")
    known = _succeeds("apt-cache", "show", WINDOWLESS)
    _apt_get("install", "-qq", "--no-install-recommends", WINDOWLESS if known else "chromium")


def _succeeds(*command: str) -> bool:
    """Runs the command. Tells whether it exists and succeeded."""
    return bool(shutil.which(command[0])) and subprocess.run(command, capture_output=True, check=False).returncode == 0


def _apt_get(*arguments: str) -> None:
    """Runs apt-get as root. Raises CannotRunError with the remedy."""
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if not shutil.which("apt-get") or (root and not shutil.which("sudo")):
        raise CannotRunError(f"No Chromium is installed, and it can't be from here: {REMEDY}.")
    command = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotRunError(f"`{' '.join(command)}` failed, {REMEDY}. It said:\n{done.stderr.strip()}")


def main() -> None:
    """Installs a browser. If that fails, prints a warning and exits with status 0."""
    if sys.argv[1:] != ["install"]:
        sys.exit("usage: python -m infra.local.tools.browser install")
    try:
        install()
    except CannotRunError as reason:
        say(f"The browser tests will be left out. {reason}")


if __name__ == "__main__":
    main()
