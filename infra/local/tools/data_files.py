"""Checks that data files can be read: `python -m infra.local.tools.data_files FILE …`, for YAML, TOML and JSON."""

import json
import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from infra.processes import say

READERS: dict[str, Callable[[str], Any]] = {
    ".json": json.loads,
    ".toml": tomllib.loads,
    ".yaml": lambda text: list(yaml.compose_all(text, Loader=yaml.SafeLoader)),  # a template has tags of its own
    ".yml": lambda text: list(yaml.compose_all(text, Loader=yaml.SafeLoader)),
}


def faults(paths: Sequence[Path]) -> list[str]:
    """Gives a line for each file that can't be read as its name promises."""
    found = []
    for path in paths:
        if read := READERS.get(path.suffix):
            try:
                read(path.read_text(encoding="utf-8"))
            except (ValueError, yaml.YAMLError) as error:
                found.append(f"{path}: {error}")
    return found


def main() -> None:
    found = faults([Path(name) for name in sys.argv[1:]])
    for fault in found:
        say(fault)
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
