"""The two designs, as the measurements see them: instances to ask, faults to inject, tables to count."""

import json
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import boto3

from benchmarks.classic import dying
from benchmarks.classic.machine import Classic, run_redis_at, run_service
from benchmarks.classic.ours import PREFIX, Ours, run_dying_instance
from benchmarks.load import tables
from chalicelib.domain.events import EventType
from chalicelib.infrastructure.sqs.envelopes import event_from_wire
from infra.processes import Child, run_child

STOP = {"kill": "", "stop": "stop"}
EVENTS_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Counted:
    """The count of some screenings, from the tables."""

    sold: int
    oversold: int
    faults: Sequence[str]


class Side(Protocol):
    """A design, running, as the measurements use it."""

    @property
    def name(self) -> str: ...

    @property
    def urls(self) -> Sequence[str]: ...

    def count(self, sessions: Collection[str], told_sold: int) -> Counted:
        """Counts sales and oversold seats of the screenings, from the tables."""

    def run_redis(self) -> AbstractContextManager[Child]:
        """Starts the design's Redis again, empty, on its old port."""

    @property
    def redis(self) -> Child: ...

    def run_dying(self, place: str, by: str) -> AbstractContextManager[tuple[str, Child]]:
        """Runs an instance that dies once seats are locked ("locked") or a sale is committed ("committed")."""

    def count_paid_events(self, session: str, reservations: Collection[str]) -> int:
        """Counts those of the reservations whose PaymentConfirmed has left, for all to hear."""


@dataclass(frozen=True, slots=True)
class OurSide:
    system: Ours
    name: str = "ours"

    @property
    def urls(self) -> Sequence[str]:
        return self.system.urls

    @property
    def redis(self) -> Child:
        return self.system.redis

    def count(self, sessions: Collection[str], told_sold: int) -> Counted:
        found = tables.audit(PREFIX, sessions, told_sold)
        return Counted(found.sold, len(found.oversold), found.faults)

    def run_redis(self) -> AbstractContextManager[Child]:
        return run_redis_at("ours-redis-again", self.system.redis_port, self.system.scratch)

    def run_dying(self, place: str, by: str) -> AbstractContextManager[tuple[str, Child]]:
        at = {"locked": dying.HELD, "committed": dying.SOLD}[place]
        return run_dying_instance(self.system.environment, self.system.scratch, at, by)

    def count_paid_events(self, session: str, reservations: Collection[str]) -> int:
        """Runs the relay and the consumers until the audit log has all events, for EVENTS_PATIENCE_SECONDS at most."""
        deadline, found = time.monotonic() + EVENTS_PATIENCE_SECONDS, 0
        with _run_pump(self.system):
            while found < len(reservations) and time.monotonic() < deadline:
                time.sleep(0.5)
                found = len(set(reservations) & set(_paid_in_audit_log(session)))
        return found


@contextmanager
def _run_pump(system: Ours) -> Iterator[None]:
    command = [sys.executable, "-m", "infra.local.pump"]
    with run_child("compare-pump", command, system.environment, run_dir=system.scratch):
        yield


def _paid_in_audit_log(session: str) -> Iterator[str]:
    key = {":session": {"S": session}}
    pages = boto3.client("dynamodb").get_paginator("query")
    asked = pages.paginate(
        TableName=f"{PREFIX}-events", KeyConditionExpression="session_id = :session", ExpressionAttributeValues=key
    )
    for event in (event_from_wire(json.loads(item["event"]["S"])) for page in asked for item in page["Items"]):
        if event.type is EventType.PAYMENT_CONFIRMED:
            yield event.reservation_id


OVERSOLD = """
SELECT count(*) FROM (
    SELECT screening_id, seat FROM reservations, unnest(seats) AS seat
    WHERE status = 'confirmed' AND screening_id = ANY('{{{sessions}}}') GROUP BY 1, 2 HAVING count(*) > 1
) AS twice
"""
CONTRADICTIONS = """
SELECT r.id FROM reservations r CROSS JOIN unnest(r.seats) AS seat
    LEFT JOIN seats s ON s.screening_id = r.screening_id AND s.number = seat
WHERE r.screening_id = ANY('{{{sessions}}}') AND r.status = 'confirmed'
    AND (s.status IS DISTINCT FROM 'sold' OR s.reservation_id IS DISTINCT FROM r.id)
UNION SELECT s.reservation_id FROM seats s LEFT JOIN reservations r ON r.id = s.reservation_id
WHERE s.screening_id = ANY('{{{sessions}}}') AND s.status = 'sold' AND r.status IS DISTINCT FROM 'confirmed'
"""
SALES = """
SELECT count(*) FROM sales JOIN reservations ON reservations.id = reservation_id
WHERE screening_id = ANY('{{{sessions}}}')
"""


@dataclass(frozen=True, slots=True)
class ClassicSide:
    system: Classic
    name: str = "classic"

    @property
    def urls(self) -> Sequence[str]:
        return self.system.urls

    @property
    def redis(self) -> Child:
        return self.system.locks

    def count(self, sessions: Collection[str], told_sold: int) -> Counted:
        ids = ",".join(sessions)
        query = self.system.postgres.query
        sold, oversold = (int(query(each.format(sessions=ids))[0][0]) for each in (SALES, OVERSOLD))
        faults = [f"{row[0]} and its seats contradict each other" for row in query(CONTRADICTIONS.format(sessions=ids))]
        if told_sold > sold:
            faults.append(f"buyers were told of {told_sold} sales, and the tables have {sold}")
        return Counted(sold, oversold, faults)

    def run_redis(self) -> AbstractContextManager[Child]:
        return run_redis_at("locks-again", self.system.locks_port, self.system.scratch)

    def run_dying(self, place: str, by: str) -> AbstractContextManager[tuple[str, Child]]:
        return run_service(self.system.environment, self.system.scratch, DIE_AT=place, DIE_BY=STOP[by])

    def count_paid_events(self, session: str, reservations: Collection[str]) -> int:
        """Reads the broker's stream, which has the events of all screenings."""
        del session
        import redis

        with redis.Redis.from_url(self.system.broker_url, decode_responses=True) as broker:
            events: Any = broker.xrange("events")
        paid = [json.loads(fields["body"]) for _, fields in events if fields["type"] == "PaymentConfirmed"]
        return len(set(reservations) & {event["reservationId"] for event in paid})
