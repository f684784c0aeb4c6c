"""Checks types and format of the pages' JavaScript and CSS: `python -m infra.local.tools.pages check`, or `format`.

The types of the API's answers are made from docs/api/openapi.json into build/contract.d.ts. So the check
finds a page that reads a field that no answer has. Without npm nothing is checked, with a warning.
"""

import subprocess
import sys
from pathlib import Path

from infra.command import as_command
from infra.local.tools import api_tools
from infra.processes import ROOT, CannotRunError, say

DOCUMENT = ROOT / "docs" / "api" / "openapi.json"
CONTRACT = ROOT / "build" / "contract.d.ts"
PAGES = ("chalicelib/web/**/*.{js,css}", "!chalicelib/web/{qr,ed25519}/**")
"""All modules and stylesheets, except those of libraries, which we do not change."""


def check() -> int:
    """Prints wrong types and files out of format. Gives 0 when there are none, else 1."""
    _make_contract()
    typed = _run("tsc", "--project", api_tools.FOLDER)
    formed = _run("prettier", "--check", "--log-level", "warn", *PAGES)
    if formed:
        say("Some files of the pages are not formatted: run make format.")
    return int(bool(typed or formed))


def format_files() -> int:
    return _run("prettier", "--write", "--log-level", "warn", *PAGES)


def _make_contract() -> None:
    """Makes the types of the API's answers, unless they are newer than the document."""
    if CONTRACT.exists() and CONTRACT.stat().st_mtime > DOCUMENT.stat().st_mtime:
        return
    CONTRACT.parent.mkdir(exist_ok=True)
    if _run("openapi-typescript", DOCUMENT, "--output", CONTRACT, quietly=True):
        raise CannotRunError("No types could be made from docs/api/openapi.json: see tests/api/test_tools.py.")


def _run(name: str, *arguments: str | Path, quietly: bool = False) -> int:
    command = [api_tools.program(name), *arguments]
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL if quietly else None, check=False).returncode


def main() -> int:
    """Checks or formats the pages. Without npm, prints a warning and exits with status 0."""
    if sys.argv[1:] not in (["check"], ["format"]):
        sys.exit("usage: python -m infra.local.tools.pages check|format")
    try:
        api_tools.install()
    except CannotRunError as reason:
        say(f"The pages' JavaScript was left out. {reason}")
        return 0
    return check() if sys.argv[1:] == ["check"] else format_files()


if __name__ == "__main__":
    as_command(main, CannotRunError)
