"""Finds a reservation's messages in queues, dead-letter queues and stream failures. Nothing is consumed.

A look at a queue with a consumer counts as one of the receives after which SQS gives a message up. So only its depth is
read, unless the operator asks for more.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from chalicelib.domain.board import DeadLetter
from chalicelib.domain.email import mask_email_local_parts
from chalicelib.infrastructure.sqs import dead_letters
from infra.ops.queues import Queue, read_queues
from infra.ops.story.known import KnownFacts, Line, Told
from infra.ops.stream_failures import StreamFailures
from infra.ops.text import counted

MOST_MESSAGES = 500
"""The largest number of messages of one queue that are looked at."""
MOST_FAILURES = 500


def tell_dead_letters(known: KnownFacts) -> Iterator[Told]:
    for queue in read_queues(known.connection).dead_letter_queues:
        yield from _tell_queue(known, queue, "dead letter")


def tell_waiting_messages(known: KnownFacts, *, peek: bool) -> Iterator[Told]:
    """Tells the reservation's messages that wait for a consumer. Without `peek`, only counts all waiting messages."""
    queues = read_queues(known.connection)
    dead = {queue.name for queue in queues.dead_letter_queues}
    for queue in (queue for queue in queues if queue.name not in dead and queue.depth):
        if peek:
            yield from _tell_queue(known, queue, "waiting")
        elif queue.visible:
            waiting = counted(queue.visible, "message")
            yield f"queue {queue.short_name}: {waiting} not looked at, as a look counts as a receive: --peek does."
        if queue.in_flight or queue.delayed:
            hidden = f"{queue.delayed} delayed and {queue.in_flight} in flight"
            yield f"queue {queue.short_name}: {hidden} can't be looked at."


def _tell_queue(known: KnownFacts, queue: Queue, source: str) -> Iterator[Told]:
    if not queue.visible:
        return
    messages = dead_letters.peek(known.connection.client("sqs"), queue.url, min(queue.visible, MOST_MESSAGES))
    for message in messages:
        if known.reservation_id in message.body:
            yield Line(message.sent_at, source, f"in {queue.short_name}: {_message_text(message)}")
    if queue.visible > len(messages):
        yield f"queue {queue.short_name}: {len(messages)} of {counted(queue.visible, 'message')} looked at."


def _message_text(message: DeadLetter) -> str:
    reason = f", given up: {mask_email_local_parts(message.reason)}" if message.reason else ""
    return f"{_kind_of(message.body)}{reason}"


def _kind_of(body: str) -> str:
    """Names a message by its body: an event by its type; a hold, a charge."""
    try:
        wire = json.loads(body)
    except ValueError:
        return "a message that is no JSON"
    if isinstance(wire, dict) and "charge" in wire:
        return "a charge by the gateway"
    return str(wire.get("type", "a hold, to be released when it lapses")) if isinstance(wire, dict) else "a message"


def tell_stream_failures(known: KnownFacts) -> Iterator[Told]:
    failures = StreamFailures.of(known.connection)
    keys = failures.list_keys()
    for key in keys[-MOST_FAILURES:]:
        try:
            batch = failures.read_batch(key)
        except ValueError as error:
            yield f"stream failures: {key} is not readable: {error}"
            continue
        for record in (one for one in batch.records if known.reservation_id in json.dumps(one)):
            reason = mask_email_local_parts(batch.reason)
            what = f"{record.get('eventName', 'a change')} of {batch.table} was not relayed: {reason}"
            yield Line(_moment_of(record), "stream failure", what)
    if len(keys) > MOST_FAILURES:
        yield f"stream failures: the newest {MOST_FAILURES} of {len(keys)} files read."


def _moment_of(record: Any) -> datetime:
    return datetime.fromtimestamp(float(record["dynamodb"]["ApproximateCreationDateTime"]), UTC)
