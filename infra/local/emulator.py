"""The AWS emulator of this machine. It listens on loopback only, and ends with its parent.

An emulator that runs at AWS_ENDPOINT_URL is used. Otherwise EMULATOR chooses `ministack` (the default: embedded, no
Docker, data in memory) or `localstack` (Docker).

`python -m infra.local.emulator` has four commands, for the Makefile and this project's processes:

    install             makes the embedded emulator's virtual environment
    stop                ends all processes with a pid file in .run, and LocalStack with EMULATOR=localstack
    check-localstack    fails unless LocalStack answers at AWS_ENDPOINT_URL
    redis PORT          serves fakeredis, for machines without a redis-server
"""

import contextlib
import json
import os
import platform
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.command import as_command
from infra.local.emulator_packages import VENV, install_emulator
from infra.local.localstack import run_localstack, stop_localstack, wants_localstack
from infra.local.ports import AWS_PORT
from infra.local.redis_server import ask_redis_name
from infra.processes import (
    HOST,
    RUN_DIR,
    CannotRunError,
    Child,
    find_url,
    free_port,
    record_url,
    run_child,
    say,
    speaks_http,
    start_process,
    stop_all,
    wait_for_http,
)

HEALTH_PATH = "/_localstack/health"
STATE = "state"
"""The folder, below .run, for the data of an emulator that keeps its data."""

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
"""Credentials for an emulator, used unless these variables are set."""


@dataclass(frozen=True, slots=True)
class Emulator:
    """An AWS emulator that answers at `endpoint`."""

    endpoint: str
    kept: bool = False
    """True if we did not start the emulator, so that it may have data from before."""
    child: Child | None = None
    """The emulator's process, if we started it."""


# Running


@contextlib.contextmanager
def run_emulator(port: int = 0, *, run_dir: Path = RUN_DIR, keep: bool = False) -> Iterator[Emulator]:
    """Gives the emulator that runs already. Without one, runs one on `port` until the block is left.

    Port 0 stands for any free one. Raises CannotRunError when nothing answers at AWS_ENDPOINT_URL.
    """
    given = os.environ.get("AWS_ENDPOINT_URL")
    ours = find_url("emulator", run_dir)
    if given:
        yield Emulator(require_answering(given), kept=True)
    elif wants_localstack():
        with run_localstack() as endpoint:
            yield Emulator(endpoint)
    elif ours:
        yield Emulator(ours, kept=True)
    else:
        with run_ministack(port or free_port(), run_dir=run_dir, keep=keep) as emulator:
            yield emulator


@contextlib.contextmanager
def run_ministack(port: int, *, run_dir: Path = RUN_DIR, keep: bool = False) -> Iterator[Emulator]:
    """Runs an embedded emulator, without data. With `keep`, it reads its earlier data and saves it at the end.

    Raises CannotRunError where it can't be installed or does not start.
    """
    install_emulator()
    state = run_dir / STATE if keep else None
    if state:
        forget_stream_positions(state)
    command, environment = _ministack_command(port, state)
    with (
        functions_folder() as folder,
        run_child("emulator", command, {**environment, "TMPDIR": folder}, run_dir=run_dir) as started,
    ):
        yield Emulator(_wait_until_ready(started, port, run_dir), child=started)


@contextlib.contextmanager
def functions_folder() -> Iterator[str]:
    """Makes a folder for the emulator's temporary files, and deletes it at the end.

    The emulator unpacks each function into a folder of 100 MB, and leaves it there when it is ended.
    """
    with tempfile.TemporaryDirectory(prefix="cinema-emulator-", ignore_cleanup_errors=True) as folder:
        yield folder


def start_ministack() -> str:
    """Starts an embedded emulator that runs until `make stop`. Gives its URL."""
    install_emulator()
    port = free_port(AWS_PORT)
    started = start_process("emulator", *_ministack_command(port), outlives_us=True)
    return _wait_until_ready(started, port, RUN_DIR)


def _wait_until_ready(started: Child, port: int, run_dir: Path) -> str:
    """Waits until the emulator answers, records its URL and gives it."""
    endpoint = f"http://{HOST}:{port}"
    wait_for_http(endpoint + HEALTH_PATH, started, "The emulator")
    record_url("emulator", endpoint, run_dir)
    return endpoint


def _ministack_command(port: int, state: Path | None = None) -> tuple[list[str], dict[str, str]]:
    """Gives the command and its environment.

    The environment is small: the emulator's functions inherit it, and must not see our settings. Ended by
    SIGTERM, the emulator writes its data to `state`, if given. Killed, it does not.
    """
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    settings = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": HOST,
        "LOG_LEVEL": "INFO",
        "PYTHONUNBUFFERED": "1",
    }
    if state:
        files = {"STATE_DIR": str(state), "S3_DATA_DIR": str(state / "s3")}
        settings |= {"PERSIST_STATE": "1", "S3_PERSIST": "1", **files}
    return [str(VENV / "bin" / "python"), "-m", "ministack"], kept | settings


def forget_stream_positions(state: Path) -> None:
    """Deletes the functions' positions in the streams of tables from an emulator's data.

    The emulator does not keep the streams themselves. With its old position, a function would skip as many new records.
    """
    functions = state / "lambda.json"
    if not functions.exists():
        return
    kept = json.loads(functions.read_text())
    kept.get("payload", kept).pop("dynamodb_stream_positions", None)
    functions.write_text(json.dumps(kept))


# Asking


def require_answering(endpoint: str) -> str:
    """Gives `endpoint`, after checking it. Raises CannotRunError if nothing answers at it."""
    if not speaks_http(endpoint + HEALTH_PATH):
        raise CannotRunError(
            f"Nothing answers at AWS_ENDPOINT_URL={endpoint}: start what should, or unset the variable and an emulator "
            "is started for you."
        )
    return endpoint


def ask_emulator_name(endpoint: str) -> str:
    """Asks the emulator for its name and version: `ministack 1.5.33`, `LocalStack 4.9.2 (community)`."""
    for path, named in (
        ("/_ministack/health", "ministack {version}"),
        (HEALTH_PATH, "LocalStack {version} ({edition})"),
    ):
        try:
            with urllib.request.urlopen(endpoint.rstrip("/") + path, timeout=5) as answer:  # noqa: S310 - http
                health = json.load(answer)
            return named.format(version=health["version"], edition=health["edition"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return "an emulator that says no name"


def check_localstack(endpoint: str | None) -> str:
    """Gives LocalStack's name and address. Raises CannotRunError unless LocalStack answers there."""
    example = "AWS_ENDPOINT_URL=http://localhost:4567 make test-localstack"
    if not endpoint:
        raise CannotRunError(f"Say which LocalStack is to be tested on: {example}")
    name = ask_emulator_name(require_answering(endpoint))
    if not name.startswith("LocalStack"):
        raise CannotRunError(f"At {endpoint} answers {name}, which is no LocalStack. Name one: {example}")
    return f"{name} at {endpoint}"


def describe_machine(endpoint: str, redis_url: str = "") -> str:
    """Names Python, emulator, Redis and the number of processors in a line, to print beside measurements."""
    python = f"Python {platform.python_version()}"
    parts = [python, ask_emulator_name(endpoint), ask_redis_name(redis_url) if redis_url else "no Redis"]
    return f"On {', '.join(parts)}; {os.cpu_count()} processors."


def main(arguments: Sequence[str]) -> int:
    match list(arguments):
        case ["install"]:
            install_emulator()
        case ["stop"]:
            stopped = stop_all()
            if wants_localstack():
                stop_localstack()
            say(f"Stopped: {', '.join(stopped)}." if stopped else "Nothing was running.")
        case ["check-localstack"]:
            say(f"Testing on {check_localstack(os.environ.get('AWS_ENDPOINT_URL'))}")
        case ["redis", port]:
            from infra.local.fake_redis import serve_fake_redis  # its package is for development only

            serve_fake_redis(int(port))
        case _:
            say("usage: python -m infra.local.emulator install | stop | check-localstack | redis PORT")
            return 2
    return 0


if __name__ == "__main__":
    as_command(lambda: main(sys.argv[1:]), CannotRunError)
