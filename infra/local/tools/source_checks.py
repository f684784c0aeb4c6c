"""Looks for secrets in our files, and for known faults of the packages that ship.

`python -m infra.local.tools.source_checks secrets` has detect-secrets read every file that git knows. What it finds and
may stay is in infra/local/tools/source_checks.toml, with reasons. `… packages` has pip-audit ask an index on the
network about requirements.lock, and says so where there is none. Both are installed into .venv-checks.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from infra.command import as_command
from infra.processes import ROOT, CannotRunError, UnavailableError, say

from .checkers import Checkers

CHECKERS = Checkers(
    home=ROOT / ".venv-checks",
    requirements=ROOT / "requirements-checks.txt",
    may_stay=Path(__file__).with_suffix(".toml"),
    about="the checkers of files and packages into .venv-checks (once, 65 MB)",
)
NOT_READ = ("requirements.lock", "requirements-traces.lock", "tests/tools/package-lock.json")
"""Files that tools make, and that are not read because their hashes look like secrets."""
LOCKS = ("requirements.lock", "requirements-traces.lock")

Found = Mapping[str, Mapping[str, int]]
"""How often each kind of secret is found in each file."""


# Secrets


def find_secrets() -> Found:
    """Reads every file that git knows. Raises CannotRunError without git."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        raise CannotRunError(f"The files to read are those that git knows: {listed.stderr.strip()}")
    files = [name for name in listed.stdout.splitlines() if name not in NOT_READ]
    done = CHECKERS.run("detect-secrets", "scan", *files)
    if done.returncode:
        raise CannotRunError(f"detect-secrets failed: {done.stderr[-500:]}")
    return counted(json.loads(done.stdout)["results"])


def counted(results: Mapping[str, list[dict[str, str]]]) -> Found:
    """Counts the findings of each kind in each file. Line numbers change too often to be named, and values are
    secret."""
    found: dict[str, dict[str, int]] = {}
    for file, findings in results.items():
        for one in findings:
            kinds = found.setdefault(file, {})
            kinds[one["type"]] = kinds.get(one["type"], 0) + 1
    return found


def faults(found: Found, stays: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Describes the findings that are not allowed, and the allowances without a finding."""
    new = [
        f"{file}: {count} × {kind}, and {_count_allowed(stays, file, kind)} may stay: see {CHECKERS.may_stay.name}"
        for file, kinds in found.items()
        for kind, count in kinds.items()
        if count != _count_allowed(stays, file, kind)
    ]
    gone = [(file, kind) for file, kinds in stays.items() for kind in kinds if kind not in found.get(file, {})]
    return new + [CHECKERS.no_longer_found(f"{file}: {kind}") for file, kind in gone]


def _count_allowed(stays: Mapping[str, Mapping[str, str]], file: str, kind: str) -> int:
    return int(stays.get(file, {}).get(kind, "0").partition(":")[0])


def check_secrets() -> int:
    """Gives 0 when everything found may stay, else 1."""
    found = find_secrets()
    wrong = faults(found, CHECKERS.what_may_stay())
    for line in wrong:
        print(line)
    say(f"detect-secrets: {sum(sum(kinds.values()) for kinds in found.values())} findings in {len(found)} files.")
    return int(bool(wrong))


# Packages


def check_packages() -> int:
    """Gives 0 when no package that ships has a known fault, else 1. Raises UnavailableError without
    an answer about the packages."""
    arguments = [part for lock in LOCKS for part in ("-r", lock)]
    done = CHECKERS.run("pip-audit", *arguments, "--disable-pip", "--require-hashes", "--format", "json")
    asked = unknown_packages(done.stdout)
    if asked is None or asked:
        many = f"{len(asked)} of the packages" if asked else "the packages"
        raise UnavailableError(f"Nobody could be asked about {many}: this needs the network, and PyPI's own index.")
    print(done.stdout)
    return int(done.returncode != 0)


def unknown_packages(report: str) -> list[str] | None:
    """Lists the packages in pip-audit's report that the index does not know. None if the text is no report."""
    try:
        packages = json.loads(report)["dependencies"]
    except ValueError:
        return None
    return [one["name"] for one in packages if "skip_reason" in one]


CHECKS = {"secrets": check_secrets, "packages": check_packages}


def main() -> int:
    """Runs the check that the argument names."""
    if len(sys.argv) != 2 or sys.argv[1] not in CHECKS:
        raise CannotRunError(f"usage: python -m infra.local.tools.source_checks {'|'.join(CHECKS)}")
    CHECKERS.install()
    return CHECKS[sys.argv[1]]()


if __name__ == "__main__":
    as_command(main, CannotRunError)
