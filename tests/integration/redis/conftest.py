"""A cache of the test's own, and a cinema that uses it."""

import pytest

from chalicelib.infrastructure.redis.seat_cache import SeatCache
from tests.builders import a_seat_cache

from .cached_cinema import CachedCinema


@pytest.fixture(scope="session", params=["one Redis", "a cluster"])
def any_redis_url(request: pytest.FixtureRequest) -> str:
    """The URL of a single Redis, then that of a cluster."""
    return str(request.getfixturevalue("redis_url" if request.param == "one Redis" else "redis_cluster_url"))


@pytest.fixture
def cache(any_redis_url: str) -> SeatCache:
    return a_seat_cache(any_redis_url)


@pytest.fixture
def cinema(cache: SeatCache) -> CachedCinema:
    return CachedCinema(cache=cache)
