"""What the simulated on-sale reckons with is what the emulator bills for real rows, and what they really weigh."""

import uuid

import pytest

from benchmarks.scale.designs import BY_ROW, ROW_BYTES, SEAT_BYTES, size_of, units_of
from tests.http_api import Api
from tests.integration.conftest import Tables
from tests.wire import Wire

SEATS = [f"A{number}" for number in range(1, 41)]


@pytest.mark.parametrize("taken", [0, 8, 16, 32])
def test_a_hold_costs_the_units_of_its_row_and_the_row_weighs_what_is_said(
    wired_api: Api, wire: Wire, tables: Tables, taken: int
) -> None:
    session_id = wired_api.schedule(totalSeats=40, seatsPerRow=40)
    for first in range(0, taken, 8):
        wired_api.hold(session_id, *SEATS[first : first + 8], user=f"u{first}", Idempotency_Key=uuid.uuid4().hex)
    with wire.counting() as calls:
        wired_api.hold(session_id, *SEATS[taken : taken + 2], Idempotency_Key=uuid.uuid4().hex)

    size = size_of(tables.row(session_id, "A"))
    of_row = next(call for call in calls if call.operation == "UpdateItem")
    assert of_row.write_units == units_of(size)
    assert size == pytest.approx(ROW_BYTES + SEAT_BYTES * (taken + 2), rel=0.05)
    assert BY_ROW.attempt_units(seats=2, taken=taken + 2) == pytest.approx(units_of(size), abs=1)
