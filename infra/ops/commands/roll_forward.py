"""`roll-forward`: brings a restored table forward by its stream."""

from argparse import Namespace
from typing import Any

from infra.ops.arguments import add_command, parse_moment
from infra.ops.connection import Connection
from infra.ops.text import Answer


def add_to(commands: Any) -> None:
    about = "bring a table that was restored to an earlier moment forward, by the changes in its stream"
    example = "roll-forward reservations --since 2026-11-23T18:00:00Z --until 2026-11-23T18:01:00Z --yes"
    command = add_command(commands, "roll-forward", _run, about, example)
    command.add_argument("table", metavar="TABLE", help="rows, reservations or payments")
    for name, help_ in (("--since", "the moment it was restored to"), ("--until", "the moment of the damage")):
        command.add_argument(name, type=parse_moment, required=True, metavar="MOMENT", help=help_)
    command.add_argument("--yes", action="store_true", help="write; without it, only say how many")


def _run(connection: Connection, options: Namespace) -> Answer:
    from infra.ops.disasters.roll_forward import roll_forward
    from infra.ops.rebuild import report_progress

    return roll_forward(connection, options.table, options.since, options.until, report_progress, sure=options.yes)
