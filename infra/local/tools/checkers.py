"""Checkers from PyPI, in a virtual environment of their own, and the findings that are allowed."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from .environments import ToolEnvironment


@dataclass(frozen=True)
class Checkers(ToolEnvironment):
    may_stay: Path
    """The file of the allowed findings, with reasons."""

    def what_may_stay(self) -> dict[str, dict[str, str]]:
        """Reads the allowed findings with their reasons, by the file's sections."""
        found: dict[str, dict[str, str]] = tomllib.loads(self.may_stay.read_text())
        return found

    def no_longer_found(self, reason: str) -> str:
        """Describes an allowed finding that the checker no longer reports."""
        return f"{reason} is no longer found: delete it from {self.may_stay.name}"
