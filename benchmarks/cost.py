"""Measures the cost of importing and serving, as ratios within one run: `python -m benchmarks.cost`. Asserts nothing.

The numbers are one process's on one emulator on this machine: compare them with each other, not with AWS.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from http.client import HTTPException
from itertools import count
from pathlib import Path
from typing import NoReturn

from websockets.sync.client import ClientConnection, connect

from chalicelib.settings import MAX_HOLD_SECONDS
from infra.cloud import deploy
from infra.cloud.dependencies import PackagingError
from infra.cloud.deploying.stacks import DeploymentError
from infra.cloud.package import package
from infra.command import as_command
from infra.local import emulator as machine
from infra.processes import CannotRunError
from infra.races import crowd, instances

STAGE = "bench"
ROUNDS = 12
REQUESTS = 300
LIVE_HOLDS = 60
LIVE_PATIENCE_SECONDS = 60
LASTING = {"HOLD_SECONDS": str(MAX_HOLD_SECONDS), "RATE_LIMITS": "off"}
"""Settings with which no hold lapses during a measurement, even on a slow machine."""

BASELINE = "import boto3; boto3.client('dynamodb')"
TIMED = "import time; started = time.perf_counter()\n{statement}\nprint(time.perf_counter() - started)"


def main() -> int:
    started = time.monotonic()
    measure_imports()
    with tempfile.TemporaryDirectory() as scratch, machine.run_emulator(run_dir=Path(scratch)) as emulator:
        settings = {"STAGE": "test", "TABLE_PREFIX": f"cinema-{STAGE}", "AWS_ENDPOINT_URL": emulator.endpoint}
        os.environ |= {**machine.CREDENTIALS, **settings, **LASTING, "REDIS_URL": ""}
        print(f"\n{machine.describe_machine(emulator.endpoint)}")
        deploy.deploy_data(STAGE)
        with instances.run_instances(1, os.environ, run_dir=Path(scratch)) as urls, crowd.Crowd(urls, 1) as client:
            measure_serving(client)
        measure_live_updates(Path(scratch))
    print(f"\nIn {time.monotonic() - started:.0f} s.")
    return 0


def as_benchmark(main: Callable[[], int]) -> NoReturn:
    """Ends this process with the status of `main`, or with a sentence when the measurement failed."""
    as_command(lambda: run_measurement(main), CannotRunError, DeploymentError, PackagingError)


def run_measurement(main: Callable[[], int]) -> int:
    """Gives the status of `main`. Raises CannotRunError for a missing or unexpected answer."""
    try:
        return main()
    except (TimeoutError, HTTPException, crowd.UnexpectedAnswer) as error:
        reason = str(error) or "an answer stayed away"
        raise CannotRunError(f"Not measured: {reason}. Run it again when this machine has less to do.") from error


def measure_imports() -> None:
    """Prints the time to import `app`, as a multiple of boto3's with one DynamoDB client. The budget is 1.3."""
    print(f"Importing `app`, × `import boto3` plus one DynamoDB client (best and median of {ROUNDS}, budget 1.30)")
    print_ratio("from this virtual environment", [sys.executable], Path.cwd())
    with tempfile.TemporaryDirectory() as scratch:
        archive = package("local", Path(scratch) / "out").archive
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(Path(scratch) / "unpacked")
        print_ratio("from the Lambda package", [sys.executable, "-S"], Path(scratch) / "unpacked")


def print_ratio(where: str, python: Sequence[str], directory: Path) -> None:
    """Prints the ratio for the best and the median of ROUNDS imports, each in a process of its own."""
    times = {statement: list[float]() for statement in (BASELINE, "import app")}
    for _ in range(ROUNDS):
        for statement, measured in times.items():
            measured.append(import_seconds(statement, python, directory))
    base, app = times[BASELINE], times["import app"]
    best, median = min(app) / min(base), statistics.median(app) / statistics.median(base)
    print(f"  {where:32} {best:5.2f} {median:5.2f}   ({min(app) * 1000:.0f} and {min(base) * 1000:.0f} ms)")


def import_seconds(statement: str, python: Sequence[str], directory: Path) -> float:
    """Runs the statement in a new process and gives the seconds that it took."""
    environment = {**os.environ, **machine.CREDENTIALS, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(directory)}
    command = [*python, "-c", TIMED.format(statement=statement)]
    ran = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=True)
    return float(ran.stdout)


def measure_serving(client: crowd.Crowd) -> None:
    """Prints the time of each request, as a multiple of `GET /health`."""
    print(f"\nServing, one connection, {REQUESTS} requests each, × GET /health")
    session = client.create_session(total_seats=2000)
    free = (f"{row}{number}" for row in seat_row_names() for number in range(1, 11))
    users = (user for _ in count() for user in crowd.new_buyers(100))
    health = measure_milliseconds(client, lambda: crowd.Call("GET", "/health"))
    print(f"  {'GET /health':32} {1:6.1f}   ({health:.2f} ms)")
    paths: dict[str, tuple[int, Callable[[], crowd.Call]]] = {
        "hold": (201, lambda: crowd.hold_call(session, next(users), [next(free)])),
        "hold with an idempotency key": (
            201,
            lambda: crowd.hold_call(session, next(users), [seat := next(free)], key=seat),
        ),
        "refused hold": (409, lambda: crowd.hold_call(session, next(users), ["A1"])),
        "seat map of 200 rows": (200, lambda: crowd.seat_map_call(session)),
    }
    for path, (status, call) in paths.items():
        taken = measure_milliseconds(client, call, status)
        print(f"  {path:32} {taken / health:6.1f}   ({taken:.2f} ms)")


def measure_live_updates(run_dir: Path) -> None:
    """Prints the time from a hold's answer to the message on another viewer's WebSocket.

    The message passes the stream, a function and API Gateway.
    """
    os.environ |= {"STAGE": "local", "TABLE_PREFIX": "cinema-local"}
    deploy.deploy_data("local")
    live_url = deploy.deploy_app("local").live_url
    with (
        instances.run_instances(1, os.environ, run_dir=run_dir) as urls,
        crowd.Crowd(urls, 1) as client,
        connect(live_url, proxy=None) as socket,
    ):
        session = client.create_session(total_seats=2000)
        socket.send(json.dumps({"action": "subscribe", "sessionId": session}))
        socket.recv(timeout=LIVE_PATIENCE_SECONDS)
        wishes = zip(crowd.new_buyers(LIVE_HOLDS), first_seat_row_names(), strict=True)
        health = measure_milliseconds(client, lambda: crowd.Call("GET", "/health"))
        taken = sorted(
            _measure_shown_after(client, socket, crowd.hold_call(session, user, [f"{row}1"])) for user, row in wishes
        )
    median, slow = taken[len(taken) // 2], taken[len(taken) * 95 // 100]
    print(f"\nLive, {len(taken)} holds: from a hold's answer to another viewer's screen, × GET /health")
    in_ratios = f"{median / health:6.1f} {slow / health:6.1f}"
    print(f"  {'median and 95th percentile':32} {in_ratios}   ({median:.0f} and {slow:.0f} ms)")


def _measure_shown_after(client: crowd.Crowd, socket: ClientConnection, hold: crowd.Call) -> float:
    """Makes a hold and gives the milliseconds until the viewer's message."""
    client.expect(hold)
    answered = time.perf_counter()
    socket.recv(timeout=LIVE_PATIENCE_SECONDS)
    return (time.perf_counter() - answered) * 1000


def first_seat_row_names() -> list[str]:
    """Gives a row's name for each of LIVE_HOLDS holds."""
    return list(seat_row_names())[:LIVE_HOLDS]


def measure_milliseconds(client: crowd.Crowd, call: Callable[[], crowd.Call], status: int = 200) -> float:
    """Gives the call's median time, after a warm-up of a tenth. Raises UnexpectedAnswer for another status."""
    answers = [client.ask_at_once([call()])[0] for _ in range(REQUESTS + REQUESTS // 10)]
    if other := next((answer for answer in answers if answer.status != status), None):
        raise crowd.UnexpectedAnswer(f"every answer should have been {status}, and one was {other}")
    return statistics.median(answer.milliseconds for answer in answers[REQUESTS // 10 :])


def seat_row_names() -> Iterator[str]:
    """Gives the names of the 200 rows of the largest hall."""
    from chalicelib.domain.sessions import row_letters

    return (row_letters(index) for index in range(200))


if __name__ == "__main__":
    as_benchmark(main)
