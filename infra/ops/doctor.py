"""Checks everything that bookings on this machine need, and says the remedy of each finding in one sentence."""

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
from infra.cloud.stacks import app_stack, data_stack
from infra.local import emulator as machine
from infra.local import run
from infra.ops.connection import Connection, OpsError
from infra.ops.queues import queues_of
from infra.ops.status import tables_of
from infra.ops.stream_failures import waiting
from infra.ops.text import Answer, counted
from infra.processes import HOST, ROOT, RUN_DIR, answers, port_is_free, recorded_url

VENV = ROOT / ".venv"
API_PORT = 8000
READY_TIMEOUT_SECONDS = 10
PIN = re.compile(r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?(?:==(?P<version>[^\s;]+))?")
STACK_IS_UP = re.compile(r"^(CREATE|UPDATE|UPDATE_ROLLBACK)_COMPLETE$")
ENABLED = ("Enabled", "Enabling", "Creating", "Updating")


class State(StrEnum):
    OK = "ok"
    REMARK = "remark"
    """Worth knowing; bookings work all the same."""
    WRONG = "WRONG"


@dataclass(frozen=True, slots=True)
class Finding:
    what: str
    state: State
    found: str
    remedy: str = ""


Check = Callable[[Connection], Iterable[Finding]]


def doctor(connection: Connection) -> Answer:
    """Exit status 1 when something that bookings need is missing."""
    findings = [finding for check in CHECKS for finding in _tried(check, connection)]
    wrong = sum(finding.state is State.WRONG for finding in findings)
    verdict = f"{counted(wrong, 'thing')} to repair." if wrong else "All that bookings need is there."
    data = {"stage": connection.stage, "healthy": not wrong, "findings": [asdict(finding) for finding in findings]}
    return Answer(data, "\n".join([*map(_as_text, findings), "", verdict]), status=1 if wrong else 0)


def _tried(check: Check, connection: Connection) -> list[Finding]:
    """A check that can't be made is a finding itself."""
    try:
        return list(check(connection))
    except (BotoCoreError, ClientError, OpsError) as error:
        what = check.__name__.strip("_").replace("_", " ")
        return [Finding(what, State.WRONG, str(error), f"Deploy the stage again with `{connection.deploy_command}`.")]


def _as_text(finding: Finding) -> str:
    line = f"{finding.state:<8}{finding.what}: {finding.found}"
    return f"{line}\n{'':8}→ {finding.remedy}" if finding.remedy else line


# This machine


def _python(_: Connection) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] in LAMBDA_PYTHONS:
        yield Finding("Python", State.OK, version)
    else:
        known = ", ".join(f"{major}.{minor}" for major, minor in LAMBDA_PYTHONS)
        remedy = f"Install one of {known} and run `make PYTHON=/path/to/python run`: Lambda has these, too."
        yield Finding("Python", State.WRONG, version, remedy)


def _packages(_: Connection) -> Iterator[Finding]:
    if VENV.exists():
        yield _environment(
            ".venv", VENV, ROOT / "requirements-dev.txt", State.WRONG, "Run `make lint`: it installs them."
        )
    else:
        found = f"missing; {sys.prefix} is used instead"
        yield Finding(".venv", State.REMARK, found, "Every make command but `help` and `stop` makes it, in a minute.")
        remedy = "Run `make run`: it makes .venv with all packages."
        yield _environment("packages", Path(sys.prefix), ROOT / "requirements.txt", State.WRONG, remedy)
    remedy = "Run `make run`: it installs the embedded emulator, unless AWS_ENDPOINT_URL names another."
    yield _environment(".venv-emulator", machine.VENV, machine.REQUIREMENTS, State.REMARK, remedy)


def _environment(what: str, home: Path, requirements: Path, otherwise: State, remedy: str) -> Finding:
    if not home.exists():
        return Finding(what, otherwise, "missing", remedy)
    differing = differences(installed_in(home), requirements)
    if differing:
        return Finding(what, otherwise, f"differs from {requirements.name}: {', '.join(differing)}", remedy)
    return Finding(what, State.OK, f"as {requirements.name} wants it")


def installed_in(home: Path) -> dict[str, str]:
    """Versions of the packages of a virtual environment, by normalised name."""
    paths = [str(path) for path in home.glob("lib/python3*/site-packages")]
    return {_normalised(found.name): found.version for found in distributions(path=paths)}


def differences(installed: dict[str, str], requirements: Path) -> list[str]:
    """Each requirement that is not met, as `name 1.2 (not 1.1)`."""
    return [
        f"{name} {version or ''} ({f'not {installed[name]}' if name in installed else 'missing'})".replace("  ", " ")
        for name, version in pins(requirements).items()
        if name not in installed or version not in (None, installed[name])
    ]


def pins(requirements: Path) -> dict[str, str | None]:
    """Names and versions of a requirements file and of those it includes with `-r`."""
    wanted: dict[str, str | None] = {}
    for line in requirements.read_text().splitlines():
        if line.startswith("-r "):
            wanted |= pins(requirements.parent / line[3:].strip())
        elif _is_for_here(line) and (pin := PIN.match(line)):
            wanted[_normalised(pin["name"])] = pin["version"]
    return wanted


def _is_for_here(line: str) -> bool:
    """Whether what stands behind its `;` (PEP 508) wants it on this machine."""
    marker = line.partition("#")[0].partition(";")[2].strip()
    if not marker:
        return True
    from packaging.markers import Marker  # pytest brings it: what ships has no markers

    return Marker(marker).evaluate()


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _redis(_: Connection) -> Iterator[Finding]:
    running = os.environ.get("REDIS_URL") or recorded_url("redis", RUN_DIR)
    if running and not machine.redis_answers(running):
        remedy = "Start it or unset REDIS_URL; until then bookings work without it, slower."
        yield Finding("Redis", State.REMARK, f"{running} does not answer", remedy)
    elif running:
        yield Finding("Redis", State.OK, f"{machine.redis_name(running)} answers at {running}")
    elif server := machine.redis_program():
        yield Finding("Redis", State.OK, f"{server}, not running")
    else:
        remedy = "Install redis-server, and refusals cost the database nothing; bookings are right without it."
        yield Finding("Redis", State.REMARK, f"no redis-server; {machine.FAKE_REDIS}", remedy)


def _docker(_: Connection) -> Iterator[Finding]:
    if docker := shutil.which("docker"):
        yield Finding("Docker", State.OK, docker)
    else:
        yield Finding(
            "Docker", State.REMARK, "none", "Only EMULATOR=localstack needs it; the embedded emulator doesn't."
        )


def _ports(connection: Connection) -> Iterator[Finding]:
    ours = {_port_of(url) for url in (connection.endpoint, os.environ.get("REDIS_URL"), recorded_url("redis", RUN_DIR))}
    ours |= {port for port in api_ports() if _runs(f"api-{port}")}
    elsewhere = "Nothing to do: `make run` takes a free port by itself."
    another = "End that program, or run on another port: `PORT={} make run`."
    of_the_api = {port: another.format(port + 1) for port in api_ports()}
    remedies = {**of_the_api, machine.AWS_PORT: elsewhere, machine.REDIS_PORT: elsewhere}
    for port, remedy in remedies.items():
        yield _port(port, remedy, ours=port in ours)


def _port(port: int, remedy: str, *, ours: bool) -> Finding:
    if ours:
        return Finding(f"port {port}", State.OK, "used by us")
    if port_is_free(port):
        return Finding(f"port {port}", State.OK, "free")
    return Finding(f"port {port}", State.REMARK, "taken by another program", remedy)


def _port_of(url: str | None) -> int | None:
    return urllib.parse.urlsplit(url).port if url else None


def api_ports(run_dir: Path = RUN_DIR) -> list[int]:
    """Where the API is to be looked for: at PORT, else wherever `make run` runs here, else at its usual place."""
    text = os.environ.get("PORT") or ""
    if text.isdecimal():
        return [int(text)]
    claims = [file.stem for file in run_dir.glob("run-*.pid") if _runs(file.stem, run_dir)]
    return sorted(int(claim.removeprefix("run-")) for claim in claims) or [API_PORT]


def _runs(name: str, run_dir: Path = RUN_DIR) -> bool:
    """Whether a process of that name, started by us, lives: it holds a lock on its pid file."""
    try:
        with (run_dir / f"{name}.pid").open() as pid_file:
            fcntl.flock(pid_file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


# What is deployed


def _emulator(connection: Connection) -> Iterator[Finding]:
    if connection.endpoint is None:
        remedy = "Start one with `make run`, or name one that runs in AWS_ENDPOINT_URL."
        yield Finding("emulator", State.WRONG, "none runs here", remedy)
    elif not answers(connection.endpoint + machine.HEALTH_PATH):
        remedy = "Start it, or unset AWS_ENDPOINT_URL and let `make run` start one."
        yield Finding("emulator", State.WRONG, f"nothing answers at {connection.endpoint}", remedy)
    else:
        yield Finding(
            "emulator", State.OK, f"{machine.emulator_name(connection.endpoint)} answers at {connection.endpoint}"
        )
        for check in DEPLOYED_CHECKS:
            yield from _tried(check, connection)


def _stacks(connection: Connection) -> Iterator[Finding]:
    deploy = f"Deploy it with `{connection.deploy_command}`."
    yield _stack(connection, data_stack(connection.stage), State.WRONG, deploy)
    local = f"The API can be served without it, from here; to run it as functions: {deploy[0].lower()}{deploy[1:]}"
    yield _stack(connection, app_stack(connection.stage), State.REMARK, local)


def _stack(connection: Connection, name: str, otherwise: State, remedy: str) -> Finding:
    try:
        found = connection.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
    except ClientError as error:
        if "does not exist" not in str(error):
            raise
        found = "not deployed"
    if STACK_IS_UP.match(found):
        return Finding(f"stack {name}", State.OK, found)
    return Finding(f"stack {name}", otherwise, found, remedy)


def _tables(connection: Connection) -> Iterator[Finding]:
    """Each as infra/cloud/stateful.yaml wants it: emulators leave properties out."""
    present = {f"{connection.prefix}{table.name}": table for table in tables_of(connection)}
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


def _queues(connection: Connection) -> Iterator[Finding]:
    queues = queues_of(connection)
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
    if lost := waiting(connection):
        look = connection.command("replay", "stream-failures", "--look")
        yield Finding("stream failures", State.REMARK, f"{lost} not relayed", f"Look at them with `{look}`.")


def _events(connection: Connection) -> Iterator[Finding]:
    """Streams and queues are fed to the handlers by the deployed functions or by the pump, not by both."""
    states = _mapping_states(connection)
    enabled = [arn for arn, state in states.items() if state in ENABLED]
    paused = [_table_or_queue(arn) for arn in states.keys() - set(enabled)]
    pump = connection.stage == run.STAGE and _runs("pump")  # the one of `make run` feeds no other stage
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


def _table_or_queue(arn: str) -> str:
    """`…:sqs:…:<queue>` or `…:table/<table>/stream/<time>`."""
    resource = arn.split(":", 5)[5]
    return resource.split("/")[1] if "/" in resource else resource


def _mapping_states(connection: Connection) -> dict[str, str]:
    """Of the stage's streams and queues, by ARN."""
    pages = connection.client("lambda").get_paginator("list_event_source_mappings").paginate()
    mappings = [mapping for page in pages for mapping in page["EventSourceMappings"]]
    of_stage = [one for one in mappings if connection.prefix in one.get("EventSourceArn", "")]
    return {one["EventSourceArn"]: one["State"] for one in of_stage}


def _api(_: Connection) -> Iterator[Finding]:
    for port in api_ports():
        yield from _api_at(f"http://{HOST}:{port}/ready")


def _api_at(url: str) -> Iterator[Finding]:
    readiness = _readiness(url)
    if readiness is None:
        yield Finding("API", State.WRONG, f"{url} does not answer", "Start it with `make run`.")
        return
    down = [one for one in readiness.get("dependencies", []) if one["state"] != "up"]
    found = "; ".join(f"{one['name']} is down: {one.get('reason') or 'no reason given'}" for one in down)
    if readiness.get("status") == "ready":
        yield Finding("API", State.REMARK if down else State.OK, found or f"ready at {url}")
    else:
        yield Finding("API", State.WRONG, found or f"{url} says it is not ready", "See above what is missing.")


def _readiness(url: str) -> dict[str, Any] | None:
    """What the API says of its dependencies; None where there is none, or another program."""
    try:
        with urllib.request.urlopen(url, timeout=READY_TIMEOUT_SECONDS) as response:  # noqa: S310 - our own API
            return _as_object(response.read())
    except urllib.error.HTTPError as error:
        with error:
            return _as_object(error.read())
    except OSError:
        return None


def _as_object(body: bytes) -> dict[str, Any] | None:
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


DEPLOYED_CHECKS: tuple[Check, ...] = (_stacks, _tables, _queues, _events)
CHECKS: tuple[Check, ...] = (_python, _packages, _redis, _docker, _ports, _emulator, _api)
