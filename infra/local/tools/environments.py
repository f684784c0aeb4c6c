"""Tools from PyPI. Each kind has its own virtual environment, so that their packages do not mix with ours."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from infra.processes import ROOT, UnavailableError, say


@dataclass(frozen=True)
class ToolEnvironment:
    home: Path
    """The environment, in the root of the repository."""
    requirements: Path
    about: str
    """The tools, and what installing them costs, in words."""

    def install(self) -> None:
        """Installs the tools, unless these are installed. Raises UnavailableError with the remedy.

        The environment has a copy of the installed requirements. It is missing if an installation did not finish.
        """
        installed = self.home / "installed.txt"
        if installed.exists() and installed.read_bytes() == self.requirements.read_bytes():
            return
        say(f"Installing {self.about} …")
        pip = ["-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", str(self.requirements)]
        for command in ([sys.executable, "-m", "venv", "--clear", str(self.home)], [self.program("python"), *pip]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise UnavailableError(f"They could not be installed. Check the network. {done.stderr[-500:]}")
        installed.write_bytes(self.requirements.read_bytes())

    def program(self, name: str) -> str:
        """Gives the path of a program of the environment."""
        return str(self.home / "bin" / name)

    def run(self, program: str, *arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
        command = [self.program(program), *arguments]
        return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=600)
