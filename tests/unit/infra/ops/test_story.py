"""A reservation's story from its parts: the order, the words, and what is said of a source that can't be read."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from chalicelib.domain.times import to_ms
from infra.ops.connection import Connection
from infra.ops.find import Found, Records
from infra.ops.story import logs, tables
from infra.ops.story.known import KnownFacts, Line, Told
from infra.ops.story.telling import gather

NOW = datetime(2026, 11, 27, 10, tzinfo=UTC)
RESERVATION = "res-" + "x" * 33
EARLIER = NOW - timedelta(minutes=5)


@dataclass(frozen=True)
class FakeRecords(Records):
    """Items by table and first key."""

    items: dict[tuple[str, str], Any] = field(default_factory=dict)

    def get_item(self, table: str, **key: str) -> list[Any]:
        found = self.items.get((table, next(iter(key.values()))))
        return [found] if found else []


@dataclass(frozen=True)
class FakeLogs:
    """CloudWatch Logs with some lines in each group."""

    lines: dict[str, list[str]]
    asked: list[Any] = field(default_factory=list)

    def get_paginator(self, operation: str) -> Any:
        @dataclass(frozen=True)
        class Paginator:
            of: "FakeLogs"

            def paginate(self, **request: Any) -> list[Any]:
                self.of.asked.append(request)
                if operation == "describe_log_groups":
                    return [{"logGroups": [{"logGroupName": name} for name in self.of.lines]}]
                events = [
                    {"timestamp": to_ms(EARLIER), "message": line} for line in self.of.lines[request["logGroupName"]]
                ]
                return [{"events": events}]

        return Paginator(self)


@dataclass(frozen=True)
class FakeConnection(Connection):
    logs: Any = None

    def client(self, service: str) -> Any:
        assert service == "logs"
        return self.logs


def known(connection: Any = None, stage: str = "prod", **changes: Any) -> KnownFacts:
    connection = connection or FakeConnection(stage, "http://somewhere", boto3.Session(region_name="us-east-1"))
    facts = KnownFacts(
        connection=connection,
        records=FakeRecords(connection, 10),
        reservation_id=RESERVATION,
        session_id="s",
        reservation={},
        payments=Found([], "all"),
        events=[],
        now=NOW,
    )
    return replace(facts, **changes)


A_RESERVATION = {
    "id": RESERVATION,
    "state": "pending",
    "seats": ["A1"],
    "amount_cents": 2500,
    "created_at_ms": to_ms(EARLIER),
    "expires_at_ms": to_ms(EARLIER) + 30_000,
    "email": "jane.doe@example.com",
}


def lines(told: Iterator[Told]) -> list[str]:
    return [one.what if isinstance(one, Line) else one for one in told]


def test_lines_are_told_by_their_time_and_of_one_time_in_the_order_of_the_sources() -> None:
    told, _ = gather(
        known(),
        {
            "b": lambda _: [Line(NOW, "b", "last"), Line(EARLIER, "b", "first")],
            "a": lambda _: [Line(EARLIER, "a", "second")],
        },
    )

    assert [line.what for line in told] == ["first", "second", "last"]


def broken(_: KnownFacts) -> Iterator[Told]:
    yield Line(EARLIER, "table", "what was read before")
    raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not for you"}}, "GetItem")


def test_a_source_that_can_not_be_read_is_named_and_all_others_are_told() -> None:
    told, not_read = gather(
        known(), {"tables": broken, "others": lambda _: [Line(NOW, "other", "more"), "half of it."]}
    )

    assert [line.what for line in told] == ["what was read before", "more"]
    assert not_read[0].startswith("tables: ")
    assert "not for you" in not_read[0]
    assert not_read[1] == "half of it."


def test_a_reservation_is_told_without_its_buyers_address() -> None:
    told = lines(tables.tell_reservation(known(reservation=A_RESERVATION)))

    assert told == [
        "held A1 for 25.00 until 2026-11-27T09:55:30.000Z, emails to …@example.com",
        "now: pending, and lapsed",
    ]


def test_a_hold_that_ended_before_its_reservation_was_written_is_told() -> None:
    told = lines(tables.tell_reservation(known(reservation={"id": RESERVATION, "barred_ms": to_ms(EARLIER)})))

    assert told == ["its hold ended before the reservation was written"]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (None, "is free"),
        ({"z": 1}, "is free"),
        ({"r": RESERVATION, "s": "sale-1"}, "is sold by sale-1 to this reservation"),
        ({"r": "res-2", "x": to_ms(NOW) + 1}, "is held for res-2 until 2026-11-27T10:00:00.001Z"),
        (
            {"r": RESERVATION, "x": to_ms(NOW)},
            "is held for this reservation until 2026-11-27T10:00:00.000Z, which has lapsed",
        ),
    ],
)
def test_a_seat_is_told_as_its_row_has_it_now(entry: Any, words: str) -> None:
    row = {"id": "s#A", "seats": {"A1": entry} if entry else {}}
    facts = known(reservation=A_RESERVATION, records=FakeRecords(known().connection, 10, {("rows", "s#A"): row}))

    assert lines(tables.tell_seats(facts)) == [f"now: A1 {words}"]


def test_without_a_screening_it_is_said_what_can_not_be_read() -> None:
    facts = known(session_id="")

    for tell in (tables.tell_seats, tables.tell_live_hold, tables.tell_events):
        assert [one for one in tell(facts) if isinstance(one, str) and "name it with --session" in one]


def test_payments_are_told_step_by_step_and_a_table_that_was_read_in_part_is_said() -> None:
    payment = {
        "transaction_id": "tx-1",
        "fate": "refund_requested",
        "claimed_at": "2026-11-27T09:56:00.000Z",
        "charged_at": "2026-11-27T09:57:00.000Z",
        "charged_cents": 2500,
        "requested_at": "2026-11-27T09:58:00.000Z",
        "reason": "screening_cancelled",
    }

    told = lines(
        tables.tell_payments(known(payments=Found([payment], "10 items of payments read, more.", is_whole=False)))
    )

    assert told == [
        "payments: 10 items of payments read, more.",
        "tx-1: claimed for this reservation",
        "tx-1: the gateway charged 25.00",
        "tx-1: to be refunded, because screening cancelled",
        "now: tx-1 is refund_requested",
    ]


def test_logs_of_functions_are_told_from_the_first_moment_on_with_addresses_masked() -> None:
    group = "/aws/lambda/cinema-prod-app-APIHandler-1"
    ours = json.dumps({"level": "INFO", "message": f"hold_seats {RESERVATION} jane.doe@example.com", "status": 201})
    cloudwatch = FakeLogs({group: [ours, "another's"]})
    connection = FakeConnection("prod", None, boto3.Session(region_name="us-east-1"), logs=cloudwatch)

    told = lines(logs.tell_functions_logs(known(connection, reservation=A_RESERVATION)))

    assert told == [f"cinema-prod-app-APIHandler-1: INFO hold_seats {RESERVATION} …@example.com 201"]
    assert cloudwatch.asked[1]["filterPattern"] == f'"{RESERVATION}"'
    assert cloudwatch.asked[1]["startTime"] == to_ms(EARLIER - logs.MARGIN)


def test_a_place_without_logs_is_said() -> None:
    connection = FakeConnection("prod", "http://emulator", boto3.Session(region_name="us-east-1"), logs=FakeLogs({}))

    assert lines(logs.tell_functions_logs(known(connection))) == [
        "logs: no log group of a function begins with /aws/lambda/cinema-prod-app- at http://emulator."
    ]


def test_log_files_of_a_laptop_are_told_and_lines_without_a_moment_are_counted(tmp_path: Path) -> None:
    dated = {
        "level": "ERROR",
        "message": "message failed",
        "timestamp": "2026-11-27 09:59:00,000+0000",
        "id": RESERVATION,
    }
    (tmp_path / "pump.log").write_text(f"{json.dumps(dated)}\nundated {RESERVATION}\nanother's\n")

    told = lines(logs.tell_log_files(known(stage="local"), tmp_path))

    assert told == [
        "pump: ERROR message failed",
        f"logs: 1 line of pump.log without a moment: `grep {RESERVATION}` shows them.",
    ]
    assert lines(logs.tell_log_files(known(stage="local"), tmp_path / "none")) == [
        f"logs: no log files in {tmp_path / 'none'}."
    ]
    assert lines(logs.tell_log_files(known(stage="prod"), tmp_path)) == []
