"""Prints the local server's log for a developer: one short line for each request, and warnings as sentences.

    19:02:11  201  POST    /api/reservations  12 ms
    19:02:12  409  POST    /api/reservations  SEAT_ALREADY_RESERVED  9 ms

Coloured on a terminal that allows it. With `LOG=json` it prints JSON lines, as on AWS.
"""

import contextlib
import json
import logging
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TextIO

LINES, JSON = "lines", "json"
FORMATS = (LINES, JSON)

GREEN, CYAN, YELLOW, RED, DIM, BOLD, PLAIN = "32", "36", "33", "31", "2", "1", "0"
COLOUR_OF_HUNDREDS = {2: GREEN, 3: CYAN, 4: YELLOW, 5: RED}
LONGEST_PATH = 100
USERS_ID = re.compile(r"^(/api/users/)[^/]+")
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "location", "service", "taskName"}
"""The attributes that every log record has. Any other attribute was added by the application."""


def may_colour(out: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Tells whether colours are wanted: on a terminal, unless NO_COLOR (no-color.org) or TERM=dumb is set."""
    return out.isatty() and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"


@dataclass(frozen=True)
class Console:
    """Prints lines with their time to `out`."""

    out: TextIO
    colours: bool

    def print_request(self, method: str, path: str, status: int, seconds: float, body: bytes = b"") -> None:
        """Prints one line about a request, with the code if it was an error. Leaves out users' ids in the path and the
        query."""
        code = _error_code(body) if status >= 400 else ""
        shown = _printable(USERS_ID.sub(r"\1{userId}", path.partition("?")[0]))
        place = shown if len(shown) <= LONGEST_PATH else f"{shown[: LONGEST_PATH - 1]}…"
        parts = [self._painted(str(status), COLOUR_OF_HUNDREDS.get(status // 100, PLAIN)), f"{method:<6}", place]
        self.print_line("  ".join([*parts, *([code] if code else []), self._painted(f"{seconds * 1000:.0f} ms", DIM)]))

    def print_line(self, text: str) -> None:
        """Prints a line with its time in front."""
        self.out.write(f"{self._painted(time.strftime('%H:%M:%S'), DIM)}  {text}\n")
        self.out.flush()

    def print_warning(self, text: str, *, error: bool = False) -> None:
        """Prints a line in yellow, or in red for an error."""
        self.print_line(self._painted(text, RED if error else YELLOW))

    def _painted(self, text: str, colour: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self.colours else text


class Records(logging.Handler):
    """Prints the application's log records as lines. Leaves out results of requests, which the server prints."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno <= logging.INFO and hasattr(record, "status"):
            return
        facts = [
            f"{name}={value}" for name, value in vars(record).items() if name not in STANDARD and value not in ("", {})
        ]
        text = "  ".join([record.getMessage(), *facts])
        if record.exc_info and record.exc_info[1]:
            text = f"{text}\n{logging.Formatter().formatException(record.exc_info)}"
        if record.levelno < logging.WARNING:
            self.console.print_line(text)
        else:
            self.console.print_warning(text, error=record.levelno >= logging.ERROR)


class WithoutMetrics:
    """A standard output that prints CloudWatch's embedded metrics as sentences."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def write(self, text: str) -> int:
        if text.startswith('{"_aws"'):
            self.console.print_line(_metric_as_sentence(json.loads(text)))
            return len(text)
        return self.console.out.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.console.out, name)


def _metric_as_sentence(metric: dict[str, Any]) -> str:
    if "BreakerOpen" in metric:
        return f"circuit breaker of {metric['Dependency']}: {'open' if metric['BreakerOpen'] else 'closed'}"
    return "  ".join(f"{name}={value}" for name, value in metric.items() if name != "_aws")


@contextlib.contextmanager
def log_as_lines(out: TextIO | None = None) -> Iterator[Console]:
    """Prints all logs of this process as lines, until the block is left."""
    target = out or sys.stdout
    console = Console(target, may_colour(target))
    root = logging.getLogger()
    handlers, root.handlers = root.handlers, [Records(console)]
    standard, sys.stdout = sys.stdout, WithoutMetrics(console)
    try:
        yield console
    finally:
        root.handlers, sys.stdout = handlers, standard


def redirect_loggers(console: Console, *names: str) -> None:
    """Sends the named loggers, which have handlers of their own, to the console instead."""
    for name in names:
        logging.getLogger(name).handlers = [Records(console)]


def _error_code(body: bytes) -> str:
    """Gives the code in an error's body; empty where there is none."""
    try:
        answer = json.loads(body)
    except ValueError:
        return ""
    return _printable(str(answer.get("error", ""))) if isinstance(answer, dict) else ""


def _printable(text: str) -> str:
    """Escapes all characters that could steer the terminal."""
    return text.encode("unicode_escape").decode("ascii")
