"""Puts the story in order: every source is asked, and one that can't be read is named and passed over."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.domain.refusals import BackendUnavailable
from chalicelib.domain.times import to_iso
from infra.ops.connection import Connection, OpsError
from infra.ops.story import logs, messages, tables
from infra.ops.story.known import KnownFacts, Line, Told, read_known
from infra.ops.text import Answer, aligned
from infra.processes import RUN_DIR

HEADINGS = ("TIME", "SOURCE", "WHAT HAPPENED")
Source = Callable[[KnownFacts], Iterable[Told]]


def tell_story(
    connection: Connection,
    reservation_id: str,
    session_id: str = "",
    *,
    most: int = 10_000,
    peek: bool = False,
    run_dir: Path = RUN_DIR,
) -> Answer:
    """Tells a reservation's life, oldest first, and the sources that failed. Raises OpsError for a wrong id."""
    known = read_known(connection, reservation_id, session_id, most)
    lines, not_read = gather(known, sources(peek=peek, run_dir=run_dir))
    if not any(line.at < known.now for line in lines):
        where = f"stage {connection.stage!r} at {connection.where}"
        raise OpsError(f"Nothing is known of {reservation_id} in {where}. Not read: {' '.join(not_read) or 'nothing.'}")
    return _answer(known, lines, not_read)


def sources(*, peek: bool, run_dir: Path) -> dict[str, Source]:
    """Gives the sources by name. Of one moment, the lines of an earlier source come first."""
    return {
        "reservations": tables.tell_reservation,
        "payments": tables.tell_payments,
        "events": tables.tell_events,
        "notifications": tables.tell_notifications,
        "invoices": tables.tell_invoice,
        "tickets": tables.tell_tickets,
        "ledger": tables.tell_consumers,
        "stream failures": messages.tell_stream_failures,
        "dead letters": messages.tell_dead_letters,
        "queues": partial(messages.tell_waiting_messages, peek=peek),
        "functions' logs": logs.tell_functions_logs,
        "log files": partial(logs.tell_log_files, run_dir=run_dir),
        "rows": tables.tell_seats,
        "live-holds": tables.tell_live_hold,
    }


def gather(known: KnownFacts, from_: dict[str, Source]) -> tuple[list[Line], list[str]]:
    """Asks every source. Gives the lines in order, and a sentence for all that could not be read."""
    lines: list[Line] = []
    not_read: list[str] = []
    for name, tell in from_.items():
        try:
            for told in tell(known):
                lines += [told] if isinstance(told, Line) else []
                not_read += [told] if isinstance(told, str) else []
        except (OpsError, BotoCoreError, ClientError, BackendUnavailable, OSError) as error:
            not_read.append(f"{name}: {error}")
    return sorted(lines, key=lambda line: line.at), not_read


def _answer(known: KnownFacts, lines: list[Line], not_read: list[str]) -> Answer:
    data = {
        "reservation": known.reservation_id,
        "session": known.session_id or None,
        "story": [{"at": to_iso(line.at), "source": line.source, "what": line.what} for line in lines],
        "not_read": not_read,
    }
    table = aligned(HEADINGS, [(to_iso(line.at), line.source, line.what) for line in lines])
    rest = [f"Not read: {sentence}" for sentence in not_read]
    return Answer(data, "\n".join([table, *rest]))
