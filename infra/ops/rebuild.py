"""Compares a screening's rows and reservations with its audit log, and counts its analytics anew from the log.

proof      tables, then log ──► no differences: proved. Some: compare again; differences that stay are reported
numbers    a counter item and the processed events that it counts deleted at once ──► its events counted again
           ──► the next … until the audit queue is empty and every counter is the sum of its events in the log
"""

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from chalicelib.application.consumers.analytics import CountEvent
from chalicelib.domain.analytics import COUNTERS, EMPTY_TALLY, Tally, bucket_start, sum_tallies, tally_of
from chalicelib.domain.consumers import ANALYTICS, AUDIT
from chalicelib.domain.events import Event, UnreadableMessage
from chalicelib.domain.refusals import BackendUnavailable, SessionNotFound
from chalicelib.domain.reservations import Occupancy, Reservation, RowsOfCancelledSession, buyer_pseudonym_or_empty
from chalicelib.domain.sessions import Session
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.dynamodb.connection import (
    BatchReader,
    WriteConflict,
    retry_on_conflict_or_raise_unavailable,
)
from chalicelib.infrastructure.dynamodb.events.analytics import (
    DynamoAnalytics,
    counter_sort_key,
    shard_of,
    tally_from_item,
)
from chalicelib.infrastructure.dynamodb.events.event_log import DynamoEventLog
from chalicelib.infrastructure.dynamodb.events.processed_events import DynamoProcessedEvents
from chalicelib.infrastructure.dynamodb.reservations import REMEMBERED, reservation_from_item_unless_bar
from chalicelib.infrastructure.dynamodb.rows import DynamoRows
from chalicelib.infrastructure.dynamodb.sessions import DynamoSessions
from infra.ops.connection import Connection, OpsError
from infra.ops.queues import Queue, read_queues
from infra.ops.screening_log import Difference, Tables, find_differences, fold_events
from infra.ops.text import Answer, aligned, counted

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

EVENTS_PAGE = 500
TRANSACTION_WRITES = 10
"""The largest number of writes of one transaction. AWS takes 100, but small ones seldom conflict with a consumer's
counting."""

LOOK_AGAIN_SECONDS = 0.25
DELETE_ATTEMPTS = 36
"""The largest number of attempts at a transaction that conflicts with consumers' writes. The pauses are some five
seconds in all."""

DIFFERENCES = ("WHAT", "THE LOG SAYS", "THE TABLE SAYS")
TOTALS = ("COUNTER", "BEFORE", "AFTER")

Progress = Callable[[str], None]


def rebuild_screening(
    connection: Connection, session_id: str, wait_seconds: float, progress: Progress, *, projections: bool = False
) -> Answer:
    """Compares the screening with its log. With `projections`, counts its analytics anew.

    Exit status 1 when the tables differ from the log, or the analytics did not settle in time. Raises OpsError.
    """
    try:
        screening = Screening.of(connection, session_id)
        proof = prove_tables(screening, wait_seconds)
        if projections and not proof.status:
            return _join_answers(proof, recount_numbers(screening, wait_seconds, progress))
    except SessionNotFound as refusal:
        look = f"or name another stage than {connection.stage!r} with --stage"
        raise OpsError(
            f"There is no screening {session_id!r} at {connection.where}: correct its id, {look}."
        ) from refusal
    except UnreadableMessage as refusal:
        raise OpsError(f"The log holds what this version can't read: {refusal}. Use the deployed version.") from refusal
    except BackendUnavailable as refusal:
        unreached = f"{connection.where} did not answer ({refusal.operation})"
        raise OpsError(f"{unreached}: nothing is lost, run the command again once it does.") from refusal
    return _with_numbers_left_alone(proof) if projections else proof


def report_progress(text: str) -> None:
    """Prints the progress to stderr, for stdout has the answer."""
    print(text, file=sys.stderr, flush=True)


def _join_answers(proof: Answer, numbers: Answer) -> Answer:
    """Puts both answers into one."""
    return Answer({**proof.data, **numbers.data}, f"{proof.text}\n\n{numbers.text}", numbers.status)


def _with_numbers_left_alone(proof: Answer) -> Answer:
    """Adds to the answer that the analytics were not counted, because the tables differ."""
    return Answer(proof.data, f"{proof.text}\n\nThe numbers were left alone: repair this first.", proof.status)


@dataclass(frozen=True)
class Screening:
    """Reads all that the stage's tables hold about a screening; every read is consistent."""

    connection: Connection
    client: "DynamoDBClient"
    session: Session

    @classmethod
    def of(cls, connection: Connection, session_id: str) -> "Screening":
        """Reads the session. Raises SessionNotFound."""
        client: DynamoDBClient = connection.client("dynamodb")
        return cls(connection, client, DynamoSessions(client, f"{connection.prefix}sessions").get(session_id))

    def table_name(self, name: str) -> str:
        return f"{self.connection.prefix}{name}"

    def read_events(self) -> list[Event]:
        """Reads all its events from the log."""
        log, cursor, events = DynamoEventLog(self.client, self.table_name("events")), None, list[Event]()
        while True:
            page = log.list_events(self.session.id, EVENTS_PAGE, cursor)
            events += page.items
            if not (cursor := page.cursor):
                return events

    def read_seats_and_whether_closed(self) -> tuple[Mapping[str, Occupancy], bool]:
        """Reads the entries of all rows, by seat. Also tells whether at least one row is closed."""
        try:
            return DynamoRows(self.client, self.table_name("rows")).read_entries_with_lapsed_or_raise_if_cancelled(
                self.session
            ), False
        except RowsOfCancelledSession as closed:
            return closed.occupancy, True

    def scan_reservation_ids(self) -> set[str]:
        """Gives the ids of the screening's reservations. Reads the whole table: no index has them all."""
        pages = self.client.get_paginator("scan").paginate(
            TableName=self.table_name("reservations"),
            ConsistentRead=True,
            FilterExpression="session_id = :session",
            ProjectionExpression="id",
            ExpressionAttributeValues={":session": {"S": self.session.id}},
        )
        return {item["id"]["S"] for page in pages for item in page["Items"]}

    def read_reservations(self, ids: Iterable[str]) -> dict[str, Reservation]:
        """Reads these reservations, by id. Leaves out unknown ids."""
        keys = [{"buyer": {"S": buyer_pseudonym_or_empty(id_)}, "id": {"S": id_}} for id_ in sorted(ids)]
        items = BatchReader(self.client, self.table_name("reservations"))(keys)
        return {found.id: found for found in map(reservation_from_item_unless_bar, items) if found}


# The proof


def prove_tables(screening: Screening, wait_seconds: float) -> Answer:
    """Compares tables and log until they agree or the time is over.

    A difference counts only if every comparison finds it. Any other came from an event that was not yet in the log.
    """
    scanned = screening.scan_reservation_ids()
    deadline = time.monotonic() + wait_seconds
    comparison = _compare_once(screening, scanned)
    lasting = comparison.differences
    while lasting and time.monotonic() < deadline:
        time.sleep(LOOK_AGAIN_SECONDS)
        comparison = _compare_once(screening, scanned)
        lasting = [difference for difference in lasting if difference in comparison.differences]
    return _proof_answer(screening.session, comparison, lasting)


@dataclass(frozen=True, slots=True)
class _Comparison:
    """The result of one comparison, and how much was compared."""

    events: int
    reservations: int
    differences: list[Difference]


def _compare_once(screening: Screening, scanned: set[str]) -> _Comparison:
    """Compares tables and log once. Reads the log last, because events arrive there after the tables have changed."""
    seats, closed = screening.read_seats_and_whether_closed()
    known = scanned | {entry.reservation_id for entry in seats.values()}
    first = screening.read_reservations(filter(buyer_pseudonym_or_empty, known))
    events = screening.read_events()
    story = fold_events(events)
    logged_only = [id_ for id_ in story.reservations.keys() - first.keys() if buyer_pseudonym_or_empty(id_)]
    stored = first | screening.read_reservations(logged_only)
    ours = {id_: found for id_, found in stored.items() if found.session_id == screening.session.id}
    found = find_differences(story, Tables(seats, ours, closed), utc_now(), REMEMBERED)
    return _Comparison(len(events), len(story.reservations), found)


def _proof_answer(session: Session, comparison: _Comparison, lasting: list[Difference]) -> Answer:
    """Makes the answer: proved, or each lasting difference."""
    data = {
        "session": session.id,
        "equal": not lasting,
        "events": comparison.events,
        "reservations": comparison.reservations,
        "differences": [asdict(difference) for difference in lasting],
        "on_their_way": len([one for one in comparison.differences if one not in lasting]),
    }
    counts = (
        f"{counted(comparison.events, 'event')} of {counted(comparison.reservations, 'reservation')} of {session.id}"
    )
    if not lasting:
        return Answer(data, f"{counts}: rows and reservations are what the log says.")
    rows = [(one.what, one.log, one.table) for one in lasting]
    remarks = sorted({f"{one.what}: {one.remark}." for one in lasting if one.remark})
    heading = f"{counts}: {counted(len(lasting), 'difference')}."
    return Answer(data, "\n".join([heading, "", aligned(DIFFERENCES, rows), *remarks]), status=1)


# The numbers


def recount_numbers(screening: Screening, wait_seconds: float, progress: Progress) -> Answer:
    """Counts the analytics anew from the log. Exit status 1 when some events are not counted in time."""
    numbers = CounterRebuild.of(screening)
    before = sum_tallies(numbers.read_counters().values())
    numbers.count_all(progress)
    settled = numbers.wait_until_settled(time.monotonic() + wait_seconds)
    after = sum_tallies(numbers.read_counters().values())
    data = {"numbers": {"settled": settled, "before": asdict(before), "after": asdict(after)}}
    table = aligned(TOTALS, [(name, getattr(before, name), getattr(after, name)) for name in COUNTERS])
    return Answer(data, f"{table}\n\n{_verdict_text(screening, settled=settled)}", status=0 if settled else 1)


def _verdict_text(screening: Screening, *, settled: bool) -> str:
    if settled:
        return "The numbers are the sum of the log."
    again = screening.connection.command("rebuild", screening.session.id, "--projections")
    return f"Events are still on their way to the log, some may be missing in the numbers: run `{again}` again."


@dataclass(frozen=True)
class CounterRebuild:
    """Counts a screening's analytics anew, counter item by counter item, from the events in its log.

    One transaction deletes a counter item and its events' entries in the table of processed events. So no event is
    counted twice, whoever delivers it. An event that was counted before it reached the log is lost with its counter.
    But it waits in the audit queue: once that queue is empty, the log has the event. The counter is then lower than
    the sum of its events, and is counted once more.
    """

    screening: Screening
    processed_events: DynamoProcessedEvents
    count: CountEvent
    transaction_writes: int = TRANSACTION_WRITES
    sleep: Callable[[float], None] = time.sleep

    @classmethod
    def of(cls, screening: Screening) -> "CounterRebuild":
        """Makes the rebuild from the stage's tables."""
        processed_events = DynamoProcessedEvents(screening.client, screening.table_name("ledger"), ANALYTICS, utc_now)
        analytics = DynamoAnalytics(screening.client, screening.table_name("analytics"), processed_events)
        return cls(screening, processed_events, CountEvent(analytics))

    def read_counters(self) -> dict[str, Tally]:
        """Reads the counter items, by sort key."""
        pages = self.screening.client.get_paginator("query").paginate(
            TableName=self.screening.table_name("analytics"),
            KeyConditionExpression="session_id = :session",
            ExpressionAttributeValues={":session": {"S": self.screening.session.id}},
            ConsistentRead=True,
        )
        return {item["bucket"]["S"]: tally_from_item(item) for page in pages for item in page["Items"]}

    def count_all(self, progress: Progress) -> None:
        """Counts all counters anew, one after the other. Each is too low for a moment."""
        events = self._read_events_by_counter()
        keys = sorted(events.keys() | self.read_counters().keys())
        for done, key in enumerate(keys, start=1):
            self._recount_counter(key, events.get(key, []))
            if done % 100 == 0 or done == len(keys):
                progress(f"counted {done} of {counted(len(keys), 'counter')}")

    def wait_until_settled(self, deadline: float) -> bool:
        """Waits until all events are in the log and in their counters. Recounts counters that are too low.

        Gives False when the deadline comes first. Raises OpsError.
        """
        while True:
            all_in_the_log = not _find_audit_queue(self.screening.connection).depth
            events = self._read_events_by_counter()
            behind = self._find_counters_behind(events)
            for key in behind:
                self._recount_counter(key, events[key])
            if all_in_the_log and not behind and _are_sums(self.read_counters(), events):
                return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(LOOK_AGAIN_SECONDS)

    def _read_events_by_counter(self) -> dict[str, list[Event]]:
        """Reads the log. Groups its events by the sort key of their counter."""
        events: dict[str, list[Event]] = defaultdict(list)
        for event in self.screening.read_events():
            if tally_of(event) != EMPTY_TALLY:
                events[counter_sort_key(shard_of(event.id), bucket_start(event.occurred_at))].append(event)
        return dict(events)

    def _find_counters_behind(self, events: Mapping[str, list[Event]]) -> list[str]:
        """Finds the counters that are lower than the sum of their events in the log.

        A counter may also be higher: it then has events that are not yet in the log.
        """
        found = self.read_counters()
        return [key for key, known in events.items() if _has_lower_number(found.get(key, EMPTY_TALLY), _sum_of(known))]

    def _recount_counter(self, key: str, events: Sequence[Event]) -> None:
        """Deletes the counter and counts its events again."""
        self._delete_counter(key, [event.id for event in events])
        for event in events:
            self.count(event)

    def _delete_counter(self, key: str, event_ids: Sequence[str]) -> None:
        """Deletes the counter and the entries of its events.

        Many entries need several transactions. Each deletes the counter, too, so that no event is counted twice.
        """
        item = {"session_id": {"S": self.screening.session.id}, "bucket": {"S": key}}
        counter = {"Delete": {"TableName": self.screening.table_name("analytics"), "Key": item}}
        for some in _split_into_parts(event_ids, self.transaction_writes - 1) or [[]]:
            deletions = [counter, *map(self._entry_deletion, some)]
            retry_on_conflict_or_raise_unavailable(
                partial(self._delete_in_one_transaction, deletions), self.sleep, DELETE_ATTEMPTS
            )

    def _entry_deletion(self, event_id: str) -> Any:
        """Makes the action that deletes an event's entry in the table of processed events."""
        key = {"id": {"S": self.processed_events.entry_id(event_id)}}
        return {"Delete": {"TableName": self.screening.table_name("ledger"), "Key": key}}

    def _delete_in_one_transaction(self, deletions: list[Any]) -> None:
        """Deletes the items, all or none. Raises WriteConflict.

        A retry is safe, because no deletion has a condition.
        """
        try:
            self.screening.client.transact_write_items(TransactItems=deletions)
        except self.screening.client.exceptions.TransactionCanceledException as error:
            raise WriteConflict("TransactWriteItems") from error


def _find_audit_queue(connection: Connection) -> Queue:
    """Finds the stage's audit queue, with its depth. Raises OpsError when there is none."""
    queue = read_queues(connection).by_name.get(f"{connection.prefix}{AUDIT}")
    if queue is None:
        deploy = f"deploy it again with `{connection.deploy_command}`"
        raise OpsError(f"Stage {connection.stage!r} has no {AUDIT} queue: {deploy}, then run the command again.")
    return queue


def _sum_of(events: Iterable[Event]) -> Tally:
    return sum_tallies(map(tally_of, events))


def _are_sums(counters: Mapping[str, Tally], events: Mapping[str, list[Event]]) -> bool:
    """Tells whether the counters are the sums of their events. An empty counter counts as missing."""
    found = {key: tally for key, tally in counters.items() if tally != EMPTY_TALLY}
    return found == {key: _sum_of(known) for key, known in events.items()}


def _has_lower_number(found: Tally, wanted: Tally) -> bool:
    """Tells whether any number of the counter is lower than wanted."""
    return any(getattr(found, name) < getattr(wanted, name) for name in COUNTERS)


def _split_into_parts(things: Sequence[Any], most: int) -> list[Sequence[Any]]:
    """Splits the sequence into parts of at most `most` things."""
    return [things[start : start + most] for start in range(0, len(things), most)]
