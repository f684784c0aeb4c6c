"""The drills of docs/operations.md, played on the emulator: what is lost is said there, and asserted here."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from chalicelib.domain.events import EventType
from infra.local.pump import Pump, StreamSource
from infra.ops.__main__ import main
from infra.ops.connection import Connection
from infra.ops.rebuild import Screening
from tests.conftest import STAGE, ApiServers
from tests.effort import mostly_thorough, thorough
from tests.http_api import Api
from tests.integration.conftest import Said, Tables, drain_until

Operate = Callable[..., Said]


@pytest.fixture
def operate(data_stack: str, capsys: pytest.CaptureFixture[str]) -> Operate:
    """Runs an operator's command."""

    def run(*words: str) -> Said:
        status = main([*words, "--stage", STAGE])
        return Said(status, *capsys.readouterr())

    return run


@pytest.fixture
def api(server: str) -> Api:
    return Api(server)


@dataclass(frozen=True)
class Booked:
    """A screening with a sale of A1 and A2, a hold of A4 that was cancelled, one of B1 that lapses after a second."""

    session: str
    sold: str
    sale: str
    cancelled: str
    lapsing: str


def book(api: Api, quick: Api) -> Booked:
    session = api.schedule()
    lapsing = quick.hold(session, "B1", user="davi").body["reservationId"]
    cancelled = api.hold(session, "A4", user="caio").body["reservationId"]
    assert api.delete(f"/api/reservations/{cancelled}").status < 300
    sold = api.hold(session, "A1", "A2", user="ana").body["reservationId"]
    sale = api.confirm(sold).body["saleId"]
    return Booked(session, sold, sale, cancelled, lapsing)


def logged(session: str) -> set[EventType]:
    return {event.type for event in Screening.of(Connection.to(STAGE), session).read_events()}


def stands(table: str, key: Mapping[str, Any]) -> Any:
    return (
        boto3.client("dynamodb").get_item(TableName=f"cinema-{STAGE}-{table}", Key=key, ConsistentRead=True).get("Item")
    )


def wait_for_lapse(api: Api, session: str, seat: str) -> None:
    deadline = time.monotonic() + 10
    while api.seats(session)[seat] != "available":
        assert time.monotonic() < deadline
        time.sleep(0.1)


# A region's stream is lost.


def test_a_lost_stream_loses_no_seat_and_its_events_are_told_again_from_the_tables(
    api: Api, quick: Api, pump: Pump, operate: Operate, tables: Tables
) -> None:
    booked = book(api, quick)
    pump.skip()  # no relay sees any of it
    wait_for_lapse(api, booked.session, "B1")
    assert api.hold(booked.session, "A1", user="bia").status == 409
    assert api.hold(booked.session, "B1", user="bia").status == 201
    pump.skip()
    assert operate("rebuild", booked.session, "--wait", "0").status == 1
    assert stands("invoices", {"id": {"S": booked.sold}}) is None

    tell_again(booked.session, pump, operate)
    assert stands("invoices", {"id": {"S": booked.sold}})
    assert api.get(f"/api/reservations/{booked.sold}/tickets").status == 200
    numbers = operate("rebuild", booked.session, "--projections", "--json").data["numbers"]
    assert numbers["settled"]
    assert numbers["before"] == numbers["after"]
    # Lost, as is said: that a hold's seats were given back, where its row was written again since.
    assert {EventType.PAYMENT_CONFIRMED, EventType.RESERVATION_CANCELLED} <= logged(booked.session)
    assert EventType.SEAT_RELEASED not in logged(booked.session)


def tell_again(session: str, pump: Pump, operate: Operate) -> None:
    """Counts first, which sends nothing; then sends, until log and tables agree."""
    assert "would send" in operate("replay", "tables", session).out
    pump.drain()
    assert logged(session) == set()
    assert operate("replay", "tables", session, "--yes").status == 0
    drain_until(pump, lambda: operate("rebuild", session, "--wait", "0").status == 0)


def test_telling_again_what_was_told_changes_nothing(api: Api, quick: Api, pump: Pump, operate: Operate) -> None:
    booked = book(api, quick)
    drain_until(pump, lambda: EventType.RESERVATION_EXPIRED in logged(booked.session))
    pump.drain()
    before = Screening.of(Connection.to(STAGE), booked.session).read_events()
    assert operate("replay", "tables", booked.session, "--yes").status == 0
    pump.drain()
    assert Screening.of(Connection.to(STAGE), booked.session).read_events() == before
    assert operate("rebuild", booked.session, "--projections", "--wait", "2").status == 0


# A queue is purged by mistake.


def relay_only(pump: Pump) -> None:
    """Feeds the streams' handlers, and no queue's."""
    streams = [source for source in pump.sources if isinstance(source, StreamSource)]
    quiet = 0
    while quiet < 3:
        delivered = sum(source.feed().delivered for source in streams)
        quiet = 0 if delivered else quiet + 1


def purge(queue: str) -> None:
    sqs = boto3.client("sqs")
    sqs.purge_queue(QueueUrl=sqs.get_queue_url(QueueName=f"cinema-{STAGE}-{queue}")["QueueUrl"])


@pytest.mark.parametrize(
    ("queue", "table"), [("invoices", "invoices"), ("tickets", "tickets")], ids=["invoices", "tickets"]
)
def test_what_a_purged_queue_of_a_consumer_had_is_sent_again_from_the_log(
    queue: str, table: str, api: Api, quick: Api, pump: Pump, operate: Operate
) -> None:
    booked = book(api, quick)
    relay_only(pump)
    purge(queue)
    pump.drain()
    assert stands(table, {"id": {"S": booked.sold}}) is None
    assert operate("replay", "events", booked.session, "--to", queue, "--yes").status == 0
    pump.drain()
    assert stands(table, {"id": {"S": booked.sold}})


def test_what_a_purged_audit_queue_had_is_told_again_from_the_tables(
    api: Api, quick: Api, pump: Pump, operate: Operate
) -> None:
    booked = book(api, quick)
    relay_only(pump)
    purge("audit")
    pump.drain()
    assert operate("rebuild", booked.session, "--wait", "0").status == 1
    assert operate("replay", "tables", booked.session, "--yes").status == 0
    drain_until(pump, lambda: operate("rebuild", booked.session, "--wait", "0").status == 0)


def test_holds_whose_expiry_messages_were_purged_lapse_and_are_ended_from_the_tables(
    api: Api, quick: Api, pump: Pump, operate: Operate, tables: Tables
) -> None:
    booked = book(api, quick)
    relay_only(pump)
    purge("expiry")
    wait_for_lapse(api, booked.session, "B1")
    pump.drain()
    assert tables.state(booked.lapsing) == "pending"
    assert api.get(f"/api/reservations/{booked.lapsing}").body["status"] == "expired"
    assert operate("replay", "tables", booked.session, "--yes").status == 0
    drain_until(pump, lambda: tables.state(booked.lapsing) == "expired")


# A table is restored to a minute ago.


@dataclass(frozen=True)
class Backup:
    """A copy of a table's items of one moment, as a restore of that moment has them."""

    table: str
    items: list[dict[str, Any]]
    moment: datetime

    @classmethod
    def of(cls, table: str) -> "Backup":
        items = [dict(item) for item in _items(table)]
        moment = next_second()
        return cls(table, items, moment)

    def put_back(self) -> None:
        """Makes the table as it was: later items go, too."""
        client, name = boto3.client("dynamodb"), f"cinema-{STAGE}-{self.table}"
        schema = client.describe_table(TableName=name)["Table"]["KeySchema"]
        kept = self.items
        for item in _items(self.table):
            key = {one["AttributeName"]: item[one["AttributeName"]] for one in schema}
            if not any(all(old[part] == key[part] for part in key) for old in kept):
                client.delete_item(TableName=name, Key=key)
        for item in kept:
            client.put_item(TableName=name, Item=item)


def _items(table: str) -> Iterator[Any]:
    pages = (
        boto3.client("dynamodb")
        .get_paginator("scan")
        .paginate(TableName=f"cinema-{STAGE}-{table}", ConsistentRead=True)
    )
    return (item for page in pages for item in page["Items"])


def next_second() -> datetime:
    """Waits for it, because a stream's times are whole seconds. Gives it."""
    moment = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
    time.sleep(max((moment - datetime.now(UTC)).total_seconds(), 0) + 0.02)
    return moment


def iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def roll_forward(table: str, moments: Sequence[str], as_it_was: list[str], operate: Operate) -> None:
    """Counts first, which writes nothing; then writes."""
    assert "would write" in operate("roll-forward", table, *moments).out
    assert sorted(map(str, _items(table))) != as_it_was
    rolled = operate("roll-forward", table, *moments, "--yes", "--json")
    assert rolled.status == 0, rolled.out
    assert rolled.data["written"] >= 1
    assert sorted(map(str, _items(table))) == as_it_was


@pytest.mark.parametrize("table", mostly_thorough(["payments", "reservations", "rows"], 3))
def test_a_table_restored_to_an_earlier_moment_is_brought_forward_by_its_stream(
    table: str, api: Api, quick: Api, pump: Pump, operate: Operate, tables: Tables
) -> None:
    session = api.schedule()
    before = api.hold(session, "A8", user="eva").body["reservationId"]
    backup = Backup.of(table)
    sold = api.hold(session, "A1", "A2", user="ana").body["reservationId"]
    sale = api.confirm(sold).body["saleId"]
    assert api.confirm(before).status == 200
    pump.drain()
    damage = next_second()
    as_it_was = sorted(map(str, _items(table)))
    backup.put_back()
    pump.skip()  # the mappings are switched off meanwhile: restored items are no news
    assert sorted(map(str, _items(table))) != as_it_was
    moments = ("--since", iso(backup.moment), "--until", iso(damage))

    roll_forward(table, moments, as_it_was, operate)
    pump.drain()
    assert operate("rebuild", session).status == 0
    assert api.confirm(sold).body["saleId"] == sale
    assert sale in str(api.get("/api/users/ana/purchases").body)
    assert operate("roll-forward", table, *moments, "--yes", "--json").data["written"] == 0


@thorough
def test_an_item_that_was_changed_since_is_left_alone_and_named(
    api_servers: ApiServers, pump: Pump, operate: Operate, tables: Tables
) -> None:
    api = Api(api_servers(1, REDIS_URL="")[0])  # the gate would still refuse what is sold
    session = api.schedule()
    backup = Backup.of("rows")
    api.confirm(api.hold(session, "A1", user="ana").body["reservationId"])
    damage = next_second()
    backup.put_back()
    later = api.hold(session, "A1", user="bia")
    assert later.status == 201, "what was sold is free again until the table is brought forward"
    moments = ("--since", iso(backup.moment), "--until", iso(damage))
    rolled = operate("roll-forward", "rows", *moments, "--yes", "--json")
    assert rolled.status == 1
    assert rolled.data["left"] == [f"{session}#A"]
    assert tables.row(session, "A")["seats"]["M"]["A1"]["M"]["r"] == {"S": later.body["reservationId"]}
    pump.drain()
    assert operate("rebuild", session, "--wait", "0").status == 1
