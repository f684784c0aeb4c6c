"""What must be true of tables, log, gateway, invoices and tickets once everything is at rest."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import boto3

from chalicelib import wiring
from chalicelib.application.reconcile import SweepResult
from chalicelib.domain.consumers import ANALYTICS, INVOICES, NOTIFICATION, TICKETS
from chalicelib.domain.payments import Charge
from chalicelib.domain.times import from_ms
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.dynamodb.sessions import DynamoSessions
from infra.ops.connection import Connection
from infra.ops.dlq import redrive_dead_letters
from infra.ops.queues import read_queues
from infra.ops.stream_failures import StreamFailures
from tests.fakes import MovableClock
from tests.histories.cinema import PREFIX, STAGE, Cinema
from tests.histories.record import Operation
from tests.simulation.cloud.dynamodb import Database
from tests.simulation.cloud.expressions import Item
from tests.simulation.promises.at_all_times import Broken, Promises
from tests.simulation.promises.at_rest import AtRest
from tests.simulation.promises.stored import Stored

PROJECTIONS = (INVOICES, NOTIFICATION, ANALYTICS, TICKETS)
LATER = timedelta(minutes=30)
"""How far ahead the last sweeps think they are: they leave alone what is younger than a minute."""
POLL_SECONDS, TOLD_EACH_SECONDS = 0.5, 10.0
Progress = Callable[[str], None]


class Tables:
    """The tables on the emulator, read as the simulator's are."""

    def __init__(self) -> None:
        self.client = boto3.client("dynamodb")

    def items(self, table: str) -> dict[tuple[str, ...], Item]:
        """Gives the items of a table by their keys."""
        name = f"{PREFIX}-{table}"
        schema = self.client.describe_table(TableName=name)["Table"]["KeySchema"]
        keys = [one["AttributeName"] for one in sorted(schema, key=lambda one: one["KeyType"])]  # HASH, then RANGE
        pages = self.client.get_paginator("scan").paginate(TableName=name, ConsistentRead=True)
        found = (cast("Item", item) for page in pages for item in page["Items"])
        return {tuple(str(next(iter(item[key].values()))) for key in keys): item for item in found}


class Snapshot(Tables):
    """The tables at rest: each is read once, however often the promises look at it."""

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[str, dict[tuple[str, ...], Item]] = {}

    def items(self, table: str) -> dict[tuple[str, ...], Item]:
        if table not in self.known:
            self.known[table] = super().items(table)
        return self.known[table]


@dataclass(frozen=True)
class Verdict:
    """What was found at rest."""

    broken: tuple[str, ...]
    redriven: int
    """Dead letters that were given back to their queues."""
    mended: int
    """Payments that only the sweep has put right."""
    totals: Counter[str]


def come_to_rest(cinema: Cinema, seconds: float, progress: Progress) -> tuple[int, bool]:
    """Waits until no call, message or record is on its way. Gives the number of redriven dead letters, and whether
    all is at rest.

    A message whose handler has failed comes again after minutes: the pauses between its tries double.
    """
    told = time.monotonic()
    deadline, redriven, quiet = time.monotonic() + seconds, 0, 0
    before: dict[str, int] = {}
    connection = Connection.to(STAGE)
    while time.monotonic() < deadline:
        cinema.watch()
        queues = read_queues(connection)
        redriven += _redrive(connection)
        counts = {table: len(Tables().items(table)) for table in ("events", "ledger", "payments", "tickets")}
        busy = sum(queue.depth for queue in queues) or cinema.calls_on_their_way
        quiet = quiet + 1 if not busy and counts == before else 0
        if quiet >= 3 and cinema.gateway.messenger.wait_until_idle(0):
            return redriven, True
        before = counts
        if time.monotonic() - told > TOLD_EACH_SECONDS:
            told = time.monotonic()
            progress(f"still on its way: {_depths()} {cinema.calls_on_their_way or ''}")
        time.sleep(POLL_SECONDS)
    return redriven, False


def _redrive(connection: Connection) -> int:
    """Gives all dead letters back to their queues, as an operator does after an outage."""
    queues, moved = read_queues(connection), 0
    for dead in queues.dead_letter_queues:
        if dead.visible and queues.sources_of(dead):
            answer = redrive_dead_letters(
                connection.client("sqs"), dead, queues.source(dead), None, lambda done, most: None
            )
            moved += int(answer.data["moved"])
    return moved


def sweep(*, mend: bool) -> SweepResult:
    """Compares our payments with the gateway's list, as the scheduled sweep does, but half an hour ahead."""
    reconcile = wiring.payments.reconcile_charges_refunds_and_sales()
    return replace(reconcile, clock=lambda: utc_now() + LATER)(timedelta(hours=3), mend=mend)


def judge(cinema: Cinema, operations: Sequence[Operation], seconds: float, progress: Progress) -> Verdict:
    """Waits for rest, sweeps as the schedule would, waits again, and looks at everything."""
    redriven, rested = come_to_rest(cinema, seconds, progress)
    mended = sweep(mend=True)
    more, rested_again = come_to_rest(cinema, seconds, progress)
    broken = [] if rested and rested_again else [f"it does not come to rest: {_depths()}"]
    last = sweep(mend=False)
    if last.mended or last.findings:
        broken.append(f"the last sweep finds {last}")
    if parked := StreamFailures.of(Connection.to(STAGE)).list_keys():
        broken.append(f"records were put aside: {parked}")
    promises = _promises(operations)
    at_rest = AtRest(promises, _screenings(), _charges(cinema), utc_now(), PROJECTIONS)
    try:
        at_rest.check()
    except Broken as error:
        broken.append(str(error))
    return Verdict(tuple(broken), redriven + more, mended.mended, _totals(at_rest, cinema))


def on_their_way() -> int:
    """Counts the messages that are due, in all queues."""
    return sum(queue.visible for queue in read_queues(Connection.to(STAGE)))


def _depths() -> dict[str, int]:
    return {queue.short_name: queue.depth for queue in read_queues(Connection.to(STAGE)) if queue.depth}


def _promises(operations: Sequence[Operation]) -> Promises:
    """Makes the promises of the clients' 200s, and the sales of the tables."""
    stored = Stored(cast("Database", Snapshot()))
    promises = Promises(MovableClock(datetime.now(UTC)), stored, only_if_charged=True, twins_refused=True)
    for one in operations:
        if one.kind == "confirm" and one.status == 200:
            promises.confirmed[one.request["reservation"]] = one.answer["saleId"]
    for reservation in stored.reservations().values():
        if sale := reservation.sale:
            promises.sales[sale.transaction_id] = reservation.id, sale.id
    return promises


def _screenings() -> list[Any]:
    sessions = DynamoSessions(boto3.client("dynamodb"), f"{PREFIX}-sessions")
    return [sessions.get(key[0]) for key in Tables().items("sessions")]


def _charges(cinema: Cinema) -> dict[str, Charge]:
    """Reads the gateway's own list."""
    charged = (one for one in cinema.gateway.payments.values() if one["status"] == "charged")
    return {
        one["paymentId"]: Charge(
            transaction_id=one["paymentId"],
            reservation_id=one["reservationId"],
            amount_cents=one["amountCents"],
            currency=one["currency"],
            charged_at=from_ms(one["chargedAtMs"]),
            refunded_cents=one["refundedCents"],
        )
        for one in charged
    }


def _totals(at_rest: AtRest, cinema: Cinema) -> Counter[str]:
    return Counter(
        screenings=len(at_rest.screenings),
        reservations=len(at_rest.reservations),
        sales=len(at_rest.sales),
        charges=len(at_rest.charged),
        refunds=len(cinema.gateway.refunds),
        events=len(at_rest.events),
    )
