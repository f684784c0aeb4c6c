"""The programme that `make run` puts on, through the real API."""

import random
from datetime import UTC, datetime

import pytest

from infra.local import seed
from tests.http_api import Api


@pytest.fixture
def now() -> datetime:
    """Gives a random day, on which nothing else is on."""
    return datetime(random.randint(2060, 2095), random.randint(1, 12), random.randint(1, 24), tzinfo=UTC)


def test_the_programme_is_of_the_size_that_was_promised(server: str, now: datetime) -> None:
    programme = seed.add_programme(server, now)

    assert programme.added == programme.screenings == 12
    assert len({slot.title for slot in seed.SLOTS}) == len({slot.room for slot in seed.SLOTS}) == 4
    assert all(60 <= slot.seats <= 120 for slot in seed.SLOTS)
    assert Api(server).get(f"/api/sessions/{programme.first_session_id}").body["startTime"].startswith(f"{now.year}")


def test_a_second_run_adds_nothing_and_says_so(server: str, now: datetime) -> None:
    first = seed.add_programme(server, now)

    second = seed.add_programme(server, now)

    assert (second.added, second.first_session_id) == (0, first.first_session_id)
    assert "nothing added" in str(second)


def test_an_api_that_is_not_there_is_said_in_a_sentence() -> None:
    with pytest.raises(seed.SeedError, match="Is the API running"):
        seed.add_programme("http://127.0.0.1:9", datetime(2200, 1, 1, tzinfo=UTC))
