"""Dead letters: list them, look at them, give them back to where they came from, or delete them."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from chalicelib.domain.board import DeadLetter
from chalicelib.infrastructure.sqs import dead_letters
from infra.ops.connection import OpsError
from infra.ops.queues import Queue, Queues
from infra.ops.text import Answer, aligned, counted, duration

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

Progress = Callable[[int, int], None]


def list_dead_letter_queues(queues: Queues) -> Answer:
    letters = [_queue_data(queues, queue) for queue in queues.dead_letter_queues]
    rows = [[one["name"], one["depth"], ", ".join(one["sources"]) or "none"] for one in letters]
    return Answer(letters, aligned(("DEAD-LETTER QUEUE", "MESSAGES", "SOURCE"), rows))


def _queue_data(queues: Queues, queue: Queue) -> dict[str, Any]:
    sources = [source.short_name for source in queues.sources_of(queue)]
    return {"name": queue.short_name, "queue": queue.name, "depth": queue.depth, "sources": sources}


# Show


def show_dead_letters(sqs: "SQSClient", queue: Queue, limit: int) -> Answer:
    """Looks at up to `limit` messages and gives them back; nothing is consumed."""
    letters = dead_letters.look(sqs, queue.url, min(limit, queue.visible))
    text = "\n\n".join([_heading(queue, len(letters)), *map(_as_text, letters)])
    data = {"queue": queue.name, "depth": queue.depth, "messages": [_letter_data(letter) for letter in letters]}
    return Answer(data, text)


def _letter_data(letter: DeadLetter) -> dict[str, Any]:
    return {**asdict(letter), "sent_at": _to_iso(letter.sent_at), "body": _parse_body(letter.body)}


def _to_iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _parse_body(body: str) -> Any:
    """JSON as what it says, anything else as its text."""
    try:
        return json.loads(body)
    except ValueError:
        return body


def _heading(queue: Queue, shown: int) -> str:
    if not queue.depth:
        return f"{queue.name} is empty."
    hidden = f"; {queue.in_flight} more in somebody's hands" if queue.in_flight else ""
    return f"{queue.name}: {shown} of {counted(queue.visible, 'message')}{hidden}"


def _as_text(letter: DeadLetter) -> str:
    age = datetime.now(UTC) - letter.sent_at
    tries = f"{letter.receives} by its handler, " if letter.receives is not None else ""
    said = _parse_body(letter.body)
    body = said if isinstance(said, str) else json.dumps(said, indent=2, ensure_ascii=False)
    lines = [
        f"id        {letter.id}",
        f"sent      {_to_iso(letter.sent_at)}, {duration(max(age.total_seconds(), 0))} ago",
        f"reason    {letter.reason or 'not given: it was received too often'}",
        f"receives  {tries}{letter.received_here} counted by SQS, this look included",
        *(f"attribute {name} = {value}" for name, value in sorted(letter.attributes.items())),
        *(f"  {line}" for line in body.splitlines()),
    ]
    return "\n".join(lines)


# Redrive and purge


def redrive_dead_letters(
    sqs: "SQSClient", letters: Queue, source: Queue, limit: int | None, progress: Progress
) -> Answer:
    """Gives the dead letters back to their source, at most as many as there are now. Raises OpsError, telling how many
    were moved before."""
    most = letters.visible if limit is None else min(limit, letters.visible)
    try:
        moved = dead_letters.redrive(sqs, letters.url, source.url, most, lambda moved: progress(moved, most))
    except dead_letters.Interrupted as error:
        raise OpsError(_interruption_text(error.moved, most, letters, source, error.__cause__)) from error
    left = letters.depth - moved
    text = f"Moved {counted(moved, 'message')} from {letters.name} to {source.name}; {left} left."
    return Answer({"from": letters.name, "to": source.name, "moved": moved, "left": left}, text)


def _interruption_text(moved: int, most: int, letters: Queue, source: Queue, error: BaseException | None) -> str:
    return (
        f"Moved {moved} of {counted(most, 'message')} from {letters.name} to {source.name}, then it failed: {error}. "
        f"Nothing is lost: the others are still in {letters.name}; run the command again."
    )


def report_progress(moved: int, most: int) -> None:
    """On stderr, so that stdout stays the answer."""
    print(f"moved {moved} of {most}", file=sys.stderr, flush=True)


def purge_dead_letters(sqs: "SQSClient", queues: Queues, letters: Queue, *, sure: bool) -> Answer:
    """Deletes all of them for good. Raises OpsError unless `sure`."""
    if not sure:
        look = queues.connection.command("dlq", "show", letters.short_name)
        raise OpsError(
            f"This would delete {counted(letters.depth, 'message')} of {letters.name} for good: look at them with "
            f"`{look}`, and say --yes if that is what you want."
        )
    sqs.purge_queue(QueueUrl=letters.url)
    data = {"queue": letters.name, "deleted": letters.depth}
    return Answer(data, f"Deleted {counted(letters.depth, 'message')} of {letters.name}.")
