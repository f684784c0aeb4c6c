"""Finds a reservation's log lines: in CloudWatch Logs where the functions run, and in log files of this machine."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from chalicelib.domain.email import mask_email_local_parts
from chalicelib.settings import LOCAL_STAGES
from infra.cloud.deploying.stacks import app_stack
from infra.ops.story.known import KnownFacts, Line, Told
from infra.ops.text import counted

MOST_LINES = 200
"""The largest number of lines of one log."""
MARGIN = timedelta(minutes=1)
MOST_CHARACTERS = 300


def tell_functions_logs(known: KnownFacts) -> Iterator[Told]:
    """Tells the lines in CloudWatch Logs that name the reservation, from its first known moment on."""
    logs: Any = known.connection.client("logs")
    prefix = f"/aws/lambda/{app_stack(known.connection.stage)}-"
    groups = [
        one for page in _pages(logs, "describe_log_groups", logGroupNamePrefix=prefix) for one in page["logGroups"]
    ]
    if not groups:
        yield f"logs: no log group of a function begins with {prefix} at {known.connection.where}."
    for group in groups:
        yield from _tell_group(logs, group["logGroupName"], known)


def _tell_group(logs: Any, group: str, known: KnownFacts) -> Iterator[Told]:
    start = {"startTime": int((known.since - MARGIN).timestamp() * 1000)} if known.since else {}
    request = {"logGroupName": group, "filterPattern": f'"{known.reservation_id}"', **start}
    pages = _pages(logs, "filter_log_events", PaginationConfig={"MaxItems": MOST_LINES}, **request)
    found = [event for page in pages for event in page["events"]]
    function = group.rpartition("/")[2]
    for event in found:
        if known.reservation_id in event["message"]:  # an emulator's filter may let all pass
            at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
            yield Line(at, "log", f"{function}: {text_of(event['message'])}")
    if len(found) >= MOST_LINES:
        yield f"logs: the first {MOST_LINES} lines of {function} read."


def _pages(logs: Any, operation: str, **request: Any) -> Iterable[Any]:
    pages: Iterable[Any] = logs.get_paginator(operation).paginate(**request)
    return pages


def tell_log_files(known: KnownFacts, run_dir: Path) -> Iterator[Told]:
    """Tells the lines of this machine's log files that name the reservation: those of `make run`."""
    if known.connection.stage not in LOCAL_STAGES:
        return
    files = sorted(run_dir.glob("*.log"))
    if not files:
        yield f"logs: no log files in {run_dir}."
    for file in files:
        with file.open(encoding="utf-8", errors="replace") as lines:
            yield from _tell_file(file.stem, [line for line in lines if known.reservation_id in line], known)


def _tell_file(name: str, lines: list[str], known: KnownFacts) -> Iterator[Told]:
    undated = 0
    for line in lines[-MOST_LINES:]:
        if moment := _moment_of(line):
            yield Line(moment, "log", f"{name}: {text_of(line)}")
        undated += not moment
    if undated:
        look = f"`grep {known.reservation_id}` shows them"
        yield f"logs: {counted(undated, 'line')} of {name}.log without a moment: {look}."
    if len(lines) > MOST_LINES:
        yield f"logs: the last {MOST_LINES} of {len(lines)} lines of {name}.log read."


def _moment_of(line: str) -> datetime | None:
    """Reads the moment of a line in our logger's JSON."""
    try:
        text = str(json.loads(line)["timestamp"])
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S,%f%z")
    except (ValueError, LookupError, TypeError):
        return None


def text_of(line: str) -> str:
    """Gives a log line in words: level, message and status of our logger's JSON, else the line. Masks addresses."""
    try:
        logged = json.loads(line)
        status = f" {logged['status']}" if "status" in logged else ""
        text = f"{logged['level']} {logged['message']}{status}"
    except (ValueError, LookupError, TypeError):
        text = " ".join(line.split())
    return mask_email_local_parts(text[:MOST_CHARACTERS])
