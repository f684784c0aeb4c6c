"""Checks everything that bookings on this machine need. Each finding has its remedy, in one sentence."""

import fcntl
import json
import os
import re
import shutil
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.cloud.data_template import resources
from infra.cloud.dependencies import LAMBDA_PYTHONS
from infra.cloud.deploying.stacks import app_stack, data_stack
from infra.local import emulator, emulator_packages, ports, redis_server, run
from infra.ops.connection import Connection, OpsError
from infra.ops.queues import read_queues
from infra.ops.status import read_tables
from infra.ops.stream_failures import count_failure_files
from infra.ops.text import Answer, counted
from infra.processes import HOST, ROOT, RUN_DIR, find_url, is_port_free, speaks_http

VENV = ROOT / ".venv"
API_PORT = 8000
READY_TIMEOUT_SECONDS = 10
PIN = re.compile(r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?(?:==(?P<version>[^\s;]+))?")
STACK_IS_UP = re.compile(r"^(CREATE|UPDATE|UPDATE_ROLLBACK)_COMPLETE$")
ENABLED = ("Enabled", "Enabling", "Creating", "Updating")


class State(StrEnum):
    """The state of a checked thing."""

    OK = "ok"
    REMARK = "remark"
    """A finding worth knowing. Bookings work all the same."""
    WRONG = "WRONG"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    what: str
    state: State
    found: str
    remedy: str = ""


Check = Callable[[Connection], Iterable[Finding]]


def diagnose(connection: Connection) -> Answer:
    """Makes all checks. Exit status 1 when something that bookings need is missing."""
    findings = [finding for check in CHECKS for finding in _run_check(check, connection)]
    wrong = sum(finding.state is State.WRONG for finding in findings)
    verdict = f"{counted(wrong, 'thing')} to repair." if wrong else "All that bookings need is there."
    data = {"stage": connection.stage, "healthy": not wrong, "findings": [asdict(finding) for finding in findings]}
    return Answer(data, "\n".join([*map(_as_text, findings), "", verdict]), status=1 if wrong else 0)


def _run_check(check: Check, connection: Connection) -> list[Finding]:
    """Makes a check. An error in the check itself becomes a finding."""
    try:
        return list(check(connection))
    except (BotoCoreError, ClientError, OpsError) as error:
        what = check.__name__.removeprefix("_check_").replace("_", " ")
        return [Finding(what, State.WRONG, str(error), f"Deploy the stage again with `{connection.deploy_command}`.")]


def _as_text(finding: Finding) -> str:
    line = f"{finding.state:<8}{finding.what}: {finding.found}"
    return f"{line}\n{'':8}→ {finding.remedy}" if finding.remedy else line


# This machine


def _check_python(_: Connection) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] in LAMBDA_PYTHONS:
        yield Finding("Python", State.OK, version)
    else:
        known = ", ".join(f"{major}.{minor}" for major, minor in LAMBDA_PYTHONS)
        remedy = f"Install one of {known} and run `make PYTHON=/path/to/python run`: Lambda has these, too."
        yield Finding("Python", State.WRONG, version, remedy)


def _check_packages(_: Connection) -> Iterator[Finding]:
    if VENV.exists():
        yield _check_environment(
            ".venv", VENV, ROOT / "requirements-dev.txt", State.WRONG, "Run `make lint`: it installs them."
        )
    else:
        found = f"missing; {sys.prefix} is used instead"
        yield Finding(".venv", State.REMARK, found, "Every make command but `help` and `stop` makes it, in a minute.")
        remedy = "Run `make run`: it makes .venv with all packages."
        yield _check_environment("packages", Path(sys.prefix), ROOT / "requirements.txt", State.WRONG, remedy)
    remedy = "Run `make run`: it installs the embedded emulator, unless AWS_ENDPOINT_URL names another."
    yield _check_environment(
        ".venv-emulator", emulator_packages.VENV, emulator_packages.REQUIREMENTS, State.REMARK, remedy
    )


def _check_environment(name: str, home: Path, requirements: Path, otherwise: State, remedy: str) -> Finding:
    """Compares a virtual environment with its requirements."""
    if not home.exists():
        return Finding(name, otherwise, "missing", remedy)
    differing = unmet_requirements(installed_versions(home), requirements)
    if differing:
        return Finding(name, otherwise, f"differs from {requirements.name}: {', '.join(differing)}", remedy)
    return Finding(name, State.OK, f"as {requirements.name} wants it")


def installed_versions(home: Path) -> dict[str, str]:
    """Gives the versions of a virtual environment's packages, by normalised name."""
    paths = [str(path) for path in home.glob("lib/python3*/site-packages")]
    return {_normalise_name(found.name): found.version for found in distributions(path=paths)}


def unmet_requirements(installed: dict[str, str], requirements: Path) -> list[str]:
    """Gives each requirement that is not met, as `name 1.2 (not 1.1)`."""
    return [
        f"{name} {version or ''} ({f'not {installed[name]}' if name in installed else 'missing'})".replace("  ", " ")
        for name, version in read_pins(requirements).items()
        if name not in installed or version not in (None, installed[name])
    ]


def read_pins(requirements: Path) -> dict[str, str | None]:
    """Reads names and versions from a requirements file and from those that it includes with `-r`."""
    wanted: dict[str, str | None] = {}
    for line in requirements.read_text().splitlines():
        if line.startswith("-r "):
            wanted |= read_pins(requirements.parent / line[3:].strip())
        elif _is_for_here(line) and (pin := PIN.match(line)):
            wanted[_normalise_name(pin["name"])] = pin["version"]
    return wanted


def _is_for_here(line: str) -> bool:
    """Tells whether the line's environment marker (PEP 508) is true on this machine."""
    marker = line.partition("#")[0].partition(";")[2].strip()
    if not marker:
        return True
    from packaging.markers import Marker  # comes with pytest. Requirements that ship have no markers

    return Marker(marker).evaluate()


def _normalise_name(name: str) -> str:
    """Writes a package's name as PEP 503 does."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _check_redis(_: Connection) -> Iterator[Finding]:
    running = os.environ.get("REDIS_URL") or find_url("redis", RUN_DIR)
    if running and (trouble := redis_server.diagnose_redis(running)):
        remedy = "Start or mend it, or unset REDIS_URL; until then bookings work without it, slower."
        yield Finding("Redis", State.REMARK, f"{running} does not do what requests ask of it: {trouble}", remedy)
    elif running:
        yield Finding("Redis", State.OK, f"{redis_server.ask_redis_name(running)} answers at {running}")
    elif server := redis_server.find_redis_program():
        yield Finding("Redis", State.OK, f"{server}, not running")
    else:
        remedy = "Install redis-server, and refusals cost the database nothing; bookings are right without it."
        yield Finding("Redis", State.REMARK, f"no redis-server; {redis_server.FAKE_REDIS}", remedy)


def _check_docker(_: Connection) -> Iterator[Finding]:
    if docker := shutil.which("docker"):
        yield Finding("Docker", State.OK, docker)
    else:
        yield Finding(
            "Docker", State.REMARK, "none", "Only EMULATOR=localstack needs it; the embedded emulator doesn't."
        )


def _check_ports(connection: Connection) -> Iterator[Finding]:
    ours = {_port_of(url) for url in (connection.endpoint, os.environ.get("REDIS_URL"), find_url("redis", RUN_DIR))}
    ours |= {port for port in api_ports() if _is_running(f"api-{port}")}
    elsewhere = "Nothing to do: `make run` takes a free port by itself."
    another = "End that program, or run on another port: `PORT={} make run`."
    of_the_api = {port: another.format(port + 1) for port in api_ports()}
    remedies = {**of_the_api, ports.AWS_PORT: elsewhere, ports.REDIS_PORT: elsewhere}
    for port, remedy in remedies.items():
        yield _check_port(port, remedy, ours=port in ours)


def _check_port(port: int, remedy: str, *, ours: bool) -> Finding:
    if ours:
        return Finding(f"port {port}", State.OK, "used by us")
    if is_port_free(port):
        return Finding(f"port {port}", State.OK, "free")
    return Finding(f"port {port}", State.REMARK, "taken by another program", remedy)


def _port_of(url: str | None) -> int | None:
    return urllib.parse.urlsplit(url).port if url else None


def api_ports(run_dir: Path = RUN_DIR) -> list[int]:
    """Gives the ports where the API may be: PORT, else those of `make run`, else the usual one."""
    text = os.environ.get("PORT") or ""
    if text.isdecimal():
        return [int(text)]
    claims = [file.stem for file in run_dir.glob("run-*.pid") if _is_running(file.stem, run_dir)]
    return sorted(int(claim.removeprefix("run-")) for claim in claims) or [API_PORT]


def _is_running(name: str, run_dir: Path = RUN_DIR) -> bool:
    """Tells whether our process of that name runs: it then holds the lock on its pid file."""
    try:
        with (run_dir / f"{name}.pid").open() as pid_file:
            fcntl.flock(pid_file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


# What is deployed


def _check_emulator(connection: Connection) -> Iterator[Finding]:
    """Checks the emulator. When it answers, checks all that is deployed there."""
    if connection.endpoint is None:
        remedy = "Start one with `make run`, or name one that runs in AWS_ENDPOINT_URL."
        yield Finding("emulator", State.WRONG, "none runs here", remedy)
    elif not speaks_http(connection.endpoint + emulator.HEALTH_PATH):
        remedy = "Start it, or unset AWS_ENDPOINT_URL and let `make run` start one."
        yield Finding("emulator", State.WRONG, f"nothing answers at {connection.endpoint}", remedy)
    else:
        yield Finding(
            "emulator", State.OK, f"{emulator.ask_emulator_name(connection.endpoint)} answers at {connection.endpoint}"
        )
        for check in DEPLOYED_CHECKS:
            yield from _run_check(check, connection)


def _check_stacks(connection: Connection) -> Iterator[Finding]:
    deploy = f"Deploy it with `{connection.deploy_command}`."
    yield _check_stack(connection, data_stack(connection.stage), State.WRONG, deploy)
    local = f"The API can be served without it, from here; to run it as functions: {deploy[0].lower()}{deploy[1:]}"
    yield _check_stack(connection, app_stack(connection.stage), State.REMARK, local)


def _check_stack(connection: Connection, name: str, otherwise: State, remedy: str) -> Finding:
    try:
        found = connection.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
    except ClientError as error:
        if "does not exist" not in str(error):
            raise
        found = "not deployed"
    if STACK_IS_UP.match(found):
        return Finding(f"stack {name}", State.OK, found)
    return Finding(f"stack {name}", otherwise, found, remedy)


def _check_tables(connection: Connection) -> Iterator[Finding]:
    """Compares each table with the data stack's template: emulators leave properties out."""
    present = {f"{connection.prefix}{table.name}": table for table in read_tables(connection)}
    remedy = f"Deploy the stage again with `{connection.deploy_command}`."
    for wanted in resources("AWS::DynamoDB::Table", connection.stage):
        name = wanted["TableName"]
        table = present.get(name)
        lacking = [
            *(["the table itself"] if table is None or table.state != "ACTIVE" else []),
            *(["its stream"] if "StreamSpecification" in wanted and not (table and table.stream) else []),
            *(
                ["the expiry of items (TTL)"]
                if "TimeToLiveSpecification" in wanted and not (table and table.ttl)
                else []
            ),
        ]
        if lacking:
            yield Finding(f"table {name}", State.WRONG, f"lacks {', '.join(lacking)}", remedy)
        else:
            extras = [text for text in (table and table.stream and "stream", table and table.ttl and "TTL") if text]
            yield Finding(f"table {name}", State.OK, " and ".join(["active", *extras]))


def _check_queues(connection: Connection) -> Iterator[Finding]:
    queues = read_queues(connection)
    wanted = [queue["QueueName"] for queue in resources("AWS::SQS::Queue", connection.stage)]
    missing = [name for name in wanted if name not in queues.by_name]
    if missing:
        remedy = f"Deploy the stage again with `{connection.deploy_command}`."
        yield Finding("queues", State.WRONG, f"missing: {', '.join(missing)}", remedy)
    else:
        yield Finding("queues", State.OK, f"all {len(wanted)} are there")
    full = [queue.short_name for queue in queues.dead_letter_queues if queue.depth]
    if full:
        look = connection.command("dlq", "show", full[0])
        yield Finding("dead letters", State.REMARK, f"in {', '.join(full)}", f"Look at them with `{look}`.")
    if lost := count_failure_files(connection):
        look = connection.command("replay", "stream-failures", "--look")
        yield Finding("stream failures", State.REMARK, f"{lost} not relayed", f"Look at them with `{look}`.")


def _check_events(connection: Connection) -> Iterator[Finding]:
    """Checks that either deployed functions or the pump get the events of streams and queues."""
    states = _read_mapping_states(connection)
    enabled = [arn for arn, state in states.items() if state in ENABLED]
    paused = [_resource_name(arn) for arn in states.keys() - set(enabled)]
    pump = connection.stage == run.STAGE and _is_running("pump")  # the pump of `make run` feeds no other stage
    if pump and enabled:
        remedy = "Harmless, handlers tolerate it; end one of them: `make stop`, then `make run`."
        yield Finding("events", State.REMARK, "fed twice, by the functions and by the pump", remedy)
    elif pump:
        yield Finding("events", State.OK, "fed by the pump")
    elif enabled and not paused:
        yield Finding("events", State.OK, f"fed to functions by {counted(len(enabled), 'mapping')}")
    else:
        found = f"paused: {', '.join(sorted(paused))}" if enabled else "nobody feeds the handlers"
        remedy = (
            "Run `make run`, or where only they are missing `python -m infra.local.pump`; seats lapse all the same."
        )
        yield Finding("events", State.WRONG, found, remedy)


def _resource_name(arn: str) -> str:
    """Gives the name of the queue or table in an ARN: `…:sqs:…:<queue>` or `…:table/<table>/stream/<time>`."""
    resource = arn.split(":", 5)[5]
    return resource.split("/")[1] if "/" in resource else resource


def _read_mapping_states(connection: Connection) -> dict[str, str]:
    """Gives the states of the stage's event source mappings, by ARN of their stream or queue."""
    pages = connection.client("lambda").get_paginator("list_event_source_mappings").paginate()
    mappings = [mapping for page in pages for mapping in page["EventSourceMappings"]]
    of_stage = [one for one in mappings if connection.prefix in one.get("EventSourceArn", "")]
    return {one["EventSourceArn"]: one["State"] for one in of_stage}


def _check_api(_: Connection) -> Iterator[Finding]:
    for port in api_ports():
        yield from _check_api_at(f"http://{HOST}:{port}/ready")


def _check_api_at(url: str) -> Iterator[Finding]:
    readiness = _ask_readiness(url)
    if readiness is None:
        yield Finding("API", State.WRONG, f"{url} does not answer", "Start it with `make run`.")
        return
    down = [one for one in readiness.get("dependencies", []) if one["state"] != "up"]
    found = "; ".join(f"{one['name']} is down: {one.get('reason') or 'no reason given'}" for one in down)
    if readiness.get("status") == "ready":
        yield Finding("API", State.REMARK if down else State.OK, found or f"ready at {url}")
    else:
        yield Finding("API", State.WRONG, found or f"{url} says it is not ready", "See above what is missing.")


def _ask_readiness(url: str) -> dict[str, Any] | None:
    """Gives the API's answer to `/ready`; None when nothing answers there, or another program."""
    try:
        with urllib.request.urlopen(url, timeout=READY_TIMEOUT_SECONDS) as response:  # noqa: S310 - our own API
            return _parse_object(response.read())
    except urllib.error.HTTPError as error:
        with error:
            return _parse_object(error.read())
    except OSError:
        return None


def _parse_object(body: bytes) -> dict[str, Any] | None:
    """Gives the JSON object; None for anything else."""
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


DEPLOYED_CHECKS: tuple[Check, ...] = (_check_stacks, _check_tables, _check_queues, _check_events)
CHECKS: tuple[Check, ...] = (
    _check_python,
    _check_packages,
    _check_redis,
    _check_docker,
    _check_ports,
    _check_emulator,
    _check_api,
)
