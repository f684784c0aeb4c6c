"""Declares commands to argparse, and parses and checks their arguments."""

import argparse
from collections.abc import Callable
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

from infra.ops.connection import Connection
from infra.ops.text import Answer

MOST_SECONDS = 3600
MOST_OVERLAP_HOURS = 30 * 24
TYPES_HELP = "only these types, with commas: PaymentConfirmed,SeatReleased (all)"

Run = Callable[[Connection, argparse.Namespace], Answer]


def add_group(commands: Any, name: str, about: str) -> Any:
    """Adds a group of commands, such as `dlq`. Gives the subparsers for them."""
    group: argparse.ArgumentParser = commands.add_parser(name, help=about)
    return group.add_subparsers(required=True, metavar="COMMAND")


def add_command(commands: Any, name: str, run: Run, about: str, example: str) -> argparse.ArgumentParser:
    """Adds a command with the common options. Gives its parser, for its own arguments."""
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=about,
        description=f"{about[0].upper()}{about[1:]}.",
        epilog=f"example: python -m infra.ops {example}",
    )
    command.add_argument("--stage", default="local", help="which deployment (local)")
    command.add_argument(
        "--endpoint", type=parse_address, metavar="URL", help="an emulator, or another address of AWS's services"
    )
    command.add_argument("--region", help="of AWS (as your environment or profile says)")
    command.add_argument("--profile", help="of your AWS configuration (as your environment says)")
    command.add_argument("--json", action="store_true", help="the answer as JSON")
    command.set_defaults(run=run)
    return command


# Kinds of arguments: each parser raises ArgumentTypeError with a sentence


def parse_address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise argparse.ArgumentTypeError(f"{text!r} must be a URL such as http://127.0.0.1:4566")
    return text.rstrip("/")


def parse_count(text: str) -> int:
    """Reads a whole number of at least 1. Raises ArgumentTypeError."""
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number of at least 1")
    return number


def parse_event_types(text: str) -> list[str]:
    from chalicelib.domain.events import EventType

    names = [name.strip() for name in text.split(",")]
    if unknown := sorted(set(names) - set(EventType)):
        raise argparse.ArgumentTypeError(f"no event is named {unknown[0]!r}: there are {', '.join(EventType)}")
    return names


def parse_moment(text: str) -> datetime:
    """Reads a time with its time zone, in ISO 8601. Raises ArgumentTypeError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} must be a moment such as 2026-11-23T18:00:00Z")
    return moment


def parse_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} must be a day such as 2026-11-27") from error


def parse_port(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if not 1 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} must be a port from 1 to 65535")
    return number


def parse_hours(text: str) -> float:
    return _parse_number(text, "hours", MOST_OVERLAP_HOURS)


def parse_seconds(text: str) -> float:
    return _parse_number(text, "seconds", MOST_SECONDS)


def _parse_number(text: str, unit: str, most: float) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 <= number <= most:
        raise argparse.ArgumentTypeError(f"{text!r} must be a number of {unit} from 0 to {most}")
    return number
