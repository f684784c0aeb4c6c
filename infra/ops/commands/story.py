"""`story`: tells one reservation's whole life, in order."""

from argparse import Namespace
from typing import Any

from infra.ops.arguments import add_command, parse_count
from infra.ops.connection import Connection
from infra.ops.text import Answer


def add_to(commands: Any) -> None:
    about = "one reservation's life in order: tables, events, queues, dead letters, stream failures, logs"
    command = add_command(commands, "story", _tell, about, "story res-…")
    command.add_argument("reservation", metavar="RESERVATION", help="its id; `find` knows it by other facts")
    command.add_argument(
        "--session", default="", metavar="SESSION", help="its screening, where no table says it any more"
    )
    peek = "look at waiting messages, too; each look counts as one of the receives after which SQS gives them up"
    command.add_argument("--peek", action="store_true", help=peek)
    most = "read at most N items where no index leads (10000)"
    command.add_argument("--most", type=parse_count, default=10_000, metavar="N", help=most)


def _tell(connection: Connection, options: Namespace) -> Answer:
    from infra.ops.story.telling import tell_story

    return tell_story(connection, options.reservation, options.session, most=options.most, peek=options.peek)
