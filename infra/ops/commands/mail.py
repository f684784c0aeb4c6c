"""`mail`: the emails that an emulator took instead of sending them; and whom nobody may write to."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from infra.ops.arguments import add_command, parse_count
from infra.ops.connection import Connection
from infra.ops.text import Answer


def add_to(commands: Any) -> None:
    about = "the emails that an emulator took instead of sending them"
    command = add_command(commands, "mail", _run, about, "mail --limit 1")
    command.add_argument("--limit", type=parse_count, default=10, metavar="N", help="the N newest (10)")
    command.add_argument("--to", metavar="ADDRESS", help="those to this address only")
    command.add_argument("--html", type=Path, metavar="FILE", help="save the newest one's HTML there")
    about_allow = "write to this address again, though an email came back from it or its reader complained"
    command.add_argument("--allow", metavar="ADDRESS", help=about_allow)


def _run(connection: Connection, options: Namespace) -> Answer:
    from infra.ops.emails import allow_address, show_emails

    if options.allow:
        return allow_address(connection, options.allow)
    return show_emails(connection, options.limit, options.to, options.html)
