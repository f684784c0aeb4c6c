"""The processes of a run, which are killed, stopped and started again on the ports that they have."""

import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra import processes
from infra.processes import Child


@dataclass
class Process:
    """A process of a run.

    Call its methods from the main thread: the kernel ends a child with the thread that made it.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    run_dir: Path
    child: Child | None = None
    is_stopped: bool = False
    starts: int = 0

    @property
    def pid(self) -> int | None:
        return self.child.process.pid if self.child and self.child.process.poll() is None else None

    @property
    def has_ended(self) -> bool:
        """Tells whether it has ended by itself."""
        return self.child is not None and self.child.process.poll() is not None

    def start(self) -> None:
        self.starts += 1
        name = f"{self.name}-{self.starts}"  # each life has a log of its own
        self.child = processes.start_process(name, self.command, self.environment, run_dir=self.run_dir)

    def kill(self) -> None:
        """Kills it at once, as a machine that fails."""
        if self.child:
            self.child.process.kill()
            self.child.process.wait()
        self.child, self.is_stopped = None, False

    def stop(self) -> None:
        """Stops it where it is, as a machine that hangs."""
        if pid := self.pid:
            os.kill(pid, signal.SIGSTOP)
            self.is_stopped = True

    def go_on(self) -> None:
        if (pid := self.pid) and self.is_stopped:
            os.kill(pid, signal.SIGCONT)
        self.is_stopped = False

    def end(self) -> None:
        self.go_on()
        if self.child:
            self.child.stop()


def api_instance(number: int, port: int, environment: Mapping[str, str], run_dir: Path, without: str = "") -> Process:
    """Makes an instance of the API. `without`: a guard to leave out (infra/races/unguarded.py)."""
    module = ("infra.races.unguarded", "--without", without) if without else ("infra.local.server",)
    return Process(f"api-{number}", (sys.executable, "-m", *module, "--port", str(port)), environment, run_dir)


def relay(number: int, environment: Mapping[str, str], run_dir: Path) -> Process:
    """Makes a process that feeds every stream, queue and schedule to the handlers of app.py."""
    places = str(run_dir / f"relay-{number}.places")
    return Process(f"relay-{number}", (sys.executable, "-m", "tests.histories.relay", places), environment, run_dir)
