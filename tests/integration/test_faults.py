"""A fault at every AWS call of every command: the client sends the same again, and all is as if nothing had happened.

The tables are real and so is the API process; only the wire between them breaks, before or after the k-th call.
"""

import uuid
from collections.abc import Callable, Iterator

import pytest

from tests.conftest import ApiServers
from tests.http_api import SCREENING, Answer, Api
from tests.wire import Fault, Wire, wire_to

SEATS = {"one row": ("A1", "A2"), "two rows": ("A10", "B1")}
HOLD_CALLS, CONFIRM_CALLS = 2, 3
CANCEL_CALLS = {"one row": 3, "two rows": 4}
FAULTS = (Fault.ANSWER_LOST_ONCE, Fault.CRASH_BEFORE, Fault.CRASH_AFTER)


@pytest.fixture(scope="module")
def wire(emulator: str) -> Iterator[Wire]:
    with wire_to(emulator) as wire:
        yield wire


@pytest.fixture(scope="module")
def fragile(api_servers: ApiServers, wire: Wire) -> Api:
    """An API process whose every AWS call goes over the wire that breaks."""
    return Api(api_servers(1, AWS_ENDPOINT_URL=wire.url)[0])


@pytest.fixture
def session_id(fragile: Api) -> str:
    session_id = fragile.schedule()
    fragile.get(f"/api/sessions/{session_id}")
    return session_id


def cases(calls: Callable[[str], int]) -> list[object]:
    return [
        pytest.param(rows, fault, call, id=f"{rows}-{fault.name.lower()}-call {call}")
        for rows in SEATS
        for fault in FAULTS
        for call in range(1, calls(rows) + 1)
    ]


def sent_again_after(fault: Fault, first: Answer, again: Answer) -> Answer:
    """A lost answer must not reach the client at all; a crash is a 500, and the second try mends it."""
    if fault is Fault.ANSWER_LOST_ONCE:
        assert first.status == again.status, first.text
    else:
        assert first.status == 500, first.text
        assert set(first.body) == {"error", "message", "requestId"}
    return again


def assert_held_once(api: Api, session_id: str, seats: tuple[str, ...], status: str) -> None:
    taken = {seat: state for seat, state in api.seats(session_id).items() if state != "available"}
    assert taken == dict.fromkeys(seats, status)


@pytest.mark.parametrize(("rows", "fault", "call"), cases(lambda _: HOLD_CALLS))
def test_a_hold_survives_any_fault(
    fragile: Api, wire: Wire, session_id: str, rows: str, fault: Fault, call: int
) -> None:
    seats, key = SEATS[rows], uuid.uuid4().hex
    with wire.broken(fault, call):
        first = fragile.hold(session_id, *seats, Idempotency_Key=key)
    again = sent_again_after(fault, first, fragile.hold(session_id, *seats, Idempotency_Key=key))

    assert again.status == 201
    assert fragile.get(f"/api/reservations/{again.body['reservationId']}").body["status"] == "pending"
    assert_held_once(fragile, session_id, seats, "reserved")
    assert fragile.hold(session_id, seats[0], user="someone-else").status == 409
    assert fragile.confirm(again.body["reservationId"]).status == 200


@pytest.mark.parametrize(("rows", "call"), [("one row", 1), ("one row", 2), ("two rows", 1), ("two rows", 2)])
def test_a_lost_answer_is_no_conflict_for_a_hold_without_a_key(
    fragile: Api, wire: Wire, session_id: str, rows: str, call: int
) -> None:
    with wire.broken(Fault.ANSWER_LOST_ONCE, call):
        answer = fragile.hold(session_id, *SEATS[rows])

    assert answer.status == 201
    assert fragile.confirm(answer.body["reservationId"]).status == 200


@pytest.mark.parametrize(("rows", "fault", "call"), cases(lambda _: CONFIRM_CALLS))
def test_a_payment_survives_any_fault(
    fragile: Api, wire: Wire, session_id: str, rows: str, fault: Fault, call: int
) -> None:
    seats, user = SEATS[rows], uuid.uuid4().hex
    reservation = fragile.hold(session_id, *seats, user=user).body["reservationId"]
    with wire.broken(fault, call):
        first = fragile.confirm(reservation)
    again = sent_again_after(fault, first, fragile.confirm(reservation))

    assert again.status == 200
    assert_held_once(fragile, session_id, seats, "sold")
    purchases = fragile.get(f"/api/users/{user}/purchases").body["purchases"]
    assert [purchase["saleId"] for purchase in purchases] == [again.body["saleId"]]
    assert fragile.confirm(reservation, "tx-other").status == 409


@pytest.mark.parametrize(("rows", "fault", "call"), cases(lambda rows: CANCEL_CALLS[rows]))
def test_a_cancellation_survives_any_fault(
    fragile: Api, wire: Wire, session_id: str, rows: str, fault: Fault, call: int
) -> None:
    seats = SEATS[rows]
    address = f"/api/reservations/{fragile.hold(session_id, *seats).body['reservationId']}"
    with wire.broken(fault, call):
        first = fragile.delete(address)
    again = sent_again_after(fault, first, fragile.delete(address))

    assert (again.status, again.body["status"]) == (200, "cancelled")
    assert_held_once(fragile, session_id, (), "reserved")


def test_a_key_reused_while_its_refusal_crashes_frees_the_seats_when_sent_again(
    fragile: Api, wire: Wire, session_id: str
) -> None:
    fragile.hold(session_id, "A1", Idempotency_Key="crash")
    with wire.broken(Fault.CRASH_BEFORE, at_call=3):
        assert fragile.hold(session_id, "A2", Idempotency_Key="crash").status == 500

    assert fragile.seats(session_id)["A2"] == "reserved", "until it lapses, or:"
    assert fragile.hold(session_id, "A2", Idempotency_Key="crash").status == 422
    assert fragile.seats(session_id)["A2"] == "available"


def test_a_throttled_table_is_503_and_nothing_is_held(fragile: Api, wire: Wire, session_id: str) -> None:
    with wire.broken(Fault.THROTTLED, at_call=1):
        answer = fragile.hold(session_id, "A1")

    assert (answer.status, answer.body["error"], answer.headers["retry-after"]) == (503, "TEMPORARILY_UNAVAILABLE", "1")
    assert_held_once(fragile, session_id, (), "reserved")


@pytest.mark.parametrize("call", [1, 2])
def test_a_screening_half_made_is_no_screening(fragile: Api, wire: Wire, call: int) -> None:
    start = "7654-03-02T00:00:00Z"
    before = len(fragile.get(f"/api/sessions?from={start}&limit=100").body["sessions"])
    with wire.broken(Fault.CRASH_BEFORE, call):
        assert fragile.post("/api/sessions", {**SCREENING, "startTime": start}).status == 500

    assert len(fragile.get(f"/api/sessions?from={start}&limit=100").body["sessions"]) == before
