"""`replay`: sends stream failures, or a screening's events, from its log or from its tables, again."""

from argparse import Namespace
from typing import Any

from infra.ops.arguments import TYPES_HELP, add_command, add_group, parse_count, parse_event_types, parse_moment
from infra.ops.connection import Connection
from infra.ops.text import Answer


def add_to(commands: Any) -> None:
    group = add_group(commands, "replay", "send again: stream-failures, events, tables")
    _add_stream_failures(group)
    _add_events(group)
    _add_tables(group)


def _add_stream_failures(group: Any) -> None:
    about = "relay again what the streams' handlers could not relay, and delete what went through"
    command = add_command(group, "stream-failures", _replay_stream_failures, about, "replay stream-failures --limit 1")
    command.add_argument("--limit", type=parse_count, metavar="N", help="the N oldest (all there are now)")
    command.add_argument("--look", action="store_true", help="only say what there is")


def _add_events(group: Any) -> None:
    about = "send a screening's events from the audit log to one consumer again"
    command = add_command(group, "events", _replay_events, about, "replay events 550e8400-… --to analytics --yes")
    command.add_argument("session", metavar="SESSION", help="the screening's id")
    command.add_argument("--to", required=True, metavar="CONSUMER", help="its queue's short name, such as analytics")
    command.add_argument("--types", type=parse_event_types, default=[], metavar="TYPES", help=TYPES_HELP)
    command.add_argument(
        "--from",
        dest="from_",
        type=parse_moment,
        metavar="MOMENT",
        help="that happened then or later: 2026-11-23T18:00:00Z",
    )
    command.add_argument("--until", type=parse_moment, metavar="MOMENT", help="that happened before")
    command.add_argument("--yes", action="store_true", help="send them; without it, only say how many")


def _add_tables(group: Any) -> None:
    about = "tell a screening's events again from its tables, where the records of its streams are lost"
    command = add_command(group, "tables", _replay_tables, about, "replay tables 550e8400-… --yes")
    command.add_argument("session", metavar="SESSION", help="the screening's id")
    command.add_argument("--yes", action="store_true", help="send them; without it, only say how many")


def _replay_tables(connection: Connection, options: Namespace) -> Answer:
    from infra.ops.disasters.tell_again import tell_again
    from infra.ops.rebuild import report_progress

    return tell_again(connection, options.session, report_progress, sure=options.yes)


def _replay_stream_failures(connection: Connection, options: Namespace) -> Answer:
    from infra.ops import replay
    from infra.ops.rebuild import report_progress

    return replay.replay_stream_failures(connection, options.limit, report_progress, look=options.look)


def _replay_events(connection: Connection, options: Namespace) -> Answer:
    from infra.ops import replay
    from infra.ops.rebuild import report_progress

    wanted = replay.EventFilter(frozenset(options.types), options.from_, options.until)
    return replay.replay_events(connection, options.session, options.to, wanted, report_progress, sure=options.yes)
