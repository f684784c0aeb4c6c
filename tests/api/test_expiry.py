"""What a buyer sees of a hold that lapses: on instances whose holds last one second."""

import time
from datetime import UTC, datetime

import pytest

from tests.conftest import ApiServers
from tests.http_api import Api


@pytest.fixture
def quick(api_servers: ApiServers) -> Api:
    return Api(api_servers(1, HOLD_SECONDS="1")[0])


def wait_until_lapsed(held: dict[str, str]) -> None:
    """The time itself is the subject here: nothing can be polled that says that it has come."""
    left = datetime.fromisoformat(held["expiresAt"]) - datetime.now(UTC)
    time.sleep(max(left.total_seconds(), 0) + 0.005)


def test_a_lapsed_hold_is_free_in_every_view_though_no_job_has_run(quick: Api) -> None:
    session_id = quick.schedule()
    held = quick.hold(session_id, "A1").body
    assert quick.seats(session_id)["A1"] == "reserved"

    wait_until_lapsed(held)

    assert quick.seats(session_id)["A1"] == "available"
    assert quick.get(f"/api/reservations/{held['reservationId']}").body["status"] == "expired"
    assert quick.hold(session_id, "A1", user="next").status == 201


def test_a_payment_after_the_expiry_is_refused_with_410(quick: Api) -> None:
    session_id = quick.schedule()
    held = quick.hold(session_id, "A1").body
    wait_until_lapsed(held)

    answer = quick.confirm(held["reservationId"])

    assert (answer.status, answer.body["error"]) == (410, "RESERVATION_EXPIRED")
    assert quick.seats(session_id)["A1"] == "available"


def test_a_lapsed_hold_can_not_be_cancelled(quick: Api) -> None:
    session_id = quick.schedule()
    held = quick.hold(session_id, "A1").body
    wait_until_lapsed(held)

    answer = quick.delete(f"/api/reservations/{held['reservationId']}")

    assert (answer.status, answer.body["error"]) == (410, "RESERVATION_EXPIRED")
