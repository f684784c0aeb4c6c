"""Lists dead letters, shows them, gives them back to their source queue, or deletes them."""

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
from infra.ops.text import Answer, aligned, counted, format_duration

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

Progress = Callable[[int, int], None]


def list_dead_letter_queues(queues: Queues) -> Answer:
    """Lists every dead-letter queue with its depth and its sources."""
    data = [_queue_data(queues, queue) for queue in queues.dead_letter_queues]
    rows = [[one["name"], one["depth"], ", ".join(one["sources"]) or "none"] for one in data]
    return Answer(data, aligned(("DEAD-LETTER QUEUE", "MESSAGES", "SOURCE"), rows))


def _queue_data(queues: Queues, queue: Queue) -> dict[str, Any]:
    sources = [source.short_name for source in queues.sources_of(queue)]
    return {"name": queue.short_name, "queue": queue.name, "depth": queue.depth, "sources": sources}


# Show


def show_dead_letters(sqs: "SQSClient", queue: Queue, limit: int) -> Answer:
    """Shows up to `limit` messages and leaves them in the queue."""
    messages = dead_letters.peek(sqs, queue.url, min(limit, queue.visible))
    text = "\n\n".join([_heading_text(queue, len(messages)), *map(_as_text, messages)])
    data = {"queue": queue.name, "depth": queue.depth, "messages": [_dead_letter_data(message) for message in messages]}
    return Answer(data, text)


def _dead_letter_data(dead_letter: DeadLetter) -> dict[str, Any]:
    return {**asdict(dead_letter), "sent_at": _to_iso(dead_letter.sent_at), "body": _parse_body(dead_letter.body)}


def _to_iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _parse_body(body: str) -> Any:
    """Gives the value of a JSON body, or the text of any other."""
    try:
        return json.loads(body)
    except ValueError:
        return body


def _heading_text(queue: Queue, shown: int) -> str:
    if not queue.depth:
        return f"{queue.name} is empty."
    hidden = f"; {queue.in_flight} more in somebody's hands" if queue.in_flight else ""
    return f"{queue.name}: {shown} of {counted(queue.visible, 'message')}{hidden}"


def _as_text(dead_letter: DeadLetter) -> str:
    age = datetime.now(UTC) - dead_letter.sent_at
    tries = f"{dead_letter.receives} by its handler, " if dead_letter.receives is not None else ""
    body_content = _parse_body(dead_letter.body)
    body = body_content if isinstance(body_content, str) else json.dumps(body_content, indent=2, ensure_ascii=False)
    lines = [
        f"id        {dead_letter.id}",
        f"sent      {_to_iso(dead_letter.sent_at)}, {format_duration(max(age.total_seconds(), 0))} ago",
        f"reason    {dead_letter.reason or 'not given: it was received too often'}",
        f"receives  {tries}{dead_letter.received_here} counted by SQS, this look included",
        *(f"attribute {name} = {value}" for name, value in sorted(dead_letter.attributes.items())),
        *(f"  {line}" for line in body.splitlines()),
    ]
    return "\n".join(lines)


# Redrive and purge


def redrive_dead_letters(
    sqs: "SQSClient", queue: Queue, source: Queue, limit: int | None, progress: Progress
) -> Answer:
    """Moves the dead letters back to their source: at most `limit`, and none that come later.

    When interrupted, raises OpsError with the number of messages moved so far.
    """
    most = queue.visible if limit is None else min(limit, queue.visible)
    try:
        moved = dead_letters.redrive(sqs, queue.url, source.url, most, lambda moved: progress(moved, most))
    except dead_letters.RedriveInterrupted as error:
        raise OpsError(_interruption_text(error.moved, most, queue, source, error.__cause__)) from error
    left = queue.depth - moved
    text = f"Moved {counted(moved, 'message')} from {queue.name} to {source.name}; {left} left."
    return Answer({"from": queue.name, "to": source.name, "moved": moved, "left": left}, text)


def _interruption_text(moved: int, most: int, queue: Queue, source: Queue, error: BaseException | None) -> str:
    return (
        f"Moved {moved} of {counted(most, 'message')} from {queue.name} to {source.name}, then it failed: {error}. "
        f"Nothing is lost: the others are still in {queue.name}; run the command again."
    )


def report_progress(moved: int, most: int) -> None:
    """Prints the progress to stderr, for stdout has the answer."""
    print(f"moved {moved} of {most}", file=sys.stderr, flush=True)


def purge_dead_letters(sqs: "SQSClient", queues: Queues, queue: Queue, *, sure: bool) -> Answer:
    """Deletes all messages of the queue for good. Raises OpsError unless `sure`."""
    if not sure:
        look = queues.connection.command("dlq", "show", queue.short_name)
        raise OpsError(
            f"This would delete {counted(queue.depth, 'message')} of {queue.name} for good: look at them with "
            f"`{look}`, and say --yes if that is what you want."
        )
    sqs.purge_queue(QueueUrl=queue.url)
    data = {"queue": queue.name, "deleted": queue.depth}
    return Answer(data, f"Deleted {counted(queue.depth, 'message')} of {queue.name}.")
