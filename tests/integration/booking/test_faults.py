"""A fault at every AWS call of every command: the client sends the same again, and all is as if nothing had happened.

The tables are real and so is the API process; only the wire between them breaks, before or after the k-th call.
"""

import uuid
from collections.abc import Callable

import pytest

from tests.http_api import SCREENING, Answer, Api
from tests.integration.conftest import Tables
from tests.wire import Fault, Wire

SEATS = {"one row": ("A1", "A2"), "two rows": ("A10", "B1")}
HOLD_CALLS, CONFIRM_CALLS = 3, 4
START = "2059-03-02T00:00:00Z"
"""Of no other test's screening: the programme from then on begins with those of this one."""
CANCEL_CALLS = {"one row": 3, "two rows": 4}
FAULTS = (Fault.ANSWER_LOST_ONCE, Fault.CRASH_BEFORE, Fault.CRASH_AFTER)


@pytest.fixture(params=["without Redis", "with Redis"])
def wired_api(request: pytest.FixtureRequest, wired_api: Api, gated_api: Api) -> Api:
    return wired_api if request.param == "without Redis" else gated_api


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
    wired_api: Api, wire: Wire, known_session: str, rows: str, fault: Fault, call: int
) -> None:
    seats, key = SEATS[rows], uuid.uuid4().hex
    with wire.broken(fault, call):
        first = wired_api.hold(known_session, *seats, Idempotency_Key=key)
    again = sent_again_after(fault, first, wired_api.hold(known_session, *seats, Idempotency_Key=key))

    assert again.status == 201
    assert wired_api.get(f"/api/reservations/{again.body['reservationId']}").body["status"] == "pending"
    assert_held_once(wired_api, known_session, seats, "reserved")
    assert wired_api.hold(known_session, seats[0], user="someone-else").status == 409
    assert wired_api.confirm(again.body["reservationId"]).status == 200


@pytest.mark.parametrize("call", range(1, HOLD_CALLS + 1))
@pytest.mark.parametrize("rows", SEATS)
def test_a_lost_answer_is_no_conflict_for_a_hold_without_a_key(
    wired_api: Api, wire: Wire, known_session: str, rows: str, call: int
) -> None:
    with wire.broken(Fault.ANSWER_LOST_ONCE, call):
        answer = wired_api.hold(known_session, *SEATS[rows])

    assert answer.status == 201
    assert wired_api.confirm(answer.body["reservationId"]).status == 200


@pytest.mark.parametrize(("rows", "fault", "call"), cases(lambda _: CONFIRM_CALLS))
def test_a_payment_survives_any_fault(
    wired_api: Api, wire: Wire, known_session: str, rows: str, fault: Fault, call: int
) -> None:
    seats, user = SEATS[rows], uuid.uuid4().hex
    reservation = wired_api.hold(known_session, *seats, user=user).body["reservationId"]
    with wire.broken(fault, call):
        first = wired_api.confirm(reservation)
    again = sent_again_after(fault, first, wired_api.confirm(reservation))

    assert again.status == 200
    assert_held_once(wired_api, known_session, seats, "sold")
    purchases = wired_api.get(f"/api/users/{user}/purchases").body["purchases"]
    assert [purchase["saleId"] for purchase in purchases] == [again.body["saleId"]]
    assert wired_api.confirm(reservation, "tx-other").status == 409


@pytest.mark.parametrize(("rows", "fault", "call"), cases(lambda rows: CANCEL_CALLS[rows]))
def test_a_cancellation_survives_any_fault(
    wired_api: Api, wire: Wire, known_session: str, rows: str, fault: Fault, call: int
) -> None:
    seats = SEATS[rows]
    address = f"/api/reservations/{wired_api.hold(known_session, *seats).body['reservationId']}"
    with wire.broken(fault, call):
        first = wired_api.delete(address)
    again = sent_again_after(fault, first, wired_api.delete(address))

    assert (again.status, again.body["status"]) == (200, "cancelled")
    assert_held_once(wired_api, known_session, (), "reserved")


def test_a_key_reused_while_its_refusal_crashes_frees_the_seats_when_sent_again(
    wired_api: Api, wire: Wire, known_session: str
) -> None:
    wired_api.hold(known_session, "A1", Idempotency_Key="crash")
    with wire.broken(Fault.CRASH_BEFORE, at_call=4):
        assert wired_api.hold(known_session, "A2", Idempotency_Key="crash").status == 500

    assert wired_api.seats(known_session)["A2"] == "reserved", "until it lapses, or:"
    assert wired_api.hold(known_session, "A2", Idempotency_Key="crash").status == 422
    assert wired_api.seats(known_session)["A2"] == "available"


@pytest.mark.parametrize(("fault", "call"), [(fault, call) for fault in FAULTS for call in (1, 2)])
def test_a_hold_survives_any_fault_without_taking_more_than_its_place(
    wired_api: Api, wire: Wire, known_session: str, fault: Fault, call: int
) -> None:
    user, key = uuid.uuid4().hex, uuid.uuid4().hex
    with wire.broken(fault, call):
        wired_api.hold(known_session, "A1", user=user, Idempotency_Key=key)
    wired_api.hold(known_session, "A1", user=user, Idempotency_Key=key)

    assert wired_api.hold(known_session, "A2", user=user).status == 201
    assert wired_api.hold(known_session, "A3", user=user).body["error"] == "TOO_MANY_HOLDS"
    assert_held_once(wired_api, known_session, ("A1", "A2"), "reserved")


def test_a_throttled_table_is_503_and_nothing_is_held(wired_api: Api, wire: Wire, known_session: str) -> None:
    with wire.broken(Fault.THROTTLED, at_call=1):
        answer = wired_api.hold(known_session, "A1")

    assert (answer.status, answer.body["error"], answer.headers["retry-after"]) == (503, "TEMPORARILY_UNAVAILABLE", "1")
    assert_held_once(wired_api, known_session, (), "reserved")


@pytest.mark.parametrize("rows", SEATS)
def test_a_hold_that_takes_effect_once_more_after_it_was_given_back_holds_nothing(
    wired_api: Api, wire: Wire, known_session: str, rows: str
) -> None:
    """The client library gave its first try up and sent it again; the first arrives when all is over."""
    seats = SEATS[rows]
    with wire.broken(Fault.DELAYED_ONCE, at_call=1):
        held = wired_api.hold(known_session, *seats)
    reservation = held.body["reservationId"]
    assert wired_api.delete(f"/api/reservations/{reservation}").status == 200

    wire.arrive_late()

    assert_held_once(wired_api, known_session, (), "reserved")
    assert wired_api.confirm(reservation).body["error"] == "RESERVATION_CANCELLED"
    assert wired_api.hold(known_session, *seats, user="next").status == 201


@pytest.mark.parametrize(("fault", "call"), [(fault, call) for fault in FAULTS for call in (1, 2, 3)])
def test_a_screening_survives_any_fault(wired_api: Api, wire: Wire, fault: Fault, call: int) -> None:
    key = uuid.uuid4().hex
    with wire.broken(fault, call):
        first = wired_api.post("/api/sessions", SCREENING, Idempotency_Key=key)
    again = sent_again_after(fault, first, wired_api.post("/api/sessions", SCREENING, Idempotency_Key=key))

    assert again.status == 201
    assert fault is not Fault.ANSWER_LOST_ONCE or again.text == first.text
    assert_held_once(wired_api, again.body["sessionId"], (), "reserved")
    assert wired_api.hold(again.body["sessionId"], "A1", "B6").status == 201


@pytest.mark.parametrize("call", [1, 2])
def test_a_screening_half_made_is_no_screening(wired_api: Api, wire: Wire, call: int) -> None:
    title = uuid.uuid4().hex
    with wire.broken(Fault.CRASH_BEFORE, call):
        assert wired_api.post("/api/sessions", {**SCREENING, "startTime": START, "movieTitle": title}).status == 500
    whole = wired_api.schedule(startTime=START)

    listed = wired_api.get(f"/api/sessions?from={START}&limit=100").body["sessions"]
    there = [session for session in listed if session["startTime"] == START]
    assert whole in [session["sessionId"] for session in there]
    assert title not in [session["movieTitle"] for session in there]


@pytest.mark.parametrize("call", [1, 2], ids=["the rows", "the screening"])
def test_a_write_that_made_a_screening_and_arrives_late_replaces_nothing(
    wired_api: Api, wire: Wire, tables: Tables, call: int
) -> None:
    with wire.broken(Fault.DELAYED_ONCE, call):
        session_id = wired_api.schedule()
    sold = wired_api.hold(session_id, "A1").body["reservationId"]
    assert wired_api.confirm(sold).status == 200
    row = tables.row(session_id, "A")

    wire.arrive_late()

    assert tables.row(session_id, "A") == row
    assert_held_once(wired_api, session_id, ("A1",), "sold")
    assert wired_api.hold(session_id, "A1", user="someone-else").body["error"] == "SEAT_ALREADY_RESERVED"
