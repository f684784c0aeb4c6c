"""The cached rows: which holds they refuse without the rows, for how long; and nothing in Redis is trusted."""

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.application.cached_seats import RefreshSeatCache
from chalicelib.domain.refusals import (
    IdempotencyKeyReused,
    Refusal,
    ReservationCancelled,
    SeatsUnavailable,
    StoreUnavailable,
)
from chalicelib.domain.reservations import Held, Hold, Occupancy, Reservation, SeatsTaken, Sold
from chalicelib.infrastructure.breakers import Breaker, BreakerPolicy
from chalicelib.infrastructure.redis.cached_rows import CachedRows
from chalicelib.infrastructure.redis.connection import RedisConnection, RedisUnavailable
from chalicelib.infrastructure.redis.seat_cache import CLOCKS_APART, ID_IS_REMEMBERED, MOST_UNMARKED, SeatCache
from chalicelib.infrastructure.redis.seat_format import SOLD, SeatMap, sign, verified_text
from tests.builders import NOW, Cinema, a_hold, a_sale, a_seat_cache, a_session, seconds
from tests.facts import Facts
from tests.fakes import FakeReservations, FakeRows, MovableClock, interposed
from tests.redis_machine import is_real, past_the_door

MS = timedelta(milliseconds=1)


@dataclass
class GatedCinema(Cinema):
    """A cinema with cached rows. `asked` are the calls of the rows and of the reservations."""

    cache: SeatCache = field(default_factory=lambda: a_seat_cache("redis://127.0.0.1:9/0"))
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.plain = FakeRows()
        self.stored = FakeReservations()
        self.rows = CachedRows(
            rows=self.counted(self.plain),
            sessions=self.sessions,
            cache=self.cache,
            clock=self.clock,
            sleep=lambda _: None,
        )
        self.reservations = interposed(self.stored, "find", before=lambda: self.asked.append("find"))

    def counted(self, rows: Any) -> Any:
        for method in ("hold", "sell", "release", "occupancy"):
            rows = interposed(rows, method, before=lambda method=method: self.asked.append(method))  # type: ignore[misc]
        return rows

    def refused(self, *seats: str, user: str = "late", key: str | None = None) -> tuple[str, ...]:
        """Asks for a hold that is refused. Gives the seats that the refusal names."""
        with pytest.raises(SeatsUnavailable) as refused:
            self.hold(*seats, user=user, key=key)
        return refused.value.seats

    def questions(self, act: Callable[[], object]) -> list[str]:
        self.asked.clear()
        act()
        return list(self.asked)


@pytest.fixture
def cache(redis_url: str) -> SeatCache:
    return a_seat_cache(redis_url)


@pytest.fixture
def cinema(cache: SeatCache) -> GatedCinema:
    return GatedCinema(cache=cache)


def written(cache: SeatCache, kind: str) -> list[str]:
    """Gives the keys of that kind in Redis."""
    pattern = f"{cache.prefix}:{kind}:*"
    return sorted(
        key.decode() for key in past_the_door(cache.connection.url, lambda redis: list(redis.scan_iter(pattern)))
    )


def made_lasting(cache: SeatCache, kind: str) -> None:
    """Takes the expiry from the keys of that kind."""
    for key in written(cache, kind):
        past_the_door(cache.connection.url, lambda redis, key=key: redis.persist(key))  # type: ignore[misc]


def keeps_ids_since(cinema: GatedCinema, moment: datetime) -> None:
    """Makes Redis vouch for all ids since that moment."""
    cinema.cache.record_ids_from(moment)
    if cinema.cache.read_known_seats(replace(a_hold(session=cinema.session), fingerprint="f"), NOW).kept_since is None:
        pytest.skip("this Redis (fakeredis) does not say whether it drops keys: ids are looked up in the database")


LONG_AGO = NOW - timedelta(hours=1)


# Refusing.


def test_a_seat_known_to_be_held_is_refused_without_asking_anybody(cinema: GatedCinema) -> None:
    cinema.hold("A1", "A2")

    assert cinema.questions(lambda: cinema.refused("A2", "A3")) == []
    assert cinema.refused("A2", "A3") == ("A2",)


def test_a_sold_out_screening_answers_from_the_gate(cinema: GatedCinema) -> None:
    for start in range(0, 16, 8):
        seats = tuple(cinema.session.seats)[start : start + 8]
        cinema.confirm(cinema.hold(*seats, user=f"buyer-{start}").id, f"tx-{start}")

    assert cinema.questions(lambda: [cinema.refused(seat) for seat in cinema.session.seats]) == []


def test_the_rows_refusal_teaches_the_gate(cinema: GatedCinema) -> None:
    hold = a_hold("A1", session=cinema.session)
    cinema.plain.hold(hold, NOW)
    sold = a_hold("A2", session=cinema.session)
    cinema.plain.hold(sold, NOW)
    cinema.plain.sell(sold, a_sale(sold), NOW)

    assert cinema.questions(lambda: cinema.refused("A1", "A2")) == ["hold"]
    assert cinema.questions(lambda: cinema.refused("A1", "A2")) == []


def test_a_hold_is_free_from_its_very_expiry_whatever_redis_still_has(cinema: GatedCinema) -> None:
    cinema.hold("A1")
    made_lasting(cinema.cache, "seat")
    cinema.clock.now = NOW + seconds(30) - MS
    assert cinema.questions(lambda: cinema.refused("A1")) == []

    cinema.clock.now = NOW + seconds(30)
    assert cinema.hold("A1", user="next").seats == ("A1",)


def test_seats_given_back_are_free_at_once(cinema: GatedCinema) -> None:
    cinema.cancel(cinema.hold("A1", "A2").id)

    assert cinema.hold("A1", "A2", user="next")


def test_a_late_release_leaves_the_next_holders_entry(cinema: GatedCinema) -> None:
    first = cinema.hold("A1")
    cinema.cancel(first.id)
    cinema.hold("A1", user="next")

    cinema.rows.release(first.hold, cinema.clock())
    cinema.cache.forget(cinema.session.id, first.id, ("A1",))

    assert cinema.questions(lambda: cinema.refused("A1")) == []


# How long a stale entry can refuse a free seat.


def test_a_stale_hold_refuses_a_free_seat_until_its_own_expiry_and_no_longer(cinema: GatedCinema) -> None:
    cinema.hold("A1")
    cinema.plain.taken.clear()  # given back, and Redis was not told

    cinema.clock.now = NOW + seconds(30) - MS
    assert cinema.refused("A1") == ("A1",)
    cinema.clock.now = NOW + seconds(30)
    assert cinema.hold("A1", user="next")


def test_a_stale_sale_refuses_a_free_seat_for_five_minutes_and_no_longer(cinema: GatedCinema) -> None:
    cinema.confirm(cinema.hold("A1").id)
    made_lasting(cinema.cache, "seat")
    cinema.plain.taken.clear()

    assert timedelta(minutes=5) == SOLD
    cinema.clock.now = NOW + SOLD
    assert cinema.refused("A1") == ("A1",)
    cinema.clock.now = NOW + MS + SOLD
    assert cinema.hold("A1", user="next")


def test_redis_drops_what_is_no_longer_believed_by_itself(cinema: GatedCinema) -> None:
    cinema.hold("A1")
    cinema.confirm(cinema.hold("A2", user="bia").id)

    keys = written(cinema.cache, "seat")
    lives = past_the_door(cinema.cache.connection.url, lambda redis: [redis.pttl(key) for key in keys])

    assert 0 < lives[0] <= 30_000 < lives[1] <= 300_000


# Idempotency keys.


def test_a_resend_gets_its_answer_though_the_gate_knows_its_seats(cinema: GatedCinema) -> None:
    keeps_ids_since(cinema, LONG_AGO)
    first = cinema.hold("A1", key="k")

    assert cinema.hold("A1", key="k") == first
    cinema.confirm(first.id)
    assert cinema.hold("A1", key="k").id == first.id


def test_what_redis_says_of_ones_own_hold_is_not_believed(cinema: GatedCinema) -> None:
    """Rows and reservations have lost it: the resend must take the seat, and not trust that it has it."""
    first = cinema.hold("A1", key="k")
    cinema.plain.taken.clear()
    cinema.stored.stored.clear()

    assert cinema.hold("A1", key="k").id == first.id
    assert "A1" in cinema.plain.taken[cinema.session.id]


def test_a_used_key_gets_its_answer_though_the_seat_is_someone_elses_by_now(cinema: GatedCinema) -> None:
    keeps_ids_since(cinema, LONG_AGO)
    first = cinema.hold("A1", key="k")
    cinema.cancel(first.id)
    cinema.hold("A1", user="next")

    assert_told_of(first, cinema)


def assert_told_of(first: Reservation, cinema: GatedCinema) -> None:
    """Asserts that a resend is told that the hold was cancelled, and not that others have its seats."""
    with pytest.raises(ReservationCancelled) as told:
        cinema.hold("A1", key="k")
    assert told.value.reservation_id == first.id


def test_a_used_key_with_another_body_is_refused_as_reused(cinema: GatedCinema) -> None:
    keeps_ids_since(cinema, LONG_AGO)
    cinema.hold("A1", key="k")
    cinema.hold("B1", user="next")

    with pytest.raises(IdempotencyKeyReused):
        cinema.hold("B1", key="k")


def test_a_new_key_is_refused_without_asking_anybody(cinema: GatedCinema) -> None:
    keeps_ids_since(cinema, LONG_AGO)
    cinema.hold("A1")

    assert cinema.questions(lambda: cinema.refused("A1", key="new")) == []


def test_a_redis_younger_than_the_screening_can_not_know_that_a_key_is_new(cinema: GatedCinema) -> None:
    cinema.hold("A1")

    for since in (NOW, NOW - CLOCKS_APART + MS):
        keeps_ids_since(cinema, since)
        assert cinema.questions(lambda: cinema.refused("A1", key="new")) == ["find"]
    keeps_ids_since(cinema, NOW - CLOCKS_APART)
    assert cinema.questions(lambda: cinema.refused("A1", key="new")) == []


def test_a_redis_older_than_what_is_remembered_knows_every_key(cinema: GatedCinema) -> None:
    keeps_ids_since(cinema, NOW + seconds(1))
    for age, expected in ((-MS, ["find"]), (timedelta(0), list[str]())):
        cinema.clock.now = NOW + seconds(1) + CLOCKS_APART + ID_IS_REMEMBERED + age
        cinema.hold("A1" if expected else "A2", user=f"early-{age}")
        seat = "A1" if expected else "A2"
        assert cinema.questions(lambda seat=seat: cinema.refused(seat, key="new")) == expected  # type: ignore[misc]


def test_redis_keeps_ids_from_the_first_question_about_one(cinema: GatedCinema) -> None:
    cinema.hold("A1")
    keeps_ids_since(cinema, NOW)  # skips where it can't
    past_the_door(cinema.cache.connection.url, lambda redis: redis.delete(cinema.cache._kept_key))

    assert cinema.questions(lambda: cinema.refused("A1", key="new")) == ["find"]
    asked = replace(a_hold(session=cinema.session), fingerprint="f")
    assert cinema.cache.read_known_seats(asked, NOW).kept_since == NOW


def test_a_used_id_that_redis_missed_is_told_before_redis_is_asked_again(redis_url: str) -> None:
    """The same process: Redis was away at the hold, and is back before anything else happens."""
    flaky = FlakyConnection(redis_url)
    cinema = GatedCinema(cache=replace(a_seat_cache(redis_url), connection=flaky))  # type: ignore[arg-type] # it asks alike
    keeps_ids_since(cinema, LONG_AGO)
    flaky.away = True
    first = cinema.hold("A1", key="k")
    cinema.cancel(first.id)
    flaky.away = False
    cinema.hold("A1", user="next")

    assert_told_of(first, cinema)


def test_when_too_many_ids_were_missed_none_is_taken_for_new(redis_url: str) -> None:
    flaky = FlakyConnection(redis_url)
    cinema = GatedCinema(cache=replace(a_seat_cache(redis_url), connection=flaky))  # type: ignore[arg-type] # it asks alike
    keeps_ids_since(cinema, LONG_AGO)
    flaky.away = True
    for _ in range(MOST_UNMARKED + 1):
        with pytest.raises(RedisUnavailable):
            cinema.cache.record_hold(a_hold("B1", session=cinema.session, fingerprint="f"), NOW)
    flaky.away = False
    cinema.hold("A1")

    assert cinema.questions(lambda: cinema.refused("A1", key="new")) == ["find"]


def test_an_id_that_another_process_died_with_is_told_by_its_event(cinema: GatedCinema) -> None:
    keeps_ids_since(cinema, LONG_AGO)
    first = cinema.hold("A1", key="k")
    past_the_door(cinema.cache.connection.url, lambda redis: redis.delete(*written(cinema.cache, "key")))
    cinema.cancel(first.id)
    cinema.hold("A1", user="next")

    created = Facts(cinema.session.id, ("A1",), first.id).created()
    RefreshSeatCache(cinema.cache)(replace(created, data={**created.data, "fingerprint": first.fingerprint}))

    assert_told_of(first, cinema)


# The cache invalidator.


def test_seats_released_by_someone_who_could_not_tell_are_free_once_their_event_has_come(cinema: GatedCinema) -> None:
    sold = cinema.hold("A1", "A2")
    cinema.confirm(sold.id)
    cinema.plain.taken.clear()  # refunded elsewhere
    cinema.seats()
    assert cinema.refused("A1") == ("A1",)

    released = Facts(cinema.session.id, ("A1", "A2"), sold.id).released()
    for _ in range(2):
        RefreshSeatCache(cinema.cache)(released)

    assert cinema.seats() == {}
    assert cinema.hold("A1", "A2", user="next")


def test_the_invalidator_fails_as_long_as_redis_does_so_that_its_message_comes_again() -> None:
    refresh = RefreshSeatCache(a_seat_cache("redis://127.0.0.1:9/0"))
    facts = Facts("session", ("A1",))

    with pytest.raises(StoreUnavailable):
        refresh(facts.released())
    with pytest.raises(StoreUnavailable):
        refresh(replace(facts.created(), data={"fingerprint": "f"}))
    refresh(facts.paid())


# Lies.


def instead(redis: Any, key: str) -> Any:
    """Deletes the key."""
    redis.delete(key)
    return redis


SEAT_LIES: dict[str, Callable[[Any, str, "GatedCinema"], object]] = {
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
        key, sign(b"evil", key, "res-evil|s|99999999999999|sale-evil")
    ),
    "another seat's entry": lambda redis, key, c: redis.set(key, redis.get(c.cache._seat_key(c.session.id, "B1"))),
}


@pytest.mark.parametrize("lie", SEAT_LIES)
def test_a_lie_about_a_free_seat_refuses_nobody(cinema: GatedCinema, lie: str) -> None:
    cinema.hold("B1", user="real")
    key = cinema.cache._seat_key(cinema.session.id, "A1")
    past_the_door(cinema.cache.connection.url, lambda redis: SEAT_LIES[lie](redis, key, cinema))

    assert cinema.hold("A1").seats == ("A1",)
    assert cinema.questions(lambda: cinema.refused("A1")) == []


@pytest.mark.parametrize("lie", SEAT_LIES)
def test_a_lie_about_a_taken_seat_gives_it_to_nobody(cinema: GatedCinema, lie: str) -> None:
    cinema.hold("A1", user="first")
    cinema.hold("B1", user="real")
    key = cinema.cache._seat_key(cinema.session.id, "A1")
    past_the_door(cinema.cache.connection.url, lambda redis: SEAT_LIES[lie](redis, key, cinema))

    assert cinema.refused("A1") == ("A1",)


@pytest.mark.parametrize("lie", SEAT_LIES)
def test_a_lie_in_place_of_map_version_or_marks_shows_and_refuses_nothing_wrong(cinema: GatedCinema, lie: str) -> None:
    keys = [cinema.cache._key(kind, cinema.session.id) for kind in ("map", "version")]
    cinema.hold("B1", user="real")
    cinema.seats()
    for key in [*keys, cinema.cache._kept_key]:
        past_the_door(cinema.cache.connection.url, lambda redis, key=key: SEAT_LIES[lie](redis, key, cinema))  # type: ignore[misc]

    assert cinema.seats() == {"B1": "reserved"}
    cinema.hold("A1", key="k")
    assert cinema.seats() == {"A1": "reserved", "B1": "reserved"}


@given(st.binary(max_size=200))
def test_whatever_stands_there_was_not_written_by_us(value: bytes) -> None:
    cache = a_seat_cache("redis://127.0.0.1:9/0")

    assert verified_text(cache.secret, "key", value) is None


# The seat map.


def test_a_seat_map_is_read_once_while_nothing_changes(cinema: GatedCinema) -> None:
    cinema.hold("A1")

    assert cinema.questions(lambda: [cinema.seats() for _ in range(5)]) == ["occupancy"]
    assert cinema.seats() == {"A1": "reserved"}


def test_every_write_is_seen_at_once(cinema: GatedCinema) -> None:
    assert cinema.seats() == {}
    held = cinema.hold("A1")
    assert cinema.seats() == {"A1": "reserved"}
    cinema.confirm(held.id)
    assert cinema.seats() == {"A1": "sold"}
    other = cinema.hold("B1")
    assert cinema.seats() == {"A1": "sold", "B1": "reserved"}
    cinema.cancel(other.id)
    assert cinema.seats() == {"A1": "sold"}


def test_a_lapsed_hold_is_not_shown_from_its_very_expiry_though_the_map_is_kept(cinema: GatedCinema) -> None:
    cinema.hold("A1")
    cinema.clock.now = NOW + seconds(30) - MS
    assert cinema.seats() == {"A1": "reserved"}

    cinema.clock.now = NOW + seconds(30)
    assert cinema.questions(lambda: cinema.seats() == {} or pytest.fail("it is shown")) == []


def test_a_map_is_never_older_than_a_second(cinema: GatedCinema) -> None:
    cinema.seats()
    made_lasting(cinema.cache, "map")
    cinema.plain.hold(a_hold("A1", session=cinema.session), NOW)  # by one who could not tell Redis

    cinema.clock.now = NOW + seconds(1) - MS
    assert cinema.seats() == {}
    cinema.clock.now = NOW + seconds(1)
    assert cinema.seats() == {"A1": "reserved"}


def test_redis_drops_a_map_after_a_second_by_its_own_clock(cinema: GatedCinema) -> None:
    cinema.seats()

    (key,) = written(cinema.cache, "map")
    assert 0 < past_the_door(cinema.cache.connection.url, lambda redis: redis.pttl(key)) <= 1000


def test_a_map_read_before_a_write_is_not_shown_after_it(cinema: GatedCinema) -> None:
    """The write happens between the reading of the rows and the keeping of the map."""
    plain = cinema.plain
    among = interposed(plain, "occupancy", after=lambda: cinema.hold("A1"))
    slow = CachedRows(rows=among, sessions=cinema.sessions, cache=cinema.cache, clock=cinema.clock)

    assert slow.occupancy(cinema.session) == {}
    assert cinema.seats() == {"A1": "reserved"}


def test_all_kinds_of_entries_come_back_as_they_were(cinema: GatedCinema) -> None:
    entries: dict[str, Occupancy] = {
        "A1": Held(reservation_id="res-1", expires_at=NOW + seconds(30), fingerprint="0123456789ab"),
        "A2": Held("res-2", NOW + seconds(30)),
        "B1": Sold("res-3", "sale-3"),
    }
    cinema.cache.store_map(cinema.session.id, SeatMap(version=7, read_at=NOW, occupancy=entries), 1000)

    assert cinema.cache.read_map(cinema.session.id) == (0, SeatMap(version=7, read_at=NOW, occupancy=entries))


@pytest.mark.skipif(not is_real(), reason="fakeredis does not answer twenty at once within the 50 ms that one waits")
def test_under_a_stampede_one_reads_the_rows(cache: SeatCache) -> None:
    session, clock = a_session(), MovableClock(NOW)
    plain, begun, reads = FakeRows(), threading.Event(), list[int]()
    plain.hold(a_hold("A1", session=session), NOW)

    def slow_read() -> None:
        reads.append(1)
        assert begun.wait(5)

    rows = CachedRows(
        rows=interposed(plain, "occupancy", before=slow_read),
        sessions=Cinema(session).sessions,
        cache=cache,
        clock=clock,
    )
    with ThreadPoolExecutor(20) as crowd:
        asked = [crowd.submit(rows.occupancy, session) for _ in range(20)]
        threading.Timer(0.05, begun.set).start()
        maps = [each.result(10) for each in asked]

    assert all(list(each) == ["A1"] for each in maps)
    assert len(reads) == 1


def test_while_writes_go_on_those_who_wait_share_a_map_that_shows_what_was_before_them(cache: SeatCache) -> None:
    """A write during each reading makes every map stale at once. The rows are still read once for all who wait."""
    session, clock = a_session(), MovableClock(NOW)
    plain, reads = FakeRows(), list[int]()
    plain.hold(a_hold("A1", session=session), NOW)

    def written_meanwhile() -> None:
        reads.append(1)
        cache.record_seats(session.id, {}, NOW, changed=True)
        threading.Event().wait(0.03)

    rows = CachedRows(
        rows=interposed(plain, "occupancy", after=written_meanwhile),
        sessions=Cinema(session).sessions,
        cache=cache,
        clock=clock,
    )
    with ThreadPoolExecutor(20) as crowd:
        maps = list(crowd.map(lambda _: rows.occupancy(session), range(20)))

    assert all(list(each) == ["A1"] for each in maps)
    assert len(reads) <= 5


def test_when_the_one_who_reads_dies_the_others_read_by_themselves(cinema: GatedCinema) -> None:
    cinema.hold("A1")
    assert cinema.cache.claim_rebuild(cinema.session.id)[0]

    assert cinema.questions(cinema.seats) == ["occupancy"]
    assert cinema.seats() == {"A1": "reserved"}


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

    def ask(self, question: Callable[[Any], Any], shape: Callable[[Any], Any]) -> Any:
        if self.away:
            raise RedisUnavailable("away")
        return self.real.ask(question, shape)


def test_without_redis_everything_goes_on() -> None:
    cinema = GatedCinema(cache=a_seat_cache("redis://127.0.0.1:9/0"))
    held = cinema.hold("A1", key="k")
    assert cinema.refused("A1") == ("A1",)
    assert cinema.hold("A1", key="k") == held
    assert cinema.seats() == {"A1": "reserved"}
    cinema.confirm(held.id)
    cinema.cancel(cinema.hold("B1").id)
    assert cinema.seats() == {"A1": "sold"}


@pytest.fixture(scope="module")
def shared_cache(redis_url: str) -> SeatCache:
    """A cache for many examples on one connection. Each example has a screening of its own."""
    return a_seat_cache(redis_url)


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
def test_behind_the_gate_everything_ends_as_without_it(shared_cache: SeatCache, steps: list[Any]) -> None:
    """No answer shows that there is a cache, as long as Redis gets every write, or loses all its keys at once."""
    cache = replace(shared_cache, prefix=f"test-{uuid.uuid4()}", _unmarked_ids=set())
    gated, plain = GatedCinema(cache=cache), Cinema()
    gated.cache.record_ids_from(LONG_AGO)

    assert [ended(gated, step) for step in steps] == [ended(plain, step) for step in steps]
    assert gated.seats() == plain.seats()


def ended(cinema: Cinema, step: tuple[str, str, str, str | None]) -> str:
    kind, seat, user, key = step
    try:
        match kind:
            case "hold":
                return str(cinema.hold(seat, user=user, key=key).id)
            case "confirm":
                return str(cinema.confirm(cinema.ids.reservation(user, key or "k1")).state)
            case "cancel":
                return str(cinema.cancel(cinema.ids.reservation(user, key or "k1")).state)
            case "wait":
                cinema.clock.now += seconds(16)
            case _ if isinstance(cinema, GatedCinema):
                prefix = cinema.cache.prefix
                past_the_door(
                    cinema.cache.connection.url, lambda redis: [redis.delete(k) for k in redis.scan_iter(f"{prefix}:*")]
                )
    except (Refusal, SeatsTaken) as refused:
        return type(refused).__name__
    return ""


def test_a_hold_of_the_same_id_with_other_expiry_is_another(cinema: GatedCinema) -> None:
    """An ended hold is forgotten, and a later one under the same id stays."""
    first: Hold = cinema.hold("A1", key="k").hold
    later = replace(first, expires_at=first.expires_at + seconds(60))
    cinema.cache.record_seats(
        first.session_id,
        {"A1": Held(reservation_id=later.reservation_id, expires_at=later.expires_at, fingerprint=later.fingerprint)},
        NOW,
        changed=False,
    )

    cinema.cache.forget_hold(first)

    assert cinema.cache.read_known_seats(first, NOW).occupancy
