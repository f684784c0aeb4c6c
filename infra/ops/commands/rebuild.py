"""`rebuild`: compares a screening with its audit log."""

from argparse import Namespace
from typing import Any

from infra.ops.arguments import add_command, parse_seconds
from infra.ops.connection import Connection
from infra.ops.text import Answer


def add_to(commands: Any) -> None:
    about = "hold a screening's rows and reservations against its audit log"
    example = "rebuild 550e8400-e29b-41d4-a716-446655440000 --projections"
    command = add_command(commands, "rebuild", _run, about, example)
    command.add_argument("session", metavar="SESSION", help="the screening's id")
    command.add_argument(
        "--wait",
        type=parse_seconds,
        default=5.0,
        metavar="SECONDS",
        help="look again for so long before a difference is one: events may be on their way (5)",
    )
    command.add_argument(
        "--projections",
        action="store_true",
        help="if they are equal, count its analytics anew from the log: counter by counter, so that readers miss the "
        "few events of one at most at a time. Safe to interrupt and to run again.",
    )


def _run(connection: Connection, options: Namespace) -> Answer:
    from infra.ops.rebuild import rebuild_screening, report_progress

    return rebuild_screening(
        connection, options.session, options.wait, report_progress, projections=options.projections
    )
