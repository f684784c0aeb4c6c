"""Measures the CPU of cold starts: packaged code in a new process, up to the end of its first request.

The baseline is boto3 as pip installs it, with bytecode, and one client of DynamoDB. A function's first request meets
canned answers of DynamoDB. A consumer's is an empty batch: its handler builds all that it needs for any.
"""

import contextlib
import os
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.client.measure import run_canned
from benchmarks.frame.pairs import FEWEST_ROUNDS, ratio
from benchmarks.frame.plots import Bars
from benchmarks.frame.run import Run
from infra.cloud.package import package
from infra.local.emulator import CREDENTIALS
from infra.processes import CannotRunError

ROUNDS = 15
BOTO3 = "boto3 with a client"
BASELINE = "import boto3; boto3.client('dynamodb')"
MEASURED = "import sys, time\n{code}\nprint(time.process_time(), len(sys.modules))"

REQUEST = """
import app
event = {{
    "httpMethod": "GET", "path": "/api/reservations/{id}", "resource": "/api/reservations/{{reservation_id}}",
    "headers": {{}}, "multiValueHeaders": {{}}, "queryStringParameters": None,
    "multiValueQueryStringParameters": None, "pathParameters": {{"reservation_id": "{id}"}},
    "stageVariables": None, "body": None, "isBase64Encoded": False,
    "requestContext": {{
        "httpMethod": "GET", "resourcePath": "/api/reservations/{{reservation_id}}",
        "identity": {{"sourceIp": "192.0.2.1"}}, "path": "/api/reservations/{id}",
    }},
}}
assert app.app(event, None)["statusCode"] == 404
""".format(id="res-" + 33 * "a")
"""Somebody asks for a reservation that DynamoDB does not find."""

AS_HANDLER = 'import os\nos.environ["_HANDLER"] = "app.{handler}"\n'
"""How Lambda tells a function which handler it will call."""
BATCH = AS_HANDLER + 'import app\napp.{handler}({{"Records": []}}, None)'
CONSUMERS = {
    "audit": "on_event_to_audit",
    "analytics": "on_event_to_analytics",
    "email": "on_event_to_email",
    "invoices": "on_sale_to_invoice",
    "tickets": "on_sale_to_tickets",
    "notification": "on_event_to_notification",
    "cache": "on_event_to_cache",
    "relay of rows": "on_row_changed",
}


class Start(NamedTuple):
    seconds: float
    modules: int


def measure(run: Run) -> None:
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(run_canned(run))
        unpacked = unpack(run)
        environment = {**CREDENTIALS, "AWS_ENDPOINT_URL": url, "STAGE": "test", "PYTHONDONTWRITEBYTECODE": "1"}
        programs = {BOTO3: BASELINE, "init": "import app", "API": REQUEST}
        programs |= {name: BATCH.format(handler=handler) for name, handler in CONSUMERS.items()}
        starts = start_in_turn(run, programs, environment, unpacked)
    record(run, starts)


def unpack(run: Run) -> Path:
    """Packages the functions, and gives the folder with what is in the archive. Records its size."""
    archive = package("local", run.scratch / "package").archive
    unpacked = run.scratch / "unpacked"
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(unpacked)
        size = sum(each.file_size for each in packed.infolist())
    run.record("package", archive.stat().st_size / 1e6, note=f"{size / 1e6:.0f} MB unpacked")
    return unpacked


def start_in_turn(
    run: Run, programs: Mapping[str, str], environment: Mapping[str, str], unpacked: Path
) -> dict[str, list[Start]]:
    starts: dict[str, list[Start]] = {name: [] for name in programs}
    for turn in range(ROUNDS + 1):
        for name, program in programs.items():
            folder = Path(sysconfig.get_path("purelib")) if name == BOTO3 else unpacked
            started = start(program, environment, folder)
            if turn:  # the first one reads the files into the machine's memory
                starts[name].append(started)
        if FEWEST_ROUNDS <= turn < ROUNDS and run.seconds_left() <= 0:
            run.leave_out(f"{ROUNDS - turn} of {ROUNDS} rounds: no time")
            break
    return starts


def start(program: str, environment: Mapping[str, str], folder: Path) -> Start:
    """Runs the program in a new process with the packages of a folder. Raises CannotRunError when it fails."""
    ran = subprocess.run(
        [sys.executable, "-S", "-c", MEASURED.format(code=program)],
        cwd=folder,
        env={**os.environ, **environment, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise CannotRunError(f"A cold start failed:\n{ran.stderr}")
    seconds, modules = ran.stdout.split()[-2:]
    return Start(float(seconds), int(modules))


def record(run: Run, starts: Mapping[str, list[Start]]) -> None:
    seconds = {name: [each.seconds for each in measured] for name, measured in starts.items()}
    shares = {name: ratio(measured, seconds[BOTO3]) for name, measured in seconds.items()}
    for name, share in shares.items():
        if name != BOTO3:
            run.record(name, share, note=f"{starts[name][0].modules} modules", samples={"seconds": seconds[name]})
    run.keep("modules of boto3", starts[BOTO3][0].modules)
    run.plot("starts", Bars("CPU of a cold start, × boto3 with a client", {n: s.value for n, s in shares.items()}))
