"""`cancel`: cancels a screening, and returns its payments."""

from argparse import Namespace
from typing import Any

from infra.ops.arguments import add_command
from infra.ops.connection import Connection
from infra.ops.text import Answer


def add_to(commands: Any) -> None:
    about = "cancel a screening for good and return what was paid for it"
    command = add_command(commands, "cancel", _run, about, "cancel 550e8400-e29b-41d4-a716-446655440000 --yes")
    command.add_argument("session", metavar="SESSION", help="the screening's id")
    command.add_argument(
        "--yes", action="store_true", help="I am sure. It may be run again, to finish what was interrupted"
    )


def _run(connection: Connection, options: Namespace) -> Answer:
    from infra.ops.cancel import cancel_screening

    return cancel_screening(connection, options.session, sure=options.yes)
