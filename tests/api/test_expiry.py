"""A hold that lapses, as a buyer sees it: on an instance whose holds last one second, with no job running."""

import time
from datetime import UTC, datetime, timedelta

from tests.http_api import Api

DEADLINE_SECONDS = 10


def lateness_of_the_lapse(api: Api, session_id: str, held: dict[str, str]) -> timedelta:
    """Watches the seat map until the seat is free: how long after its hold's expiry was that seen?"""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while api.seats(session_id)["A1"] != "available":
        assert time.monotonic() < deadline, "the hold does not lapse"
    return datetime.now(UTC) - datetime.fromisoformat(held["expiresAt"])


def test_a_lapsed_hold_is_free_in_every_view_from_its_very_second(quick: Api) -> None:
    session_id = quick.schedule()
    held = quick.hold(session_id, "A1").body

    assert timedelta(0) <= lateness_of_the_lapse(quick, session_id, held) < timedelta(seconds=1)
    assert quick.get(f"/api/reservations/{held['reservationId']}").body["status"] == "expired"
    assert quick.hold(session_id, "A1", user="next").status == 201


def test_a_payment_after_the_expiry_is_refused_with_410(quick: Api) -> None:
    session_id = quick.schedule()
    held = quick.hold(session_id, "A1").body
    lateness_of_the_lapse(quick, session_id, held)

    answer = quick.confirm(held["reservationId"])

    assert (answer.status, answer.body["error"]) == (410, "RESERVATION_EXPIRED")
    assert quick.seats(session_id)["A1"] == "available"


def test_a_lapsed_hold_can_not_be_cancelled(quick: Api) -> None:
    session_id = quick.schedule()
    held = quick.hold(session_id, "A1").body
    lateness_of_the_lapse(quick, session_id, held)

    answer = quick.delete(f"/api/reservations/{held['reservationId']}")

    assert (answer.status, answer.body["error"]) == (410, "RESERVATION_EXPIRED")
