"""Forged content in Redis: it refuses no free seat, shows nothing wrong, and gives no seat to two."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.infrastructure.redis.seat_format import text_signed_for_key, verified_text
from tests.builders import a_seat_cache
from tests.redis_machine import past_the_door

from .cached_cinema import CachedCinema


def instead(redis: Any, key: str) -> Any:
    """Deletes the key."""
    redis.delete(key)
    return redis


SEAT_LIES: dict[str, Callable[[Any, str, "CachedCinema"], object]] = {
    "random bytes": lambda redis, key, _: redis.set(key, uuid.uuid4().bytes),
    "no bytes": lambda redis, key, _: redis.set(key, b""),
    "a separator": lambda redis, key, _: redis.set(key, b"|"),
    "not UTF-8": lambda redis, key, _: redis.set(key, b"\xff\xfe|h|\xff|"),
    "a megabyte": lambda redis, key, _: redis.set(key, b"x" * 1_000_000),
    "a list": lambda redis, key, _: instead(redis, key).rpush(key, "x"),
    "a hash": lambda redis, key, _: instead(redis, key).hset(key, "r", "res-1"),
    "held for ever, unsigned": lambda redis, key, _: redis.set(key, "res-evil|h|99999999999999|f"),
    "held for ever, badly signed": lambda redis, key, _: redis.set(key, "res-evil|h|99999999999999|f|AAAAAAAAAAAA"),
    "sold, by another secret": lambda redis, key, c: redis.set(
        key, text_signed_for_key(b"evil", key, "res-evil|s|99999999999999|sale-evil")
    ),
    "another seat's entry": lambda redis, key, c: redis.set(key, redis.get(c.cache.keys.seat(c.session.id, "B1"))),
}


@pytest.mark.parametrize("lie", SEAT_LIES)
def test_a_lie_about_a_free_seat_refuses_nobody(cinema: CachedCinema, lie: str) -> None:
    cinema.hold("B1", user="real")
    key = cinema.cache.keys.seat(cinema.session.id, "A1")
    past_the_door(cinema.cache.connection.url, lambda redis: SEAT_LIES[lie](redis, key, cinema))

    assert cinema.hold("A1").seats == ("A1",)
    assert cinema.questions(lambda: cinema.refused("A1")) == []


@pytest.mark.parametrize("lie", SEAT_LIES)
def test_a_lie_about_a_taken_seat_gives_it_to_nobody(cinema: CachedCinema, lie: str) -> None:
    cinema.hold("A1", user="first")
    cinema.hold("B1", user="real")
    key = cinema.cache.keys.seat(cinema.session.id, "A1")
    past_the_door(cinema.cache.connection.url, lambda redis: SEAT_LIES[lie](redis, key, cinema))

    assert cinema.refused("A1") == ("A1",)


@pytest.mark.parametrize("lie", SEAT_LIES)
def test_a_lie_in_place_of_map_version_or_marks_shows_and_refuses_nothing_wrong(cinema: CachedCinema, lie: str) -> None:
    named, session_id = cinema.cache.keys, cinema.session.id
    cinema.hold("B1", user="real")
    cinema.seats()
    for key in (named.seat_map(session_id), named.version(session_id), named.used_ids_complete_since(session_id)):
        past_the_door(cinema.cache.connection.url, lambda redis, key=key: SEAT_LIES[lie](redis, key, cinema))  # type: ignore[misc]

    assert cinema.seats() == {"B1": "reserved"}
    cinema.hold("A1", key="k")
    assert cinema.seats() == {"A1": "reserved", "B1": "reserved"}


@given(st.binary(max_size=200))
def test_whatever_stands_there_was_not_written_by_us(value: bytes) -> None:
    cache = a_seat_cache("redis://127.0.0.1:9/0")

    assert verified_text(cache.secret, "key", value) is None
