"""Costs of each path with a Redis: DynamoDB calls and round trips to Redis, counted on both wires."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from tests.http_api import Api
from tests.redis_machine import RedisWire
from tests.wire import Wire


@dataclass
class Cost:
    dynamodb: list[str] = field(default_factory=list)
    redis: int = 0


@dataclass(frozen=True)
class Meter:
    wire: Wire
    redis_wire: RedisWire

    @contextmanager
    def reading(self) -> Iterator[Cost]:
        cost = Cost()
        with self.wire.counting() as calls, self.redis_wire.counting() as round_trips:
            yield cost
        cost.dynamodb += [call.operation for call in calls]
        cost.redis = round_trips[0]


@pytest.fixture
def meter(wire: Wire, redis_wire: RedisWire) -> Meter:
    return Meter(wire, redis_wire)


@pytest.fixture
def known_session(gated_api: Api) -> str:
    """The id of a screening that the instance has in memory already."""
    session_id = gated_api.schedule()
    gated_api.get(f"/api/sessions/{session_id}")
    return session_id


def test_a_refused_hold_asks_redis_is_counted_there_and_asks_nobody_else(
    gated_api: Api, meter: Meter, known_session: str
) -> None:
    gated_api.hold(known_session, "A1")
    with meter.reading() as cost:
        answer = gated_api.hold(known_session, "A1", "A2", user="late")

    assert (answer.status, answer.body["conflictingSeats"]) == (409, ["A1"])
    assert cost == Cost([], 2)


@pytest.mark.usefixtures("redis_keeps_all_keys")
def test_so_does_one_with_an_idempotency_key(gated_api: Api, meter: Meter, known_session: str) -> None:
    gated_api.hold(known_session, "A1")
    with meter.reading() as cost:
        assert gated_api.hold(known_session, "A1", user="late", Idempotency_Key=uuid.uuid4().hex).status == 409

    assert cost == Cost([], 2)


@pytest.mark.usefixtures("redis_keeps_all_keys")
def test_a_hold_asks_redis_before_and_tells_it_after(gated_api: Api, meter: Meter, known_session: str) -> None:
    gated_api.hold(known_session, "A1", Idempotency_Key=uuid.uuid4().hex)
    with meter.reading() as cost:
        assert gated_api.hold(known_session, "A2", "A3", Idempotency_Key=uuid.uuid4().hex).status == 201

    assert cost == Cost(["UpdateItem", "UpdateItem", "PutItem"], 2)


def test_a_confirmation_tells_redis_once(gated_api: Api, meter: Meter, known_session: str) -> None:
    reservation = gated_api.hold(known_session, "A1").body["reservationId"]
    with meter.reading() as cost:
        assert gated_api.confirm(reservation).status == 200

    assert cost == Cost(["GetItem", *["UpdateItem"] * 3], 1)


def test_cancelling_looks_and_tells(gated_api: Api, meter: Meter, known_session: str) -> None:
    reservation = gated_api.hold(known_session, "A1").body["reservationId"]
    with meter.reading() as cost:
        assert gated_api.delete(f"/api/reservations/{reservation}").status == 200

    assert cost == Cost(["GetItem", "UpdateItem", "UpdateItem"], 2)


def test_a_seat_map_that_is_kept_costs_one_question_to_redis(gated_api: Api, meter: Meter, known_session: str) -> None:
    """The map lives for a second: a machine that was busy for longer must read it again."""
    path = f"/api/sessions/{known_session}/seats"
    gated_api.hold(known_session, "A1")
    with meter.reading() as first:
        gated_api.get(path)
    assert first == Cost(["BatchGetItem"], 3)

    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        gated_api.get(path)
        with meter.reading() as cost:
            assert gated_api.seats(known_session)["A1"] == "reserved"
        if cost == Cost([], 1):
            return
    pytest.fail(f"it was never kept: {cost}")


def test_a_sold_out_screening_answers_from_the_cache(gated_api: Api, meter: Meter) -> None:
    session_id = gated_api.schedule(totalSeats=4)
    gated_api.confirm(gated_api.hold(session_id, "A1", "A2", "A3", "A4").body["reservationId"])
    with meter.reading() as cost:
        assert [gated_api.hold(session_id, f"A{n}", user="late").status for n in range(1, 5)] == [409] * 4

    assert cost == Cost([], 8)
