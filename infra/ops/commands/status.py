"""`status`: queues, dead letters and tables of a stage."""

from argparse import Namespace
from typing import Any

from infra.ops.arguments import add_command
from infra.ops.connection import Connection
from infra.ops.text import Answer


def add_to(commands: Any) -> None:
    add_command(commands, "status", _run, "queues, dead letters and tables", "status --stage dev")


def _run(connection: Connection, _: Namespace) -> Answer:
    from infra.ops.status import report_status

    return report_status(connection)
