"""The pages' JavaScript and CSS: their types and their form. `python -m infra.local.tools.pages check`, or `format`.

The types of the API's answers are made from docs/api/openapi.json into build/contract.d.ts: a page that reads a field
that no answer has is an error. Where there is no npm, nothing is checked, and that is said.
"""

import subprocess
import sys
from pathlib import Path

from infra.command import as_command
from infra.local.tools import api_tools
from infra.processes import ROOT, CannotRunError, say

DOCUMENT = ROOT / "docs" / "api" / "openapi.json"
CONTRACT = ROOT / "build" / "contract.d.ts"
PAGES = "chalicelib/web/**/*.{js,css}"


def check() -> int:
    """Gives 0 when the types fit and every file has its form, else 1; what is wrong is printed."""
    _make_contract()
    typed = _run("tsc", "--project", api_tools.FOLDER)
    formed = _run("prettier", "--check", "--log-level", "warn", PAGES)
    if formed:
        say("Some files of the pages are not formatted: run make format.")
    return int(bool(typed or formed))


def format_files() -> int:
    return _run("prettier", "--write", "--log-level", "warn", PAGES)


def _make_contract() -> None:
    """Makes the types of the API's answers anew when the document is newer."""
    if CONTRACT.exists() and CONTRACT.stat().st_mtime > DOCUMENT.stat().st_mtime:
        return
    CONTRACT.parent.mkdir(exist_ok=True)
    if _run("openapi-typescript", DOCUMENT, "--output", CONTRACT, quietly=True):
        raise CannotRunError("No types could be made from docs/api/openapi.json: see tests/api/test_tools.py.")


def _run(name: str, *arguments: str | Path, quietly: bool = False) -> int:
    command = [api_tools.program(name), *arguments]
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL if quietly else None, check=False).returncode


def main() -> int:
    """Never fails for want of npm."""
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
