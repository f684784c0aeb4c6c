"""`reconcile`: compares the payment gateway's list of payments with ours."""

from argparse import Namespace
from typing import Any

from infra.ops.arguments import add_command, parse_hours
from infra.ops.connection import Connection
from infra.ops.text import Answer


def add_to(commands: Any) -> None:
    about = "hold the gateway's list of payments against ours, mend what differs, name the rest; it runs by itself, too"
    command = add_command(commands, "reconcile", _run, about, "reconcile --hours 48")
    command.add_argument(
        "--hours", type=parse_hours, default=2.0, metavar="HOURS", help="look at what was charged since so long ago (2)"
    )


def _run(connection: Connection, options: Namespace) -> Answer:
    from infra.ops.reconcile import reconcile_charges_refunds_and_sales

    return reconcile_charges_refunds_and_sales(connection, options.hours)
