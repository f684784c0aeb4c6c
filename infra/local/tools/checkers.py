"""Checkers from PyPI, in a virtual environment of their own, and what they may find."""

import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from infra.processes import ROOT, CannotRunError, say


@dataclass(frozen=True)
class Checkers:
    home: Path
    """Their environment, in the root of the repository."""
    requirements: Path
    may_stay: Path
    """The file of findings that may stay, with reasons."""
    about: str
    """What they check, and what installing them costs, in words."""

    def install(self) -> None:
        """Installs the checkers, unless these are installed. Raises CannotRunError with the remedy.

        The environment keeps a copy of the requirements. An unfinished installation has none.
        """
        installed = self.home / "installed.txt"
        if installed.exists() and installed.read_bytes() == self.requirements.read_bytes():
            return
        say(f"Installing the checkers of {self.about} …")
        pip = ["-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", str(self.requirements)]
        python = str(self.home / "bin" / "python")
        for command in ([sys.executable, "-m", "venv", "--clear", str(self.home)], [python, *pip]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise CannotRunError(f"The checkers could not be installed. Check the network. {done.stderr[-500:]}")
        installed.write_bytes(self.requirements.read_bytes())

    def run(self, program: str, *arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
        command = [str(self.home / "bin" / program), *arguments]
        return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=600)

    def what_may_stay(self) -> dict[str, dict[str, str]]:
        """Reads the reasons, by the file's sections."""
        found: dict[str, dict[str, str]] = tomllib.loads(self.may_stay.read_text())
        return found

    def no_longer_found(self, what: str) -> str:
        """Describes a reason that nothing needs any more."""
        return f"{what} is no longer found: delete it from {self.may_stay.name}"
