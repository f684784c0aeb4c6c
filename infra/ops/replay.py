"""Sends events again: stream failures, and a screening's events for one consumer.

stream-failures   object ──► its records ──► the relay that gave up, in this process ──► object deleted
events            audit log ──► one consumer's queue
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from types import ModuleType
from typing import Any

from chalicelib.application.relay import ROUTES
from chalicelib.domain.events import Event, OutgoingMessage
from chalicelib.domain.refusals import BackendUnavailable, SessionNotFound
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.sqs.queues import QueueUrls, SqsOutbox
from chalicelib.infrastructure.streams.failures import may_pass_later
from infra.ops.application import load_wiring_for_stage
from infra.ops.connection import Connection, OpsError
from infra.ops.rebuild import Screening
from infra.ops.stream_failures import StreamFailures
from infra.ops.text import Answer, aligned, counted

RELAYED_TOGETHER = 100
SENT_TOGETHER = 100
HEADINGS = ("OBJECT", "TABLE", "RECORDS", "REPLAYED", "OUTCOME")
LOOKED_AT = ("OBJECT", "TABLE", "RECORDS", "SINCE", "REASON")
NOTHING_THERE = "There are no stream failures to replay."

Progress = Callable[[str], None]
Relay = Callable[[Mapping[str, Any]], list[OutgoingMessage]]
Send = Callable[[Sequence[OutgoingMessage]], set[int]]


# Stream failures


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of replaying one object."""

    object: str
    table: str
    records: int
    replayed: int
    outcome: str
    done: bool = False


def replay_stream_failures(
    connection: Connection, limit: int | None, progress: Progress, *, look: bool = False
) -> Answer:
    """Relays stream failures again, the oldest first. With `look`, only lists them.

    Deletes an object when all its records were relayed. Exit status 1 when an object stays. Raises OpsError.
    """
    failures = StreamFailures.of(connection)
    keys = failures.list_keys()[:limit]
    if look:
        return _list_failures(failures, keys)
    if not keys:
        return _make_answer(connection, failures, [])
    replay = Replay.of(connection, failures)
    outcomes: list[Outcome] = []
    for key in keys:
        outcomes.append(replay(key))
        progress(f"replayed {len(outcomes)} of {counted(len(keys), 'object')}")
    return _make_answer(connection, failures, outcomes)


def _list_failures(failures: StreamFailures, keys: Sequence[str]) -> Answer:
    """Lists the objects and changes nothing."""
    rows = [_describe_failure(failures, key) for key in keys]
    data = [dict(zip(("object", "table", "records", "since", "reason"), row, strict=True)) for row in rows]
    return Answer(data, aligned(LOOKED_AT, rows) if rows else NOTHING_THERE)


def _describe_failure(failures: StreamFailures, key: str) -> list[Any]:
    """Gives the object's row for the list."""
    try:
        batch = failures.read_batch(key)
    except ValueError as error:
        return [key, "-", 0, "-", str(error)]
    return [key, batch.table, len(batch.records), batch.since, batch.reason]


def _make_answer(connection: Connection, failures: StreamFailures, outcomes: Sequence[Outcome]) -> Answer:
    replayed = sum(one.done for one in outcomes)
    data = {"replayed": replayed, "left": len(outcomes) - replayed, "batches": [asdict(one) for one in outcomes]}
    if not outcomes:
        return Answer(data, NOTHING_THERE)
    rows = [[one.object, one.table, one.records, one.replayed, one.outcome] for one in outcomes]
    parts = [aligned(HEADINGS, rows)]
    if data["left"]:
        rebuild = connection.command("rebuild", "SESSION")
        parts.append(
            "What failed again stays: repair the cause and run the command again. The facts of what never can be "
            f"relayed are in the tables: `{rebuild}` names what a screening's log lacks. Note it, then delete the "
            f"object from the bucket {failures.bucket}; it goes by itself 30 days after it came."
        )
    return Answer(data, "\n\n".join(parts), status=1 if data["left"] else 0)


@dataclass
class FailedRecords:
    """Collects the reasons of records that failed again. Such records stay in their object; later ones go on."""

    reasons: list[str] = field(default_factory=list)

    def count_failure_and_tell_whether_to_park(self, record: Mapping[str, Any], error: Exception) -> bool:
        """Tells whether to park the record and go on: always, except in an outage, which will end."""
        return not may_pass_later(error)

    def park(self, record: Mapping[str, Any], reason: str) -> None:
        """Notes the reason. The record stays in its object."""
        self.reasons.append(reason)


@dataclass(frozen=True)
class Replay:
    """Replays failed stream batches, one S3 object for each call, by the application's own relays in this process."""

    connection: Connection
    failures: StreamFailures
    relays: Mapping[str, Relay]
    """The relay of each table, by the table's name."""
    send: Send
    batches: ModuleType
    """The module chalicelib.api.batches, which `of` imports in such a way that its logs go to stderr."""

    @classmethod
    def of(cls, connection: Connection, failures: StreamFailures) -> "Replay":
        """Makes the replay from the stage's application. Raises OpsError."""
        load_wiring_for_stage(connection)
        with redirect_stdout(sys.stderr):  # its logs go to stderr: stdout is for the answer
            from chalicelib import wiring
            from chalicelib.api import batches

        prefix = wiring.settings().table_prefix
        relays = {
            f"{prefix}-rows": wiring.streams.finish_sales_request_refunds_if_closed_and_list_messages_of_row,
            f"{prefix}-reservations": wiring.streams.mark_sold_or_expire_and_list_messages_of_reservation,
            f"{prefix}-payments": wiring.streams.mark_reservation_if_refunded_and_list_messages_of_payment,
        }
        return cls(connection, failures, relays, wiring.streams.send_messages, batches)

    def __call__(self, key: str) -> Outcome:
        """Replays the object. Deletes it when all its records were relayed."""
        try:
            batch = self.failures.read_batch(key)
        except ValueError as error:
            return Outcome(key, "-", 0, 0, str(error))
        unread = Outcome(key, batch.table, len(batch.records), 0, "")
        relay = self.relays.get(batch.table)
        if relay is None:
            return replace(unread, outcome=f"stream {batch.stream!r} is none that this stage relays")
        outcome = self._replay_records(batch.records, unread, relay)
        if outcome.done:
            self.failures.delete(key)
        return outcome

    def _replay_records(self, records: Sequence[Mapping[str, Any]], outcome: Outcome, relay: Relay) -> Outcome:
        """Relays the records, RELAYED_TOGETHER at a time, and stops at an outage."""
        left = FailedRecords()
        for start in range(0, len(records), RELAYED_TOGETHER):
            some = records[start : start + RELAYED_TOGETHER]
            handled = self._relay_until_outage(some, relay, left)
            if handled < len(some):
                why = "a service did not answer, which is logged: run it again once it does"
                return replace(outcome, replayed=max(start + handled - len(left.reasons), 0), outcome=why)
        replayed = len(records) - len(left.reasons)
        if left.reasons:
            return replace(outcome, replayed=replayed, outcome=f"its relay failed again: {left.reasons[0]}")
        return replace(outcome, replayed=replayed, outcome="replayed", done=True)

    def _relay_until_outage(self, records: Sequence[Mapping[str, Any]], relay: Relay, left: FailedRecords) -> int:
        """Relays the records. Gives the number handled before an outage."""
        try:
            failed = self.batches.relay_in_order(records, relay, self.send, left)["batchItemFailures"]
        except self.batches.NothingRelayed:
            return 0
        numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
        return numbers.index(failed[0]["itemIdentifier"]) if failed else len(records)


# Events


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Selects events by type (empty: all) and time: at or after `from_`, and before `until`."""

    types: frozenset[str] = frozenset()
    from_: datetime | None = None
    until: datetime | None = None

    def __contains__(self, event: Event) -> bool:
        in_time = (self.from_ is None or event.occurred_at >= self.from_) and (
            self.until is None or event.occurred_at < self.until
        )
        return in_time and (not self.types or event.type in self.types)


def known_consumers() -> list[str]:
    """Gives the names of all consumers."""
    return sorted({consumer for queues in ROUTES.values() for consumer in queues})


def replay_events(
    connection: Connection, session_id: str, consumer: str, wanted: EventFilter, progress: Progress, *, sure: bool
) -> Answer:
    """Sends the screening's wanted events to the consumer when `sure`. Otherwise only counts them.

    Raises OpsError.
    """
    if consumer not in known_consumers():
        raise OpsError(f"No consumer is named {consumer!r}: there are {', '.join(known_consumers())}.")
    found = [e for e in _read_events(connection, session_id) if e in wanted and consumer in ROUTES[e.type]]
    data = {"session": session_id, "consumer": consumer, "events": len(found), "sent": len(found) if sure else 0}
    counts = f"{counted(len(found), 'event')} of {session_id}"
    if not sure:
        return Answer(data, f"This would send {counts} to {consumer}: say --yes to send.")
    _send_events(connection, consumer, found, progress)
    return Answer(data, f"Sent {counts} to {consumer}, which tolerates those that it knows.")


def _read_events(connection: Connection, session_id: str) -> list[Event]:
    """Reads the screening's log. Raises OpsError."""
    try:
        return Screening.of(connection, session_id).read_events()
    except SessionNotFound as refusal:
        raise OpsError(f"There is no screening {session_id!r} at {connection.where}: correct its id.") from refusal
    except BackendUnavailable as refusal:
        raise OpsError(
            f"{connection.where} did not answer ({refusal.operation}): run it again once it does."
        ) from refusal


def _send_events(connection: Connection, consumer: str, found: Sequence[Event], progress: Progress) -> None:
    """Sends the events to the consumer's queue. Raises OpsError unless it takes all of them."""
    sqs = connection.client("sqs")
    outbox = SqsOutbox(sqs, connection.prefix.removesuffix("-"), QueueUrls(sqs))
    for start in range(0, len(found), SENT_TOGETHER):
        some = [OutgoingMessage(consumer, event) for event in found[start : start + SENT_TOGETHER]]
        if unsent := outbox.send_and_list_unsent_positions(some, utc_now()):
            sent = start + len(some) - len(unsent)
            raise OpsError(
                f"Sent {sent} of {counted(len(found), 'event')}; {consumer} did not take the others now: "
                "run the command again, every consumer tolerates an event twice."
            )
        progress(f"sent {start + len(some)} of {len(found)}")
