"""A screening held against its audit log: whether its rows and reservations are what the log says; its numbers anew.

proof      tables, then log ──► differences? none: proved. Some: look again; what stays to the end is told
numbers    a counter item and its events' ledger entries deleted at once ──► its events counted again ──► the next
           … until the audit queue is empty and every counter is the sum of its events in the log
"""

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from chalicelib.application.analytics import CountEvent
from chalicelib.domain.analytics import COUNTERS, NOTHING, Tally, bucket_of, tally_of, total
from chalicelib.domain.consumers import ANALYTICS, AUDIT
from chalicelib.domain.events import Event, UnreadableMessage
from chalicelib.domain.refusals import SessionNotFound, StoreUnavailable
from chalicelib.domain.reservations import Occupancy, Reservation, RowsClosed
from chalicelib.domain.sessions import Session
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.dynamodb.analytics import DynamoAnalytics, shard_of, sort_key, tally_in
from chalicelib.infrastructure.dynamodb.connection import WriteConflict, consistent_items, when_free_of_conflict
from chalicelib.infrastructure.dynamodb.event_log import DynamoEventLog
from chalicelib.infrastructure.dynamodb.processed_events import ProcessedEvents
from chalicelib.infrastructure.dynamodb.reservations import REMEMBERED, reservation_of
from chalicelib.infrastructure.dynamodb.rows import DynamoRows
from chalicelib.infrastructure.dynamodb.sessions import DynamoSessions
from chalicelib.infrastructure.ids import buyer_of_reservation
from infra.ops.connection import Connection, OpsError
from infra.ops.queues import Queue, queues_of
from infra.ops.story import Difference, Tables, differences, folded
from infra.ops.text import Answer, aligned, counted

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

EVENTS_PAGE = 500
TRANSACTION_WRITES = 10
"""AWS takes 100. Few at a time seldom meet a consumer that counts meanwhile, and a rebuild is in no hurry."""

LOOK_AGAIN_SECONDS = 0.25
DELETE_ATTEMPTS = 36
"""Five seconds of pauses on average: consumers count the same screening's events at the same time."""

DIFFERENCES = ("WHAT", "THE LOG SAYS", "THE TABLE SAYS")
TOTALS = ("COUNTER", "BEFORE", "AFTER")

Progress = Callable[[str], None]


def rebuild(
    connection: Connection, session_id: str, wait_seconds: float, progress: Progress, *, projections: bool = False
) -> Answer:
    """Exit status 1 when the tables differ from the log, or the numbers did not settle in time. Raises OpsError."""
    try:
        screening = Screening.of(connection, session_id)
        proof = proved(screening, wait_seconds)
        if projections and not proof.status:
            return _joined(proof, counted_anew(screening, wait_seconds, progress))
    except SessionNotFound as refusal:
        look = f"or name another stage than {connection.stage!r} with --stage"
        raise OpsError(
            f"There is no screening {session_id!r} at {connection.where}: correct its id, {look}."
        ) from refusal
    except UnreadableMessage as refusal:
        raise OpsError(f"The log holds what this version can't read: {refusal}. Use the deployed version.") from refusal
    except StoreUnavailable as refusal:
        unreached = f"{connection.where} did not answer ({refusal.operation})"
        raise OpsError(f"{unreached}: nothing is lost, run the command again once it does.") from refusal
    return _left_alone(proof) if projections else proof


def report_progress(text: str) -> None:
    """On stderr, so that stdout stays the answer."""
    print(text, file=sys.stderr, flush=True)


def _joined(proof: Answer, numbers: Answer) -> Answer:
    return Answer({**proof.data, **numbers.data}, f"{proof.text}\n\n{numbers.text}", numbers.status)


def _left_alone(proof: Answer) -> Answer:
    return Answer(proof.data, f"{proof.text}\n\nThe numbers were left alone: repair this first.", proof.status)


@dataclass(frozen=True)
class Screening:
    """What the stage's tables hold about it; every read is consistent."""

    connection: Connection
    client: "DynamoDBClient"
    session: Session

    @classmethod
    def of(cls, connection: Connection, session_id: str) -> "Screening":
        """Raises SessionNotFound."""
        client: DynamoDBClient = connection.client("dynamodb")
        return cls(connection, client, DynamoSessions(client, f"{connection.prefix}sessions").get(session_id))

    def table(self, name: str) -> str:
        return f"{self.connection.prefix}{name}"

    def events(self) -> list[Event]:
        log, cursor, events = DynamoEventLog(self.client, self.table("events")), None, list[Event]()
        while True:
            page = log.page(self.session.id, EVENTS_PAGE, cursor)
            events += page.items
            if not (cursor := page.cursor):
                return events

    def seats(self) -> tuple[Mapping[str, Occupancy], bool]:
        """What stands in the rows, and whether one of them is closed."""
        try:
            return DynamoRows(self.client, self.table("rows")).occupancy(self.session), False
        except RowsClosed as closed:
            return closed.occupancy, True

    def reservation_ids(self) -> set[str]:
        """Those that neither log nor rows may know: there is no index by screening, so the whole table is read."""
        pages = self.client.get_paginator("scan").paginate(
            TableName=self.table("reservations"),
            ConsistentRead=True,
            FilterExpression="session_id = :session",
            ProjectionExpression="id",
            ExpressionAttributeValues={":session": {"S": self.session.id}},
        )
        return {item["id"]["S"] for page in pages for item in page["Items"]}

    def reservations(self, ids: Iterable[str]) -> dict[str, Reservation]:
        keys = [{"buyer": {"S": buyer_of_reservation(id_)}, "id": {"S": id_}} for id_ in sorted(ids)]
        items = consistent_items(self.client, self.table("reservations"), keys)
        return {found.id: found for found in map(reservation_of, items) if found}


# The proof


def proved(screening: Screening, wait_seconds: float) -> Answer:
    """What differs in one look and no more in a later one was on its way."""
    scanned = screening.reservation_ids()
    deadline = time.monotonic() + wait_seconds
    look = _looked(screening, scanned)
    standing = look.differences
    while standing and time.monotonic() < deadline:
        time.sleep(LOOK_AGAIN_SECONDS)
        look = _looked(screening, scanned)
        standing = [difference for difference in standing if difference in look.differences]
    return _proof(screening.session, look, standing)


@dataclass(frozen=True, slots=True)
class _Look:
    events: int
    reservations: int
    differences: list[Difference]


def _looked(screening: Screening, scanned: set[str]) -> _Look:
    """The log is read after the tables: it follows them, and has the more time to catch up."""
    seats, closed = screening.seats()
    known = scanned | {entry.reservation_id for entry in seats.values()}
    first = screening.reservations(filter(buyer_of_reservation, known))
    events = screening.events()
    story = folded(events)
    told_only = [id_ for id_ in story.reservations.keys() - first.keys() if buyer_of_reservation(id_)]
    stored = first | screening.reservations(told_only)
    ours = {id_: found for id_, found in stored.items() if found.session_id == screening.session.id}
    found = differences(story, Tables(seats, ours, closed), utc_now(), REMEMBERED)
    return _Look(len(events), len(story.reservations), found)


def _proof(session: Session, look: _Look, standing: list[Difference]) -> Answer:
    data = {
        "session": session.id,
        "equal": not standing,
        "events": look.events,
        "reservations": look.reservations,
        "differences": [asdict(difference) for difference in standing],
        "on_their_way": len([one for one in look.differences if one not in standing]),
    }
    told = f"{counted(look.events, 'event')} of {counted(look.reservations, 'reservation')} of {session.id}"
    if not standing:
        return Answer(data, f"{told}: rows and reservations are what the log says.")
    rows = [(one.what, one.log, one.table) for one in standing]
    remarks = sorted({f"{one.what}: {one.remark}." for one in standing if one.remark})
    heading = f"{told}: {counted(len(standing), 'difference')}."
    return Answer(data, "\n".join([heading, "", aligned(DIFFERENCES, rows), *remarks]), status=1)


# The numbers


def counted_anew(screening: Screening, wait_seconds: float, progress: Progress) -> Answer:
    numbers = Numbers.of(screening)
    before = total(numbers.counters().values())
    numbers.count_all(progress)
    settled = numbers.settled(time.monotonic() + wait_seconds)
    after = total(numbers.counters().values())
    data = {"numbers": {"settled": settled, "before": asdict(before), "after": asdict(after)}}
    table = aligned(TOTALS, [(name, getattr(before, name), getattr(after, name)) for name in COUNTERS])
    return Answer(data, f"{table}\n\n{_verdict(screening, settled=settled)}", status=0 if settled else 1)


def _verdict(screening: Screening, *, settled: bool) -> str:
    if settled:
        return "The numbers are the sum of the log."
    again = screening.connection.command("rebuild", screening.session.id, "--projections")
    return f"Events are still on their way to the log, some may be missing in the numbers: run `{again}` again."


@dataclass(frozen=True)
class Numbers:
    """The counter items of a screening, by sort key, and the events of the log that each is made of.

    An event may be in the log, counted, both or neither when we come. Deleting a counter item and the ledger entries
    of its events in the log is one transaction, so that none of these can be counted twice, whoever delivers it when;
    one that waits in the queue finds itself counted. Lost is for a moment what was counted and is not in the log yet:
    it waits in the audit queue. Once that is empty, it is missing in the sum of its counter, which is made once more.
    """

    screening: Screening
    ledger: ProcessedEvents
    count: CountEvent
    transaction_writes: int = TRANSACTION_WRITES
    sleep: Callable[[float], None] = time.sleep

    @classmethod
    def of(cls, screening: Screening) -> "Numbers":
        ledger = ProcessedEvents(screening.client, screening.table("ledger"), ANALYTICS, utc_now)
        analytics = DynamoAnalytics(screening.client, screening.table("analytics"), ledger)
        return cls(screening, ledger, CountEvent(analytics))

    def counters(self) -> dict[str, Tally]:
        pages = self.screening.client.get_paginator("query").paginate(
            TableName=self.screening.table("analytics"),
            KeyConditionExpression="session_id = :session",
            ExpressionAttributeValues={":session": {"S": self.screening.session.id}},
            ConsistentRead=True,
        )
        return {item["bucket"]["S"]: tally_in(item) for page in pages for item in page["Items"]}

    def count_all(self, progress: Progress) -> None:
        """Counter by counter: a reader misses the events of one at most, for the moment it takes."""
        events = self._events_by_counter()
        keys = sorted(events.keys() | self.counters().keys())
        for done, key in enumerate(keys, start=1):
            self._count_anew(key, events.get(key, []))
            if done % 100 == 0 or done == len(keys):
                progress(f"counted {done} of {counted(len(keys), 'counter')}")

    def settled(self, deadline: float) -> bool:
        """Whether, by then, all events had come to the log and into their counters."""
        while True:
            all_in_the_log = not _audit_queue(self.screening.connection).depth
            events = self._events_by_counter()
            behind = self._behind(events)
            for key in behind:
                self._count_anew(key, events[key])
            if all_in_the_log and not behind and self._is_sum_of(events):
                return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(LOOK_AGAIN_SECONDS)

    def _events_by_counter(self) -> dict[str, list[Event]]:
        events: dict[str, list[Event]] = defaultdict(list)
        for event in self.screening.events():
            if tally_of(event) != NOTHING:
                events[sort_key(bucket_of(event.occurred_at), shard_of(event.id))].append(event)
        return dict(events)

    def _behind(self, events: Mapping[str, list[Event]]) -> list[str]:
        """Counters that lack something. One that is ahead of the log has counted what is on its way there."""
        found = self.counters()
        return [key for key, known in events.items() if _lacks(found.get(key, NOTHING), _sum(known))]

    def _is_sum_of(self, events: Mapping[str, list[Event]]) -> bool:
        found = {key: tally for key, tally in self.counters().items() if tally != NOTHING}
        return found == {key: _sum(known) for key, known in events.items()}

    def _count_anew(self, key: str, events: Sequence[Event]) -> None:
        self._forget(key, [event.id for event in events])
        for event in events:
            self.count(event)

    def _forget(self, key: str, event_ids: Sequence[str]) -> None:
        """With more events than one transaction takes, the counter is deleted with each part: nothing counts twice."""
        item = {"session_id": {"S": self.screening.session.id}, "bucket": {"S": key}}
        counter = {"Delete": {"TableName": self.screening.table("analytics"), "Key": item}}
        for some in _in_parts(event_ids, self.transaction_writes - 1) or [[]]:
            deletes = [counter, *map(self._without_entry, some)]
            when_free_of_conflict(partial(self._delete, deletes), self.sleep, DELETE_ATTEMPTS)

    def _without_entry(self, event_id: str) -> Any:
        key = {"id": {"S": self.ledger.entry_id(event_id)}}
        return {"Delete": {"TableName": self.screening.table("ledger"), "Key": key}}

    def _delete(self, deletes: list[Any]) -> None:
        """None has a condition, so whatever cancels them, a conflict or too many writes, passes. May be repeated."""
        try:
            self.screening.client.transact_write_items(TransactItems=deletes)
        except self.screening.client.exceptions.TransactionCanceledException as error:
            raise WriteConflict from error


def _audit_queue(connection: Connection) -> Queue:
    queue = queues_of(connection).by_name.get(f"{connection.prefix}{AUDIT}")
    if queue is None:
        deploy = f"deploy it again with `{connection.deploy_command}`"
        raise OpsError(f"Stage {connection.stage!r} has no {AUDIT} queue: {deploy}, then run the command again.")
    return queue


def _sum(events: Iterable[Event]) -> Tally:
    return total(map(tally_of, events))


def _lacks(found: Tally, wanted: Tally) -> bool:
    return any(getattr(found, name) < getattr(wanted, name) for name in COUNTERS)


def _in_parts(things: Sequence[Any], most: int) -> list[Sequence[Any]]:
    return [things[start : start + most] for start in range(0, len(things), most)]
