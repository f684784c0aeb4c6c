"""The operator's command line: `python -m infra.ops COMMAND --help`.

Exit status: 0 all is well, 1 the command found something to repair, 2 it could not do what was asked.
(Others than these: see infra/command.py.)
"""

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, NoCredentialsError, NoRegionError

from infra.command import as_command
from infra.ops import dlq
from infra.ops.connection import Connection, Given, OpsError
from infra.ops.doctor import doctor
from infra.ops.mail import mail
from infra.ops.queues import queues_of
from infra.ops.status import status
from infra.ops.text import Answer

REFUSED = 2
MOST_SECONDS = 3600
MOST_OVERLAP_HOURS = 30 * 24
TYPES_HELP = "only these types, with commas: PaymentConfirmed,SeatReleased (all)"
SETTLED_SECONDS = 600.0
"""As application/reconcile.py: what is older was given up, and lies in the DLQ of `refunds`, or is unknown to the
gateway."""

FOUND_BY = {"sale": "sale-YCIp5…", "buyer": "user-123", "payment": "tx-456", "reservation": "res-…"}

Command = Callable[[Connection, argparse.Namespace], Answer]


def _status(connection: Connection, _: argparse.Namespace) -> Answer:
    return status(connection)


def _doctor(connection: Connection, _: argparse.Namespace) -> Answer:
    return doctor(connection)


def _dlq_list(connection: Connection, _: argparse.Namespace) -> Answer:
    return dlq.list_all(queues_of(connection))


def _dlq_show(connection: Connection, options: argparse.Namespace) -> Answer:
    letters = queues_of(connection).dead_letter_queue(options.queue)
    return dlq.show(connection.client("sqs"), letters, options.limit)


def _dlq_redrive(connection: Connection, options: argparse.Namespace) -> Answer:
    queues = queues_of(connection)
    letters = queues.dead_letter_queue(options.queue)
    source = queues.source(letters)
    return dlq.redrive(connection.client("sqs"), letters, source, options.limit, dlq.report_progress)


def _dlq_purge(connection: Connection, options: argparse.Namespace) -> Answer:
    queues = queues_of(connection)
    letters = queues.dead_letter_queue(options.queue)
    return dlq.purge(connection.client("sqs"), queues, letters, sure=options.yes)


def _mail(connection: Connection, options: argparse.Namespace) -> Answer:
    return mail(connection, options.limit, options.to, options.html)


def _rebuild(connection: Connection, options: argparse.Namespace) -> Answer:
    from infra.ops.rebuild import rebuild, report_progress  # the application: `doctor` must run where it can't

    return rebuild(connection, options.session, options.wait, report_progress, projections=options.projections)


def _replay_stream_failures(connection: Connection, options: argparse.Namespace) -> Answer:
    from infra.ops import replay
    from infra.ops.rebuild import report_progress

    return replay.stream_failures(connection, options.limit, report_progress, look=options.look)


def _replay_events(connection: Connection, options: argparse.Namespace) -> Answer:
    from infra.ops import replay
    from infra.ops.rebuild import report_progress

    wanted = replay.Wanted(frozenset(options.types), options.from_, options.until)
    return replay.events(connection, options.session, options.to, wanted, report_progress, sure=options.yes)


def _webhooks_add(connection: Connection, options: argparse.Namespace) -> Answer:
    from infra.ops import webhooks

    return webhooks.add(connection, options.url, options.events)


def _webhooks_list(connection: Connection, _: argparse.Namespace) -> Answer:
    from infra.ops import webhooks

    return webhooks.list_all(connection)


def _webhooks_rotate(connection: Connection, options: argparse.Namespace) -> Answer:
    from infra.ops import webhooks

    return webhooks.rotate(connection, options.id, options.overlap)


def _webhooks_enable(connection: Connection, options: argparse.Namespace) -> Answer:
    from infra.ops import webhooks

    return webhooks.enable(connection, options.id)


def _webhooks_remove(connection: Connection, options: argparse.Namespace) -> Answer:
    from infra.ops import webhooks

    return webhooks.remove(connection, options.id)


def _webhooks_test(connection: Connection, options: argparse.Namespace) -> Answer:
    from infra.ops import webhooks

    return webhooks.test(connection, options.id)


def _webhooks_listen(connection: Connection, options: argparse.Namespace) -> Answer:
    from infra.ops.listen import listen

    return listen(connection, options.port)


def _reconcile(connection: Connection, options: argparse.Namespace) -> Answer:
    from infra.ops.reconcile import reconcile

    return reconcile(connection, options.hours)


def _payments(connection: Connection, options: argparse.Namespace) -> Answer:
    from infra.ops.payments import payments

    return payments(connection, options.older_than, again=options.again)


def _cancel(connection: Connection, options: argparse.Namespace) -> Answer:
    from infra.ops.cancel import cancel

    return cancel(connection, options.session, sure=options.yes)


def _find_screenings(connection: Connection, options: argparse.Namespace) -> Answer:
    from infra.ops import find

    return find.screenings(connection, options.title, options.day, options.most)


def _find_one(connection: Connection, options: argparse.Namespace) -> Answer:
    from infra.ops import find

    by = {"sale": find.sale, "buyer": find.buyer, "payment": find.payment, "reservation": find.reservation}
    return by[options.what](connection, options.known, options.most)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python -m infra.ops",
        description="Looks after a stage: `local` at AWS_ENDPOINT_URL if set, else on the emulator of `make run`; every"
        " other one on AWS. --endpoint, --region and --profile say it otherwise.",
        epilog="exit status: 0 all is well, 1 something is to be repaired, 2 the command could not do it",
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    _add(commands, "status", _status, "queues, dead letters and tables", "status --stage dev")
    _add(commands, "doctor", _doctor, "what is missing or wrong on this machine, and its remedy", "doctor")
    finds = commands.add_parser("find", help="ids by what is known: screenings, sale, buyer, payment, reservation")
    _add_find_commands(finds.add_subparsers(required=True, metavar="COMMAND"))
    _add_rebuild(commands)
    _add_mail(commands)
    _add_money_commands(commands)
    replays = commands.add_parser("replay", help="send again: stream-failures, events")
    _add_replay_commands(replays.add_subparsers(required=True, metavar="COMMAND"))
    webhooks = commands.add_parser("webhooks", help="subscriptions: add, list, rotate, enable, remove, test, listen")
    _add_webhook_commands(webhooks.add_subparsers(required=True, metavar="COMMAND"))
    letters = commands.add_parser("dlq", help="dead letters: list, show, redrive, purge")
    _add_dead_letter_commands(letters.add_subparsers(required=True, metavar="COMMAND"))
    return top


def _add_dead_letter_commands(commands: Any) -> None:
    _add(commands, "list", _dlq_list, "every dead-letter queue with its depth and source", "dlq list --json")
    show = _add(commands, "show", _dlq_show, "look at messages without consuming them", "dlq show expiry --limit 3")
    redrive = _add(
        commands, "redrive", _dlq_redrive, "give messages back to their source queue", "dlq redrive expiry --limit 1"
    )
    purge = _add(commands, "purge", _dlq_purge, "delete all messages for good", "dlq purge expiry --yes")
    for command in (show, redrive, purge):
        command.add_argument("queue", metavar="QUEUE", help="short or full name of the queue or its dead-letter queue")
    show.add_argument("--limit", type=_at_least_one, default=10, metavar="N", help="at most N messages (10)")
    redrive.add_argument("--limit", type=_at_least_one, metavar="N", help="at most N messages (all there are now)")
    purge.add_argument("--yes", action="store_true", help="I am sure")


def _add_find_commands(commands: Any) -> None:
    about = "what is on, from today or on one day, by the index of the programme"
    shown = _add(commands, "screenings", _find_screenings, about, "find screenings --title oppen --day 2026-11-27")
    shown.add_argument("--title", default="", metavar="TEXT", help="part of the film's title, in any case")
    shown.add_argument("--day", type=_day, metavar="DAY", help="such as 2026-11-27, in UTC (from today on)")
    made = [shown]
    for what, known, about in (
        ("sale", "SALE", "the reservation of a sale; no index leads there, so the table is read, within a bound"),
        ("buyer", "USER", "what a user has held and bought, by key; an e-mail address by reading, within a bound"),
        ("payment", "TRANSACTION", "what became of a payment, by key, and of what it was for"),
        ("reservation", "RESERVATION", "a reservation, by key"),
    ):
        one = _add(commands, what, _find_one, about, f"find {what} {FOUND_BY[what]}")
        one.add_argument("known", metavar=known)
        one.set_defaults(what=what)
        made.append(one)
    for one in made:
        most = "read at most N items where no index leads (10000)"
        one.add_argument("--most", type=_at_least_one, default=10_000, metavar="N", help=most)


def _add_mail(commands: Any) -> None:
    made = _add(commands, "mail", _mail, "the letters that an emulator took instead of sending them", "mail --limit 1")
    made.add_argument("--limit", type=_at_least_one, default=10, metavar="N", help="the N newest (10)")
    made.add_argument("--to", metavar="ADDRESS", help="those to this address only")
    made.add_argument("--html", type=Path, metavar="FILE", help="save the newest one's HTML there")


def _add_replay_commands(commands: Any) -> None:
    about = "relay again what the streams' handlers could not relay, and delete what went through"
    failures = _add(commands, "stream-failures", _replay_stream_failures, about, "replay stream-failures --limit 1")
    failures.add_argument("--limit", type=_at_least_one, metavar="N", help="the N oldest (all there are now)")
    failures.add_argument("--look", action="store_true", help="only say what there is")
    about = "send a screening's events from the audit log to one consumer again"
    events = _add(commands, "events", _replay_events, about, "replay events 550e8400-… --to analytics --yes")
    events.add_argument("session", metavar="SESSION", help="the screening's id")
    events.add_argument("--to", required=True, metavar="CONSUMER", help="its queue's short name, such as analytics")
    events.add_argument("--types", type=_event_types, default=[], metavar="TYPES", help=TYPES_HELP)
    events.add_argument(
        "--from", dest="from_", type=_moment, metavar="MOMENT", help="that happened then or later: 2026-11-23T18:00:00Z"
    )
    events.add_argument("--until", type=_moment, metavar="MOMENT", help="that happened before")
    events.add_argument("--yes", action="store_true", help="send them; without it, only say how many")


def _add_webhook_commands(commands: Any) -> None:
    about = "subscribe a URL to events; its secret is shown once"
    added = _add(commands, "add", _webhooks_add, about, "webhooks add https://example.com/cinema --stage prod")
    added.add_argument("url", metavar="URL", help="https://…; on a laptop also http:// to this machine")
    added.add_argument("--events", type=_event_types, default=[], metavar="TYPES", help=TYPES_HELP)
    _add(commands, "list", _webhooks_list, "ids, URLs, how secrets end", "webhooks list --json")
    about = "a new secret; the one before it stays valid for a while"
    rotated = _add(commands, "rotate", _webhooks_rotate, about, "webhooks rotate wh-… --overlap 48")
    rotated.add_argument("--overlap", type=_hours, default=24.0, metavar="HOURS", help="for so long (24)")
    enabled = _add(commands, "enable", _webhooks_enable, "call it again", "webhooks enable wh-…")
    removed = _add(commands, "remove", _webhooks_remove, "end a subscription", "webhooks remove wh-…")
    tested = _add(commands, "test", _webhooks_test, "post a signed test from this machine", "webhooks test wh-…")
    for command in (rotated, enabled, removed, tested):
        command.add_argument("id", metavar="ID", help="the webhook's id: see `webhooks list`")
    about = "receive webhooks on this machine, verify and print them"
    listened = _add(commands, "listen", _webhooks_listen, about, "webhooks listen --port 9000")
    listened.add_argument("--port", type=_port, default=9000, metavar="PORT", help="on 127.0.0.1 (9000)")


def _add_rebuild(commands: Any) -> None:
    about = "hold a screening's rows and reservations against its audit log"
    made = _add(commands, "rebuild", _rebuild, about, "rebuild 550e8400-e29b-41d4-a716-446655440000 --projections")
    made.add_argument("session", metavar="SESSION", help="the screening's id")
    made.add_argument(
        "--wait",
        type=_seconds,
        default=5.0,
        metavar="SECONDS",
        help="look again for so long before a difference is one: events may be on their way (5)",
    )
    made.add_argument(
        "--projections",
        action="store_true",
        help="if they are equal, count its analytics anew from the log: counter by counter, so that readers miss the "
        "few events of one at most at a time. Safe to interrupt and to run again.",
    )


def _add_money_commands(commands: Any) -> None:
    about = "payments that have bought nothing and were not returned yet"
    listed = _add(commands, "payments", _payments, about, "payments --older-than 60 --json")
    listed.add_argument(
        "--older-than",
        type=_seconds,
        default=SETTLED_SECONDS,
        metavar="SECONDS",
        help="exit status 1 if one waits longer (600)",
    )
    listed.add_argument(
        "--again", action="store_true", help="request those that wait longer once more: nothing is returned twice"
    )
    about = "hold the gateway's list of payments against ours, mend what differs, name the rest; it runs by itself, too"
    made = _add(commands, "reconcile", _reconcile, about, "reconcile --hours 48")
    made.add_argument(
        "--hours", type=_hours, default=2.0, metavar="HOURS", help="look at what was charged since so long ago (2)"
    )
    about = "cancel a screening for good and return what was paid for it"
    made = _add(commands, "cancel", _cancel, about, "cancel 550e8400-e29b-41d4-a716-446655440000 --yes")
    made.add_argument("session", metavar="SESSION", help="the screening's id")
    made.add_argument(
        "--yes", action="store_true", help="I am sure. It may be run again, to finish what was interrupted"
    )


def _add(commands: Any, name: str, run: Command, about: str, example: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = commands.add_parser(
        name,
        help=about,
        description=f"{about[0].upper()}{about[1:]}.",
        epilog=f"example: python -m infra.ops {example}",
    )
    made.add_argument("--stage", default="local", help="which deployment (local)")
    made.add_argument(
        "--endpoint", type=_address, metavar="URL", help="an emulator, or another address of AWS's services"
    )
    made.add_argument("--region", help="of AWS (as your environment or profile says)")
    made.add_argument("--profile", help="of your AWS configuration (as your environment says)")
    made.add_argument("--json", action="store_true", help="the answer as JSON")
    made.set_defaults(run=run)
    return made


def _address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise argparse.ArgumentTypeError(f"{text!r} must be a URL such as http://127.0.0.1:4566")
    return text.rstrip("/")


def _at_least_one(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number of at least 1")
    return number


def _event_types(text: str) -> list[str]:
    from chalicelib.domain.events import EventType

    names = [name.strip() for name in text.split(",")]
    if unknown := sorted(set(names) - set(EventType)):
        raise argparse.ArgumentTypeError(f"no event is named {unknown[0]!r}: there are {', '.join(EventType)}")
    return names


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} must be a moment such as 2026-11-23T18:00:00Z")
    return moment


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} must be a day such as 2026-11-27") from error


def _port(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if not 1 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} must be a port from 1 to 65535")
    return number


def _hours(text: str) -> float:
    return _number(text, "hours", MOST_OVERLAP_HOURS)


def _seconds(text: str) -> float:
    return _number(text, "seconds", MOST_SECONDS)


def _number(text: str, unit: str, most: float) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 <= number <= most:
        raise argparse.ArgumentTypeError(f"{text!r} must be a number of {unit} from 0 to {most}")
    return number


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    connection: Connection | None = None
    try:
        connection = Connection.to(options.stage, Given(options.endpoint, options.region, options.profile))
        with _environment_of(connection):
            answer: Answer = options.run(connection, options)
    except OpsError as refusal:
        return _refuse(str(refusal))
    except (BotoCoreError, ClientError) as error:
        return _refuse(_in_a_sentence(error, connection))
    print(answer.shown(as_json=options.json))
    return answer.status


@contextlib.contextmanager
def _environment_of(connection: Connection) -> Iterator[None]:
    """Of this process, within: commands that use the application's own clients read it."""
    before, wanted = dict(os.environ), connection.changed(os.environ)
    differing = {name for name in before.keys() | wanted.keys() if before.get(name) != wanted.get(name)}
    _set(differing, wanted)
    try:
        yield
    finally:
        _set(differing, before)


def _set(names: Iterable[str], values: Mapping[str, str]) -> None:
    for name in names:
        os.environ.pop(name, None)
        if name in values:
            os.environ[name] = values[name]


def _refuse(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return REFUSED


def _in_a_sentence(error: Exception, connection: Connection | None) -> str:
    where = connection.where if connection else "AWS"
    if isinstance(error, NoCredentialsError | NoRegionError):
        return (
            "This stage is on AWS, which is not configured here: set the region and credentials of your AWS account "
            "(--region, --profile), or name an emulator with --endpoint."
        )
    if isinstance(error, EndpointConnectionError):
        return f"Nothing answers at {where}: start it (`make run`), or correct --endpoint or AWS_ENDPOINT_URL."
    return f"{where} does not do what is asked: {error}"


if __name__ == "__main__":
    as_command(main)
