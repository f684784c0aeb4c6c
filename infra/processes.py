"""Processes that we start on this machine: each with a log and a pid file, and ended when we end, however we end."""

import contextlib
import ctypes
import fcntl
import os
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

ROOT = Path(__file__).parent.parent
RUN_DIR = ROOT / ".run"
HOST = "127.0.0.1"
START_SECONDS = 60.0
STOP_SECONDS = 10.0


class CannotRunError(Exception):
    """Something can't be started here; the message is a sentence with the remedy, ready to be shown."""


def say(text: str) -> None:
    print(text, flush=True)


# Ports and addresses


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def free_port(preferred: int = 0) -> int:
    """`preferred` when nobody has it, else any free one."""
    if preferred and port_is_free(preferred):
        return preferred
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def answers(url: str) -> bool:
    """Whether anything speaks HTTP there, whatever it says."""
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
    process: "subprocess.Popen[bytes]"
    log: Path | None

    def stop(self) -> None:
        """Asks the whole process group to end, and insists after STOP_SECONDS."""
        _signal_group(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            _signal_group(self.process.pid, signal.SIGKILL)
            self.process.wait()


def spawn(
    name: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    run_dir: Path = RUN_DIR,
    logged: bool = True,
    outlives_us: bool = False,
) -> Child:
    """Starts `command` in a process group of its own, with `.run/<name>.pid` and `.run/<name>.log`.

    The child holds a lock on its pid file for as long as it lives, so a stale file is never mistaken for a process.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    log = run_dir / f"{name}.log" if logged else None
    with contextlib.ExitStack() as stack:
        pid_file = stack.enter_context((run_dir / f"{name}.pid").open("a+"))
        if not _lock(pid_file.fileno()):
            raise CannotRunError(f"{name} is already running here: `make stop` ends it.")
        output = stack.enter_context(log.open("wb")) if log else None
        process = subprocess.Popen(
            list(command),
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output else None,
            pass_fds=[pid_file.fileno()],
            process_group=0,
            preexec_fn=None if outlives_us else _die_with_parent(),
        )
        pid_file.truncate(0)
        pid_file.write(str(process.pid))
    return Child(process, log)


@contextlib.contextmanager
def child(
    name: str, command: Sequence[str], environment: Mapping[str, str], *, run_dir: Path = RUN_DIR, logged: bool = True
) -> Iterator[Child]:
    started = spawn(name, command, environment, run_dir=run_dir, logged=logged)
    try:
        yield started
    finally:
        started.stop()
        (run_dir / f"{name}.pid").unlink(missing_ok=True)


def wait_for_http(url: str, started: Child, what: str) -> None:
    wait_until(lambda: answers(url), started, what)


def wait_until(ready: Callable[[], bool], started: Child, what: str) -> None:
    """Polls until `ready`; raises CannotRunError with the end of the log when it ended or START_SECONDS passed."""
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        ended = started.process.poll() is not None
        if ended or time.monotonic() > deadline:
            why = f"ended with status {started.process.returncode}" if ended else f"was not ready in {START_SECONDS} s"
            raise CannotRunError(f"{what} {why}. {_tail(started.log)}")
        time.sleep(0.05)


def _tail(log: Path | None) -> str:
    if log is None or not log.exists():
        return "What it printed stands above."
    lines = log.read_text(errors="replace").splitlines()[-15:]
    return "\n".join([f"The end of {log}:", *(f"  {line}" for line in lines)])


def _die_with_parent() -> Callable[[], None] | None:
    """On Linux the kernel sends the child SIGTERM when we die, however we die; elsewhere only our clean-up does."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    parent_death_signal = 1
    return lambda: prctl(parent_death_signal, signal.SIGTERM)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _signal_group(pid: int, number: signal.Signals) -> None:
    """Or the process alone where it leads no group, as `make run` doesn't."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        (os.killpg if os.getpgid(pid) == pid else os.kill)(pid, number)


@contextlib.contextmanager
def claimed(name: str, run_dir: Path = RUN_DIR) -> Iterator[None]:
    """This process is `name`, for `stop_all` to find."""
    run_dir.mkdir(parents=True, exist_ok=True)
    path = run_dir / f"{name}.pid"
    with path.open("a+") as pid_file:
        if not _lock(pid_file.fileno()):
            raise CannotRunError(f"{name} is already running here: `make stop` ends it.")
        pid_file.truncate(0)
        pid_file.write(str(os.getpid()))
        pid_file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def stop_all(run_dir: Path = RUN_DIR) -> list[str]:
    """Ends what still runs according to the pid files, `make run` itself first; returns the names of what it ended."""
    files = sorted(run_dir.glob("*.pid"), key=lambda file: (not file.stem.startswith("run"), file.stem))
    return [file.stem for file in files if _stop_by_file(file)]


def _stop_by_file(path: Path) -> bool:
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
    deadline = time.monotonic() + 2 * STOP_SECONDS
    while not _lock(descriptor):
        if time.monotonic() > deadline:
            _signal_group(pid, signal.SIGKILL)
            return
        time.sleep(0.05)


def record_url(name: str, url: str, run_dir: Path) -> None:
    (run_dir / f"{name}.url").write_text(url)


def recorded_url(name: str, run_dir: Path) -> str | None:
    """Where a child of that name answers, if one is running."""
    try:
        with (run_dir / f"{name}.pid").open() as pid_file:
            return None if _lock(pid_file.fileno()) else (run_dir / f"{name}.url").read_text()
    except FileNotFoundError:
        return None
