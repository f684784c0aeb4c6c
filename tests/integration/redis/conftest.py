"""A cache of the test's own, and a cinema that uses it."""

import pytest

from chalicelib.infrastructure.redis.seat_cache import SeatCache
from tests.builders import a_seat_cache

from .cached_cinema import CachedCinema


@pytest.fixture
def cache(redis_url: str) -> SeatCache:
    return a_seat_cache(redis_url)


@pytest.fixture
def cinema(cache: SeatCache) -> CachedCinema:
    return CachedCinema(cache=cache)
