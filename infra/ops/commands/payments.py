"""`payments`: the payments that are neither sold nor returned."""

from argparse import Namespace
from typing import Any

from infra.ops.arguments import add_command, parse_seconds
from infra.ops.connection import Connection
from infra.ops.text import Answer

SETTLED_SECONDS = 600.0
"""The age by which a payment should be settled, as in application/reconcile.py.

The refund of an older one has failed: it is a dead letter of `refunds`, or the gateway does not know the payment.
"""


def add_to(commands: Any) -> None:
    about = "payments that have bought nothing and were not returned yet"
    command = add_command(commands, "payments", _run, about, "payments --older-than 60 --json")
    command.add_argument(
        "--older-than",
        type=parse_seconds,
        default=SETTLED_SECONDS,
        metavar="SECONDS",
        help="exit status 1 if one waits longer (600)",
    )
    command.add_argument(
        "--again", action="store_true", help="request those that wait longer once more: nothing is returned twice"
    )


def _run(connection: Connection, options: Namespace) -> Answer:
    from infra.ops.payments import list_unsettled_payments

    return list_unsettled_payments(connection, options.older_than, again=options.again)
