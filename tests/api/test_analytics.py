"""A screening in numbers, over HTTP: what really happened, once its events have come through the queues."""

import re
from datetime import UTC, date, datetime
from typing import Any

import pytest

from infra.local.pump import Pump
from tests.http_api import Answer, Api

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d[05]:00Z")
COUNTS = ("holds", "sales", "expiries", "cancellations", "revenue", "refunds", "refunded")
NOTHING_HAPPENED = {
    "holds": 0,
    "seatsInHolds": 0,
    "sales": 0,
    "seatsInSales": 0,
    "expiries": 0,
    "cancellations": 0,
    "revenue": 0,
    "refunds": 0,
    "refunded": 0,
    "netRevenue": 0,
}


def analytics(api: Api, session_id: str) -> Answer:
    return api.get(f"/api/sessions/{session_id}/analytics")


@pytest.fixture
def counted(api: Api, session_id: str, pump: Pump) -> Answer:
    """Of 16 seats at 25.00: A1 and A2 bought, A3 given back, A4 held."""
    api.confirm(api.hold(session_id, "A1", "A2").body["reservationId"])
    api.delete(f"/api/reservations/{api.hold(session_id, 'A3').body['reservationId']}")
    api.hold(session_id, "A4")
    pump.drain()
    return analytics(api, session_id)


def test_a_screening_of_which_nothing_is_known_yet_shows_zeros(api: Api, session_id: str) -> None:
    answer = analytics(api, session_id)

    assert answer.status == 200
    as_of = datetime.fromisoformat(answer.body.pop("asOf"))
    assert abs((datetime.now(UTC) - as_of).total_seconds()) < 60
    assert answer.body == {
        "sessionId": session_id,
        "totalSeats": 16,
        "totals": NOTHING_HAPPENED,
        "occupancy": 0,
        "byDay": [],
        "occupancyOverTime": [],
    }
    assert '"revenue":0.00' in answer.text
    assert '"occupancy":0.0000' in answer.text


def test_totals_tell_what_happened(counted: Answer) -> None:
    assert counted.status == 200
    assert counted.body["totals"] == {
        "holds": 3,
        "seatsInHolds": 4,
        "sales": 1,
        "seatsInSales": 2,
        "expiries": 0,
        "cancellations": 1,
        "revenue": 50.0,
        "refunds": 0,
        "refunded": 0.0,
        "netRevenue": 50.0,
    }


def test_shares_have_four_decimals_and_money_has_two(counted: Answer) -> None:
    assert '"conversion":0.3333' in counted.text
    assert '"occupancy":0.1250' in counted.text
    assert '"revenue":50.00' in counted.text


def test_the_days_sum_up_to_the_totals(counted: Answer) -> None:
    days: list[dict[str, Any]] = counted.body["byDay"]

    assert all(set(day) == {"day", *COUNTS} for day in days)
    assert [day["day"] for day in days] == sorted({day["day"] for day in days})
    assert all(date.fromisoformat(day["day"]) for day in days)
    assert {name: sum(day[name] for day in days) for name in COUNTS} == {
        name: counted.body["totals"][name] for name in COUNTS
    }


def test_occupancy_over_time_ends_with_the_seats_as_they_are(counted: Answer) -> None:
    moments = counted.body["occupancyOverTime"]

    assert all(MOMENT.fullmatch(moment["at"]) for moment in moments)
    assert moments[-1] == {"at": moments[-1]["at"], "soldSeats": 2, "heldSeats": 1}


@pytest.mark.parametrize("session_id", ["unknown", "550e8400-e29b-41d4-a716-446655440000"])
def test_the_numbers_of_an_unknown_screening_are_not_found(api: Api, session_id: str) -> None:
    answer = analytics(api, session_id)

    assert (answer.status, answer.body["error"]) == (404, "SESSION_NOT_FOUND")


def test_numbers_are_only_read(api: Api, session_id: str) -> None:
    answer = api.delete(f"/api/sessions/{session_id}/analytics")

    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
