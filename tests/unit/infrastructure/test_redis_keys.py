"""Keys in Redis: every one carries its stage, and what one question names is in one slot of a cluster."""

import pytest
from redis.crc import key_slot

from chalicelib.infrastructure.redis.keys import Keys

KEYS = Keys("cinema-prod")
OF_SESSION = {
    "seat": KEYS.seat("session-1", "A1"),
    "another seat": KEYS.seat("session-1", "B2"),
    "used id": KEYS.used_reservation_id("session-1", "res-1"),
    "kept since": KEYS.used_ids_complete_since("session-1"),
    "map": KEYS.seat_map("session-1"),
    "version": KEYS.version("session-1"),
    "rebuild": KEYS.rebuild_claim("session-1"),
}
LIMITS = [KEYS.rate_limit("ana"), KEYS.rate_limit("192.0.2.1")]
REFUSALS = [KEYS.refusal_counts(1708023600), KEYS.refusal_counts(1708023900)]


def slots(keys: list[str]) -> set[int]:
    return {key_slot(key.encode()) for key in keys}


@pytest.mark.parametrize("keys", [[*OF_SESSION.values()], LIMITS, REFUSALS, [*KEYS.probe_keys_in_one_slot()]])
def test_what_is_asked_together_is_in_one_slot(keys: list[str]) -> None:
    assert len(set(keys)) == len(keys)
    assert len(slots(keys)) == 1


def test_screenings_are_spread_over_the_slots() -> None:
    assert len(slots([KEYS.seat_map(f"session-{number}") for number in range(100)])) > 90


@pytest.mark.parametrize("key", [*OF_SESSION.values(), *LIMITS, *REFUSALS, *KEYS.probe_keys_in_one_slot()])
def test_every_key_carries_its_stage(key: str) -> None:
    assert "cinema-prod:" in key


def test_two_stages_share_no_key_and_no_slot_of_their_limits() -> None:
    other = Keys("cinema-dev")

    assert other.rate_limit("ana") != KEYS.rate_limit("ana")
    assert slots([other.rate_limit("ana")]) != slots([KEYS.rate_limit("ana")])
