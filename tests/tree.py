"""The repository's files, as git knows them: what is committed, and what is new and not ignored."""

import subprocess
from functools import cache

from infra.processes import ROOT


@cache
def repository_files() -> frozenset[str]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return frozenset(name for name in listed.stdout.split("\0") if name and (ROOT / name).exists())


def repository_modules() -> list[str]:
    return sorted(name for name in repository_files() if name.endswith(".py"))
