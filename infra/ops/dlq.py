"""Dead letters: list them, look at them, give them back to where they came from, or delete them."""

import json
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.ops.connection import OpsError
from infra.ops.queues import Queue, Queues
from infra.ops.text import Answer, aligned, counted, duration

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

SQS_BATCH = 10
HIDDEN_SECONDS = 30
"""How long a message is ours while we look at it or move it. If we die it is back in its queue after that time."""
WAIT_SECONDS = 1
"""Asking without waiting sees only some of SQS's servers, and may find nothing where there is something."""
ABOUT_THE_FAILURE = ("reason", "receives")
"""Message attributes that the handler gives a message when it gives up; they do not go back with it."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter as it is shown."""

    id: str
    sent_at: str
    """When it was last sent: by its handler as it gave up, else into its first queue, which SQS's own move keeps."""
    reason: str | None
    """None where SQS's own redrive policy moved it."""
    receives: int | None
    """How often its handler tried, where it says so."""
    received_here: int
    """How often it was received since it was sent, looking at it included."""
    attributes: dict[str, str]
    body: Any


def list_all(queues: Queues) -> Answer:
    letters = [_listed(queues, queue) for queue in queues.dead_letter_queues]
    rows = [[one["name"], one["depth"], ", ".join(one["sources"]) or "none"] for one in letters]
    return Answer(letters, aligned(("DEAD-LETTER QUEUE", "MESSAGES", "SOURCE"), rows))


def _listed(queues: Queues, queue: Queue) -> dict[str, Any]:
    sources = [source.short_name for source in queues.sources_of(queue)]
    return {"name": queue.short_name, "queue": queue.name, "depth": queue.depth, "sources": sources}


# Show


def show(sqs: "SQSClient", queue: Queue, limit: int) -> Answer:
    """Looks at up to `limit` messages and gives them back; nothing is consumed."""
    letters = [_letter(message) for message in _look(sqs, queue, limit)]
    text = "\n\n".join([_heading(queue, len(letters)), *map(_as_text, letters)])
    data = {"queue": queue.name, "depth": queue.depth, "messages": [asdict(letter) for letter in letters]}
    return Answer(data, text)


def _look(sqs: "SQSClient", queue: Queue, limit: int) -> list["MessageTypeDef"]:
    seen: list[MessageTypeDef] = []
    wanted = min(limit, queue.visible)
    try:
        while len(seen) < wanted and (batch := receive(sqs, queue, wanted - len(seen))):
            seen += batch
    finally:
        give_back(sqs, queue, seen)
    return seen


def receive(sqs: "SQSClient", queue: Queue, most: int) -> list["MessageTypeDef"]:
    answer = sqs.receive_message(
        QueueUrl=queue.url,
        MaxNumberOfMessages=min(most, SQS_BATCH),
        VisibilityTimeout=HIDDEN_SECONDS,
        WaitTimeSeconds=WAIT_SECONDS,
        MessageSystemAttributeNames=["All"],
        MessageAttributeNames=["All"],
    )
    return answer.get("Messages", [])


def give_back(sqs: "SQSClient", queue: Queue, messages: Sequence["MessageTypeDef"]) -> None:
    """What can't be given back comes back by itself after HIDDEN_SECONDS."""
    with suppress(BotoCoreError, ClientError):
        for message in messages:
            sqs.change_message_visibility(
                QueueUrl=queue.url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )


def _letter(message: "MessageTypeDef") -> Letter:
    system: dict[str, str] = {str(name): value for name, value in message.get("Attributes", {}).items()}
    attributes = {
        name: value.get("StringValue", f"({len(value.get('BinaryValue', b''))} bytes)")
        for name, value in message.get("MessageAttributes", {}).items()
    }
    receives = attributes.pop("receives", "")
    return Letter(
        id=message["MessageId"],
        sent_at=_time(int(system["SentTimestamp"])),
        reason=attributes.pop("reason", None),
        receives=int(receives) if receives.isdecimal() else None,
        received_here=int(system["ApproximateReceiveCount"]),
        attributes=attributes,
        body=_parsed(message["Body"]),
    )


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _parsed(body: str) -> Any:
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


def _as_text(letter: Letter) -> str:
    age = datetime.now(UTC) - datetime.fromisoformat(letter.sent_at)
    tries = f"{letter.receives} by its handler, " if letter.receives is not None else ""
    body = letter.body if isinstance(letter.body, str) else json.dumps(letter.body, indent=2, ensure_ascii=False)
    lines = [
        f"id        {letter.id}",
        f"sent      {letter.sent_at}, {duration(max(age.total_seconds(), 0))} ago",
        f"reason    {letter.reason or 'not given: it was received too often'}",
        f"receives  {tries}{letter.received_here} counted by SQS, this look included",
        *(f"attribute {name} = {value}" for name, value in sorted(letter.attributes.items())),
        *(f"  {line}" for line in body.splitlines()),
    ]
    return "\n".join(lines)


# Redrive and purge


def redrive(sqs: "SQSClient", letters: Queue, source: Queue, limit: int | None, progress: Progress) -> Answer:
    """Gives the dead letters back to their source, at most as many as there are now: one that fails again at once
    comes back behind them and is not moved in circles. Raises OpsError, telling how many were moved before.

    Not `StartMessageMoveTask`: not every emulator knows it, and it would take `reason` and `receives` along.
    """
    most = letters.visible if limit is None else min(limit, letters.visible)
    moved = 0
    while moved < most and (batch := receive(sqs, letters, most - moved)):
        for position, message in enumerate(batch):
            try:
                _move(sqs, message, letters, source)
            except (BotoCoreError, ClientError) as error:
                give_back(sqs, letters, batch[position:])
                raise OpsError(_interrupted(moved, most, letters, source, error)) from error
            moved += 1
        progress(moved, most)
    left = letters.depth - moved
    text = f"Moved {counted(moved, 'message')} from {letters.name} to {source.name}; {left} left."
    return Answer({"from": letters.name, "to": source.name, "moved": moved, "left": left}, text)


def _move(sqs: "SQSClient", message: "MessageTypeDef", letters: Queue, source: Queue) -> None:
    """Sent first, deleted afterwards: dying in between delivers it twice, which every consumer tolerates."""
    attributes: dict[str, Any] = {
        name: {part: value[part] for part in ("DataType", "StringValue", "BinaryValue") if part in value}
        for name, value in message.get("MessageAttributes", {}).items()
        if name not in ABOUT_THE_FAILURE
    }
    sqs.send_message(QueueUrl=source.url, MessageBody=message["Body"], MessageAttributes=attributes)
    sqs.delete_message(QueueUrl=letters.url, ReceiptHandle=message["ReceiptHandle"])


def _interrupted(moved: int, most: int, letters: Queue, source: Queue, error: Exception) -> str:
    return (
        f"Moved {moved} of {counted(most, 'message')} from {letters.name} to {source.name}, then it failed: {error}. "
        f"Nothing is lost: the others are still in {letters.name}; run the command again."
    )


def report_progress(moved: int, most: int) -> None:
    """On stderr, so that stdout stays the answer."""
    print(f"moved {moved} of {most}", file=sys.stderr, flush=True)


def purge(sqs: "SQSClient", queues: Queues, letters: Queue, *, sure: bool) -> Answer:
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
