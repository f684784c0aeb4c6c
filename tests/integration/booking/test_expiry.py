"""Holds that lapse, through the real stream, queue and handlers: what the tables hold in the end."""

import time
from typing import Any

import pytest

from infra.local.pump import Pump
from tests.http_api import Api
from tests.integration.conftest import DEADLINE_SECONDS, Tables, drain_until
from tests.wire import Fault, Wire


@pytest.fixture
def api(server: str) -> Api:
    return Api(server)


def taken_in(row: dict[str, Any]) -> dict[str, Any]:
    """Its seats that somebody has. A seat given back keeps when the last hold on it would have lapsed."""
    return {seat: entry for seat, entry in row["seats"]["M"].items() if "r" in entry["M"]}


def test_the_expiry_message_frees_the_seats_and_marks_the_reservation(quick: Api, pump: Pump, tables: Tables) -> None:
    session_id = quick.schedule()
    reservation_id = quick.hold(session_id, "A1", "A2").body["reservationId"]

    drain_until(pump, lambda: tables.state(reservation_id) == "expired")

    item = tables.row(session_id, "A")
    assert taken_in(item) == {}
    assert item["event"]["M"]["type"]["S"] == "SeatsReleased"


def test_a_hold_of_two_rows_lapses_in_both(quick: Api, pump: Pump, tables: Tables) -> None:
    session_id = quick.schedule()
    reservation_id = quick.hold(session_id, "A10", "B1").body["reservationId"]

    drain_until(pump, lambda: not any(taken_in(tables.row(session_id, letter)) for letter in ("A", "B")))

    assert tables.state(reservation_id) == "expired"


def test_a_sold_reservation_is_left_alone_by_its_expiry_message(quick: Api, pump: Pump, tables: Tables) -> None:
    session_id = quick.schedule()
    lapsing = quick.hold(session_id, "B1").body["reservationId"]
    sold = quick.hold(session_id, "A1").body["reservationId"]
    sale = quick.confirm(sold).body["saleId"]

    drain_until(pump, lambda: tables.state(lapsing) == "expired")
    pump.drain()

    assert tables.row(session_id, "A")["seats"]["M"] == {"A1": {"M": {"r": {"S": sold}, "s": {"S": sale}}}}
    assert tables.state(sold) == "confirmed"


def test_a_seat_taken_anew_after_the_lapse_stays_with_its_new_holder(
    quick: Api, api: Api, pump: Pump, tables: Tables
) -> None:
    session_id = quick.schedule()
    lapsed = quick.hold(session_id, "A1").body["reservationId"]
    deadline = time.monotonic() + DEADLINE_SECONDS
    while (taken := api.hold(session_id, "A1", user="next")).status == 409:
        assert time.monotonic() < deadline

    drain_until(pump, lambda: tables.state(lapsed) == "expired")

    assert tables.row(session_id, "A")["seats"]["M"]["A1"]["M"]["r"]["S"] == taken.body["reservationId"]


def test_a_pending_reservation_that_ttl_deletes_frees_its_seats(quick: Api, pump: Pump, tables: Tables) -> None:
    """The expiry message is lost: the pump skips the record that would have sent it."""
    session_id = quick.schedule()
    reservation_id = quick.hold(session_id, "A1").body["reservationId"]
    address = f"/api/reservations/{reservation_id}"
    deadline = time.monotonic() + DEADLINE_SECONDS
    while quick.get(address).body["status"] != "expired":
        assert time.monotonic() < deadline
    pump.skip()
    tables.delete_reservation(reservation_id)

    drain_until(pump, lambda: not taken_in(tables.row(session_id, "A")))


def test_a_sale_whose_request_died_after_the_commit_point_is_finished_from_the_stream(
    wired_api: Api, wire: Wire, pump: Pump, tables: Tables
) -> None:
    session_id = wired_api.schedule()
    reservation_id = wired_api.hold(session_id, "A1", user="buyer").body["reservationId"]
    transaction_id = f"tx-{reservation_id}"
    with wire.broken(Fault.CRASH_BEFORE, at_call=4):
        assert wired_api.confirm(reservation_id, transaction_id).status == 500
    assert tables.state(reservation_id) == "pending"

    drain_until(pump, lambda: tables.state(reservation_id) == "confirmed")

    item = tables.reservation(reservation_id)
    assert item["sale_id"] == tables.row(session_id, "A")["seats"]["M"]["A1"]["M"]["s"]
    assert item["transaction_id"]["S"] == transaction_id
    assert "ttl" not in item
