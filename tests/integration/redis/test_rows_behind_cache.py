"""The cached rows: which holds they refuse without the rows, for how long."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.application.consumers.cached_seats import RemoveStaleEntriesAndMarkUsedIdsInCache
from chalicelib.domain.refusals import (
    BackendUnavailable,
    IdempotencyKeyReused,
    Refusal,
    ReservationCancelled,
    SeatsUnavailable,
)
from chalicelib.domain.reservations import HeldSeat, Hold, Reservation, SeatsTakenOrHoldEnded
from chalicelib.infrastructure.breakers import Breaker, BreakerPolicy
from chalicelib.infrastructure.redis.announced_sessions import SessionsAnnouncedBeforeAdding
from chalicelib.infrastructure.redis.connection import RedisConnection, RedisUnavailable
from chalicelib.infrastructure.redis.seat_cache import CLOCKS_APART, ID_IS_REMEMBERED, MOST_UNMARKED, SeatCache
from chalicelib.infrastructure.redis.seat_format import SOLD_ENTRY_LASTS
from tests.builders import NOW, Cinema, a_hold, a_sale, a_seat_cache, a_session, seconds
from tests.facts import Facts
from tests.redis_machine import past_the_door

from .cached_cinema import LONG_AGO, MS, CachedCinema, keeps_ids_since, made_lasting, written

# Refusing.


def test_a_seat_known_to_be_held_is_refused_without_asking_anybody(cinema: CachedCinema) -> None:
    cinema.hold("A1", "A2")

    assert cinema.questions(lambda: cinema.refused("A2", "A3")) == []
    assert cinema.refused("A2", "A3") == ("A2",)


def test_a_sold_out_screening_answers_from_the_cache(cinema: CachedCinema) -> None:
    for start in range(0, 16, 8):
        seats = tuple(cinema.session.seats)[start : start + 8]
        cinema.confirm(cinema.hold(*seats, user=f"buyer-{start}").id, f"tx-{start}")

    assert cinema.questions(lambda: [cinema.refused(seat) for seat in cinema.session.seats]) == []


def test_the_rows_refusal_is_cached(cinema: CachedCinema) -> None:
    hold = a_hold("A1", session=cinema.session)
    cinema.plain.hold(hold, NOW)
    sold = a_hold("A2", session=cinema.session)
    cinema.plain.hold(sold, NOW)
    cinema.plain.sell(sold, a_sale(sold), NOW)

    assert cinema.questions(lambda: cinema.refused("A1", "A2")) == ["hold"]
    assert cinema.questions(lambda: cinema.refused("A1", "A2")) == []


def test_a_hold_is_free_from_its_very_expiry_whatever_redis_still_has(cinema: CachedCinema) -> None:
    cinema.hold("A1")
    made_lasting(cinema.cache, "seat")
    cinema.clock.now = NOW + seconds(30) - MS
    assert cinema.questions(lambda: cinema.refused("A1")) == []

    cinema.clock.now = NOW + seconds(30)
    assert cinema.hold("A1", user="next").seats == ("A1",)


def test_seats_given_back_are_free_at_once(cinema: CachedCinema) -> None:
    cinema.cancel(cinema.hold("A1", "A2").id)

    assert cinema.hold("A1", "A2", user="next")


def test_a_late_release_leaves_the_next_holders_entry(cinema: CachedCinema) -> None:
    first = cinema.hold("A1")
    cinema.cancel(first.id)
    cinema.hold("A1", user="next")

    cinema.rows.release(first.hold, cinema.clock())
    cinema.cache.delete_seat_entries_of_reservation(cinema.session.id, first.id, ("A1",))

    assert cinema.questions(lambda: cinema.refused("A1")) == []


# How long a stale entry can refuse a free seat.


def test_a_stale_hold_refuses_a_free_seat_until_its_own_expiry_and_no_longer(cinema: CachedCinema) -> None:
    cinema.hold("A1")
    cinema.plain.taken.clear()  # given back, and Redis was not told

    cinema.clock.now = NOW + seconds(30) - MS
    assert cinema.refused("A1") == ("A1",)
    cinema.clock.now = NOW + seconds(30)
    assert cinema.hold("A1", user="next")


def test_a_stale_sale_refuses_a_free_seat_for_five_minutes_and_no_longer(cinema: CachedCinema) -> None:
    cinema.confirm(cinema.hold("A1").id)
    made_lasting(cinema.cache, "seat")
    cinema.plain.taken.clear()

    assert timedelta(minutes=5) == SOLD_ENTRY_LASTS
    cinema.clock.now = NOW + SOLD_ENTRY_LASTS
    assert cinema.refused("A1") == ("A1",)
    cinema.clock.now = NOW + MS + SOLD_ENTRY_LASTS
    assert cinema.hold("A1", user="next")


def test_redis_drops_what_is_no_longer_believed_by_itself(cinema: CachedCinema) -> None:
    cinema.hold("A1")
    cinema.confirm(cinema.hold("A2", user="bia").id)

    keys = written(cinema.cache, "seat")
    lives = past_the_door(cinema.cache.connection.url, lambda redis: [redis.pttl(key) for key in keys])

    assert 0 < lives[0] <= 30_000 < lives[1] <= 300_000


# Idempotency keys.


def test_a_resend_gets_its_answer_though_the_cache_knows_its_seats(cinema: CachedCinema) -> None:
    keeps_ids_since(cinema, LONG_AGO)
    first = cinema.hold("A1", key="k")

    assert cinema.hold("A1", key="k") == first
    cinema.confirm(first.id)
    assert cinema.hold("A1", key="k").id == first.id


def test_what_redis_says_of_ones_own_hold_is_not_believed(cinema: CachedCinema) -> None:
    """Rows and reservations have lost it: the resend must take the seat, and not trust that it has it."""
    first = cinema.hold("A1", key="k")
    cinema.plain.taken.clear()
    cinema.stored.stored.clear()

    assert cinema.hold("A1", key="k").id == first.id
    assert "A1" in cinema.plain.taken[cinema.session.id]


def test_a_used_key_gets_its_answer_though_the_seat_is_someone_elses_by_now(cinema: CachedCinema) -> None:
    keeps_ids_since(cinema, LONG_AGO)
    first = cinema.hold("A1", key="k")
    cinema.cancel(first.id)
    cinema.hold("A1", user="next")

    assert_told_of(first, cinema)


def assert_told_of(first: Reservation, cinema: CachedCinema) -> None:
    """Asserts that a resend is told that the hold was cancelled, and not that others have its seats."""
    with pytest.raises(ReservationCancelled) as told:
        cinema.hold("A1", key="k")
    assert told.value.reservation_id == first.id


def test_a_used_key_with_another_body_is_refused_as_reused(cinema: CachedCinema) -> None:
    keeps_ids_since(cinema, LONG_AGO)
    cinema.hold("A1", key="k")
    cinema.hold("B1", user="next")

    with pytest.raises(IdempotencyKeyReused):
        cinema.hold("B1", key="k")


def test_a_new_key_is_refused_without_asking_anybody(cinema: CachedCinema) -> None:
    keeps_ids_since(cinema, LONG_AGO)
    cinema.hold("A1")

    assert cinema.questions(lambda: cinema.refused("A1", key="new")) == []


def test_of_a_screening_that_was_announced_every_key_is_known_at_once(cinema: CachedCinema) -> None:
    keeps_ids_since(cinema, NOW)  # skips where it can't
    cinema.hold("A1")
    assert cinema.questions(lambda: cinema.refused("A1", key="new")) == ["find"]

    SessionsAnnouncedBeforeAdding(cinema.sessions, cinema.cache).get_or_add_with_rows(cinema.session)

    assert cinema.questions(lambda: cinema.refused("A1", key="new")) == []


def test_a_key_that_was_used_for_another_screening_is_refused_for_the_seats_there(cinema: CachedCinema) -> None:
    """Marks are in their screening's slot: the one thing that the gate tells otherwise than the rows."""
    other = a_session()
    cinema.sessions.get_or_add_with_rows(other)
    SessionsAnnouncedBeforeAdding(cinema.sessions, cinema.cache).get_or_add_with_rows(cinema.session)
    cinema.hold("A1", key="k", session_id=other.id)
    cinema.hold("A1", user="first")

    with pytest.raises(SeatsUnavailable):
        cinema.hold("A1", key="k")
    with pytest.raises(IdempotencyKeyReused):
        cinema.hold("B1", key="k")


def test_a_redis_younger_than_the_screening_can_not_know_that_a_key_is_new(cinema: CachedCinema) -> None:
    cinema.hold("A1")

    for since in (NOW, NOW - CLOCKS_APART + MS):
        keeps_ids_since(cinema, since)
        assert cinema.questions(lambda: cinema.refused("A1", key="new")) == ["find"]
    keeps_ids_since(cinema, NOW - CLOCKS_APART)
    assert cinema.questions(lambda: cinema.refused("A1", key="new")) == []


def test_a_redis_older_than_what_is_remembered_knows_every_key(cinema: CachedCinema) -> None:
    keeps_ids_since(cinema, NOW + seconds(1))
    for age, expected in ((-MS, ["find"]), (timedelta(0), list[str]())):
        cinema.clock.now = NOW + seconds(1) + CLOCKS_APART + ID_IS_REMEMBERED + age
        cinema.hold("A1" if expected else "A2", user=f"early-{age}")
        seat = "A1" if expected else "A2"
        assert cinema.questions(lambda seat=seat: cinema.refused(seat, key="new")) == expected  # type: ignore[misc]


def test_redis_keeps_ids_from_the_first_question_about_one(cinema: CachedCinema) -> None:
    cinema.hold("A1")
    keeps_ids_since(cinema, NOW)  # skips where it can't
    past_the_door(
        cinema.cache.connection.url,
        lambda redis: redis.delete(cinema.cache.keys.used_ids_complete_since(cinema.session.id)),
    )

    assert cinema.questions(lambda: cinema.refused("A1", key="new")) == ["find"]
    asked = replace(a_hold(session=cinema.session), fingerprint="f")
    assert cinema.cache.read_known_seats_and_whether_id_was_seen(asked, NOW).used_ids_complete_since == NOW


def test_a_used_id_that_redis_missed_is_told_before_redis_is_asked_again(any_redis_url: str) -> None:
    """The same process: Redis was away at the hold, and is back before anything else happens."""
    flaky = FlakyConnection(any_redis_url)
    cinema = CachedCinema(cache=replace(a_seat_cache(any_redis_url), connection=flaky))  # type: ignore[arg-type] # it asks alike
    keeps_ids_since(cinema, LONG_AGO)
    flaky.away = True
    first = cinema.hold("A1", key="k")
    cinema.cancel(first.id)
    flaky.away = False
    cinema.hold("A1", user="next")

    assert_told_of(first, cinema)


def test_when_too_many_ids_were_missed_none_is_taken_for_new(any_redis_url: str) -> None:
    flaky = FlakyConnection(any_redis_url)
    cinema = CachedCinema(cache=replace(a_seat_cache(any_redis_url), connection=flaky))  # type: ignore[arg-type] # it asks alike
    keeps_ids_since(cinema, LONG_AGO)
    flaky.away = True
    for _ in range(MOST_UNMARKED + 1):
        with pytest.raises(RedisUnavailable):
            cinema.cache.record_hold(a_hold("B1", session=cinema.session, fingerprint="f"), NOW)
    flaky.away = False
    cinema.hold("A1")

    assert cinema.questions(lambda: cinema.refused("A1", key="new")) == ["find"]


def test_an_id_that_another_process_died_with_is_told_by_its_event(cinema: CachedCinema) -> None:
    keeps_ids_since(cinema, LONG_AGO)
    first = cinema.hold("A1", key="k")
    past_the_door(cinema.cache.connection.url, lambda redis: redis.delete(*written(cinema.cache, "key")))
    cinema.cancel(first.id)
    cinema.hold("A1", user="next")

    created = Facts(cinema.session.id, ("A1",), first.id).created()
    RemoveStaleEntriesAndMarkUsedIdsInCache(cinema.cache)(
        replace(created, data={**created.data, "fingerprint": first.fingerprint})
    )

    assert_told_of(first, cinema)


# The cache invalidator.


def test_seats_released_by_someone_who_could_not_tell_are_free_once_their_event_has_come(cinema: CachedCinema) -> None:
    sold = cinema.hold("A1", "A2")
    cinema.confirm(sold.id)
    cinema.plain.taken.clear()  # refunded elsewhere
    cinema.seats()
    assert cinema.refused("A1") == ("A1",)

    released = Facts(cinema.session.id, ("A1", "A2"), sold.id).released()
    for _ in range(2):
        RemoveStaleEntriesAndMarkUsedIdsInCache(cinema.cache)(released)

    assert cinema.seats() == {}
    assert cinema.hold("A1", "A2", user="next")


def test_the_invalidator_fails_as_long_as_redis_does_so_that_its_message_comes_again() -> None:
    refresh = RemoveStaleEntriesAndMarkUsedIdsInCache(a_seat_cache("redis://127.0.0.1:9/0"))
    facts = Facts("session", ("A1",))

    with pytest.raises(BackendUnavailable):
        refresh(facts.released())
    with pytest.raises(BackendUnavailable):
        refresh(replace(facts.created(), data={"fingerprint": "f"}))
    refresh(facts.paid())


# Without Redis.


@dataclass
class FlakyConnection:
    """A connection that fails while Redis is `away`."""

    url: str
    away: bool = False

    def __post_init__(self) -> None:
        self.real = RedisConnection(
            self.url, Breaker("redis", BreakerPolicy(failures=100, pause_seconds=0.1, longest_pause_seconds=0.1))
        )

    def ask(self, key: str, question: Callable[[Any], Any], shape: Callable[[Any], Any]) -> Any:
        if self.away:
            raise RedisUnavailable("away")
        return self.real.ask(key, question, shape)


def test_without_redis_everything_goes_on() -> None:
    cinema = CachedCinema(cache=a_seat_cache("redis://127.0.0.1:9/0"))
    held = cinema.hold("A1", key="k")
    assert cinema.refused("A1") == ("A1",)
    assert cinema.hold("A1", key="k") == held
    assert cinema.seats() == {"A1": "reserved"}
    cinema.confirm(held.id)
    cinema.cancel(cinema.hold("B1").id)
    assert cinema.seats() == {"A1": "sold"}


@pytest.fixture(scope="module")
def shared_cache(any_redis_url: str) -> SeatCache:
    """A cache for many examples on one connection. Each example has a screening of its own."""
    return a_seat_cache(any_redis_url)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["hold", "hold", "hold", "confirm", "cancel", "wait", "lose Redis"]),
        st.sampled_from(["A1", "A2", "B1"]),
        st.sampled_from(["ana", "bia"]),
        st.sampled_from([None, "k1", "k2"]),
    ),
    max_size=12,
)


@given(steps=STEPS)
@settings(max_examples=60, deadline=None)
def test_with_the_cache_everything_ends_as_without_it(shared_cache: SeatCache, steps: list[Any]) -> None:
    """No answer shows that there is a cache, as long as Redis gets every write, or loses all its keys at once."""
    cache = replace(shared_cache, prefix=f"test-{uuid.uuid4()}", _unmarked_ids={}, _incomplete=set())
    cached, plain = CachedCinema(cache=cache), Cinema()
    cached.cache.try_mark_ids_complete_since(cached.session.id, LONG_AGO)

    assert [ended(cached, step) for step in steps] == [ended(plain, step) for step in steps]
    assert cached.seats() == plain.seats()


def ended(cinema: Cinema, step: tuple[str, str, str, str | None]) -> str:
    kind, seat, user, key = step
    try:
        match kind:
            case "hold":
                return str(cinema.hold(seat, user=user, key=key).id)
            case "confirm":
                return str(cinema.confirm(cinema.ids.reservation_id(user, key or "k1")).state)
            case "cancel":
                return str(cinema.cancel(cinema.ids.reservation_id(user, key or "k1")).state)
            case "wait":
                cinema.clock.now += seconds(16)
            case _ if isinstance(cinema, CachedCinema):
                prefix = cinema.cache.prefix
                past_the_door(
                    cinema.cache.connection.url, lambda redis: [redis.delete(k) for k in redis.scan_iter(f"{prefix}:*")]
                )
    except (Refusal, SeatsTakenOrHoldEnded) as refused:
        return type(refused).__name__
    return ""


def test_a_hold_of_the_same_id_with_other_expiry_is_another(cinema: CachedCinema) -> None:
    """An ended hold is forgotten, and a later one under the same id stays."""
    first: Hold = cinema.hold("A1", key="k").hold
    later = replace(first, expires_at=first.expires_at + seconds(60))
    cinema.cache.record_seats(
        first.session_id,
        {
            "A1": HeldSeat(
                reservation_id=later.reservation_id, expires_at=later.expires_at, fingerprint=later.fingerprint
            )
        },
        NOW,
        invalidates_map=False,
    )

    cinema.cache.delete_entries_of_hold(first)

    assert cinema.cache.read_known_seats_and_whether_id_was_seen(first, NOW).occupancy
