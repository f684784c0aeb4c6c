"""The cache invalidator through the real stream, relay, queue and handler."""

import pytest

from chalicelib.domain.times import utc_whole_ms_from_iso_with_zone
from chalicelib.infrastructure.clock import utc_now
from infra.local.pump import Pump
from tests.conftest import ApiServers
from tests.http_api import Api
from tests.integration.conftest import drain_until


@pytest.fixture(scope="module")
def cached(server: str) -> Api:
    return Api(server)


@pytest.fixture(scope="module")
def deaf(api_servers: ApiServers) -> Api:
    """An instance that can't reach Redis: it books all the same, but the cache misses it."""
    return Api(api_servers(1, REDIS_URL="redis://127.0.0.1:9")[0])


def test_seats_given_back_through_an_instance_without_redis_are_free_once_their_event_has_come(
    cached: Api, deaf: Api, pump: Pump
) -> None:
    session_id = cached.schedule()
    held = cached.hold(session_id, "A1", "A10", "B1").body
    assert deaf.delete(f"/api/reservations/{held['reservationId']}").status == 200
    refused = cached.hold(session_id, "A1", user="next")
    assert (refused.status, refused.body["conflictingSeats"]) == (409, ["A1"])

    drain_until(pump, lambda: cached.hold(session_id, "A1", "B1", user="next").status == 201)

    assert cached.seats(session_id)["A10"] == "available"
    assert utc_now() < utc_whole_ms_from_iso_with_zone(held["expiresAt"]), (
        "by then Redis would have let go of them by itself"
    )


@pytest.mark.usefixtures("redis_keeps_all_keys")
def test_a_key_that_was_used_through_an_instance_without_redis_keeps_its_answer(
    cached: Api, deaf: Api, pump: Pump
) -> None:
    session_id = cached.schedule()
    first = deaf.hold(session_id, "A1", Idempotency_Key=session_id)
    deaf.delete(f"/api/reservations/{first.body['reservationId']}")
    taken = cached.hold(session_id, "A1", user="next").body

    drain_until(pump, lambda: cached.hold(session_id, "A1", Idempotency_Key=session_id).status == 410)

    told = cached.hold(session_id, "A1", Idempotency_Key=session_id).body
    assert (told["error"], told["reservationId"]) == ("RESERVATION_CANCELLED", first.body["reservationId"])
    assert utc_now() < utc_whole_ms_from_iso_with_zone(taken["expiresAt"]), (
        "by then the seat would have been free for the key"
    )
