"""Starts processes on this machine, each with a log and a pid file. They end when this process ends, even if it is
killed."""

import contextlib
import ctypes
import fcntl
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parent.parent
RUN_DIR = ROOT / ".run"
HOST = "127.0.0.1"
SERVER_PORTS = range(20_000, 32_768)
"""The ports of our servers. They are below the ports that the system gives to outgoing connections, so none is taken by
one."""
START_SECONDS = 60.0
STOP_SECONDS = 10.0


class CannotRunError(Exception):
    """A program can't be started on this machine. The message is a sentence for people, with the remedy."""

    status = 1
    """The exit status of the command that raises it."""


class UnavailableError(CannotRunError):
    """Something can't be downloaded. CI then skips the step that needs it, and says so (.ci/run)."""

    status = 69  # EX_UNAVAILABLE of sysexits.h


def say(text: str) -> None:
    """Prints a line without buffering, also into a pipe."""
    print(text, flush=True)


# Ports and addresses


def is_port_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def free_port(preferred: int = 0) -> int:
    """Gives `preferred` when no program listens on it, else any free one of SERVER_PORTS. Raises CannotRunError."""
    candidates = [*([preferred] if preferred else []), *random.SystemRandom().sample(SERVER_PORTS, 100)]
    for port in candidates:
        if is_port_free(port):
            return port
    raise CannotRunError(f"No port of 100 from {SERVER_PORTS.start} on is free: end some of the programs that listen.")


def speaks_http(url: str) -> bool:
    """Tells whether a server at the URL speaks HTTP, with any status."""
    try:
        with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - the caller's own URL
            return True
    except urllib.error.HTTPError:
        return True
    except (OSError, ValueError):
        return False


# Child processes


@dataclass(frozen=True, slots=True)
class Child:
    """A process that we started, and its log if it has one."""

    process: "subprocess.Popen[bytes]"
    log: Path | None

    def stop(self) -> None:
        """Asks the whole process group to end. Kills it after STOP_SECONDS."""
        _signal_group(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            _signal_group(self.process.pid, signal.SIGKILL)
            self.process.wait()


@dataclass(frozen=True, slots=True)
class Service:
    """A server at `url`, and its process if we started it."""

    url: str
    child: Child | None = None


def start_process(
    name: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    run_dir: Path = RUN_DIR,
    logged: bool = True,
    outlives_us: bool = False,
) -> Child:
    """Starts `command` in a process group of its own, with `<name>.pid` and, if `logged`, `<name>.log` in `run_dir`.

    The child holds a lock on its pid file for as long as it lives, so a stale file is never mistaken for a process.
    Raises CannotRunError when a process of that name runs already.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    log = run_dir / f"{name}.log" if logged else None
    with contextlib.ExitStack() as stack:
        pid_file = stack.enter_context((run_dir / f"{name}.pid").open("a+"))
        _lock_pid_file(pid_file, name)
        output = stack.enter_context(log.open("wb")) if log else None
        process = _open_process(command, environment, output, pid_file.fileno(), outlives_us=outlives_us)
        pid_file.truncate(0)
        pid_file.write(str(process.pid))
    return Child(process, log)


def _lock_pid_file(pid_file: IO[str], name: str) -> None:
    if not _lock(pid_file.fileno()):
        raise CannotRunError(f"{name} is already running here: `make stop` ends it.")


def _open_process(
    command: Sequence[str],
    environment: Mapping[str, str],
    output: IO[bytes] | None,
    kept_open: int,
    *,
    outlives_us: bool,
) -> "subprocess.Popen[bytes]":
    """Starts the command in the project's folder. It inherits the descriptor `kept_open`, with the lock on it."""
    return subprocess.Popen(
        list(command),
        cwd=ROOT,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output else None,
        pass_fds=[kept_open],
        process_group=0,
        preexec_fn=None if outlives_us else _die_with_parent(),
    )


@contextlib.contextmanager
def run_child(
    name: str, command: Sequence[str], environment: Mapping[str, str], *, run_dir: Path = RUN_DIR, logged: bool = True
) -> Iterator[Child]:
    """Starts `command` as `start_process` does, and stops it when the block is left."""
    started = start_process(name, command, environment, run_dir=run_dir, logged=logged)
    try:
        yield started
    finally:
        started.stop()
        (run_dir / f"{name}.pid").unlink(missing_ok=True)


def wait_for_http(url: str, started: Child, server: str) -> None:
    """Waits until a server answers at `url`. Raises CannotRunError, which names the `server`."""
    wait_until(lambda: speaks_http(url), started, server)


def wait_until(ready: Callable[[], bool], started: Child, name: str) -> None:
    """Polls until `ready`. Raises CannotRunError when the child ends, or after START_SECONDS."""
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        ended = started.process.poll() is not None
        if ended or time.monotonic() > deadline:
            why = f"ended with status {started.process.returncode}" if ended else f"was not ready in {START_SECONDS} s"
            raise CannotRunError(f"{name} {why}. {_last_lines(started.log)}")
        time.sleep(0.05)


def _last_lines(log: Path | None) -> str:
    if log is None or not log.exists():
        return "What it printed stands above."
    lines = log.read_text(errors="replace").splitlines()[-15:]
    return "\n".join([f"The end of {log}:", *(f"  {line}" for line in lines)])


def _die_with_parent() -> Callable[[], None] | None:
    """Gives a function that makes Linux send the child SIGTERM when we die; None on other systems."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    parent_death_signal = 1
    return lambda: prctl(parent_death_signal, signal.SIGTERM)


def _lock(descriptor: int) -> bool:
    """Locks the file for this process. Gives False when another process has the lock."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _signal_group(pid: int, signal_number: signal.Signals) -> None:
    """Signals the process and its group. A process that leads no group, such as `make run`, is signalled alone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        (os.killpg if os.getpgid(pid) == pid else os.kill)(pid, signal_number)


@contextlib.contextmanager
def claim_name(name: str, run_dir: Path = RUN_DIR) -> Iterator[None]:
    """Writes our own pid to `<name>.pid` until the block is left, so that `stop_all` ends us, too.

    Raises CannotRunError when a process of that name runs already.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    path = run_dir / f"{name}.pid"
    with path.open("a+") as pid_file:
        _lock_pid_file(pid_file, name)
        pid_file.truncate(0)
        pid_file.write(str(os.getpid()))
        pid_file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def stop_all(run_dir: Path = RUN_DIR) -> list[str]:
    """Ends the processes of all pid files, `make run` first. Gives the names of the processes that were running."""
    files = sorted(run_dir.glob("*.pid"), key=lambda file: (not file.stem.startswith("run"), file.stem))
    return [file.stem for file in files if _stop_by_file(file)]


def _stop_by_file(path: Path) -> bool:
    """Ends the process of a pid file and deletes the file. Tells whether the process ran."""
    try:
        pid_file = path.open("r+")
    except FileNotFoundError:  # its parent ended it meanwhile
        return False
    with pid_file:
        running = not _lock(pid_file.fileno())
        if running:
            pid = int(pid_file.read())
            _signal_group(pid, signal.SIGTERM)
            _await_lock(pid_file.fileno(), pid)
        path.unlink(missing_ok=True)
    return running


def _await_lock(descriptor: int, pid: int) -> None:
    """Waits until the process has ended, and kills it after 2 × STOP_SECONDS."""
    deadline = time.monotonic() + 2 * STOP_SECONDS
    while not _lock(descriptor):
        if time.monotonic() > deadline:
            _signal_group(pid, signal.SIGKILL)
            return
        time.sleep(0.05)


def record_url(name: str, url: str, run_dir: Path) -> None:
    """Writes the URL of the child of that name to a file, for `find_url`."""
    (run_dir / f"{name}.url").write_text(url)


def find_url(name: str, run_dir: Path) -> str | None:
    """Gives the URL at which the child of that name answers. None if no such child runs."""
    try:
        with (run_dir / f"{name}.pid").open() as pid_file:
            return None if _lock(pid_file.fileno()) else (run_dir / f"{name}.url").read_text()
    except FileNotFoundError:
        return None
