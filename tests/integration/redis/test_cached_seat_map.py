"""The cached seat map: it shows every write, is never older than a second, and is read by one for all."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.domain.reservations import HeldSeat, Occupancy, SoldSeat
from chalicelib.infrastructure.redis.rows_behind_cache import RowsBehindCache
from chalicelib.infrastructure.redis.seat_format import CachedSeatMap
from tests.builders import NOW, Cinema, a_hold, a_seat_cache, a_session, seconds
from tests.fakes import FakeRows, MovableClock, interposed
from tests.redis_machine import is_real, past_the_door

from .cached_cinema import MS, CachedCinema, made_lasting, written


def test_a_seat_map_is_read_once_while_nothing_changes(cinema: CachedCinema) -> None:
    cinema.hold("A1")

    assert cinema.questions(lambda: [cinema.seats() for _ in range(5)]) == [
        "read_entries_with_lapsed_or_raise_if_cancelled"
    ]
    assert cinema.seats() == {"A1": "reserved"}


def test_every_write_is_seen_at_once(cinema: CachedCinema) -> None:
    assert cinema.seats() == {}
    held = cinema.hold("A1")
    assert cinema.seats() == {"A1": "reserved"}
    cinema.confirm(held.id)
    assert cinema.seats() == {"A1": "sold"}
    other = cinema.hold("B1")
    assert cinema.seats() == {"A1": "sold", "B1": "reserved"}
    cinema.cancel(other.id)
    assert cinema.seats() == {"A1": "sold"}


def test_a_lapsed_hold_is_not_shown_from_its_very_expiry_though_the_map_is_kept(cinema: CachedCinema) -> None:
    cinema.hold("A1")
    cinema.clock.now = NOW + seconds(30) - MS
    assert cinema.seats() == {"A1": "reserved"}

    cinema.clock.now = NOW + seconds(30)
    assert cinema.questions(lambda: cinema.seats() == {} or pytest.fail("it is shown")) == []


def test_a_map_is_never_older_than_a_second(cinema: CachedCinema) -> None:
    cinema.seats()
    made_lasting(cinema.cache, "map")
    cinema.plain.hold(a_hold("A1", session=cinema.session), NOW)  # by one who could not tell Redis

    cinema.clock.now = NOW + seconds(1) - MS
    assert cinema.seats() == {}
    cinema.clock.now = NOW + seconds(1)
    assert cinema.seats() == {"A1": "reserved"}


def test_redis_drops_a_map_after_a_second_by_its_own_clock(cinema: CachedCinema) -> None:
    cinema.seats()

    (key,) = written(cinema.cache, "map")
    assert 0 < past_the_door(cinema.cache.connection.url, lambda redis: redis.pttl(key)) <= 1000


def test_a_map_read_before_a_write_is_not_shown_after_it(cinema: CachedCinema) -> None:
    """The write happens between the reading of the rows and the keeping of the map."""
    plain = cinema.plain
    among = interposed(plain, "read_entries_with_lapsed_or_raise_if_cancelled", after=lambda: cinema.hold("A1"))
    slow = RowsBehindCache(rows=among, sessions=cinema.sessions, cache=cinema.cache, clock=cinema.clock)

    assert slow.read_entries_with_lapsed_or_raise_if_cancelled(cinema.session) == {}
    assert cinema.seats() == {"A1": "reserved"}


def test_all_kinds_of_entries_come_back_as_they_were(cinema: CachedCinema) -> None:
    entries: dict[str, Occupancy] = {
        "A1": HeldSeat(reservation_id="res-1", expires_at=NOW + seconds(30), fingerprint="0123456789ab"),
        "A2": HeldSeat("res-2", NOW + seconds(30)),
        "B1": SoldSeat("res-3", "sale-3"),
    }
    cinema.cache.store_map_if_fresh_and_release_claim(
        cinema.session.id, CachedSeatMap(version=7, read_at=NOW, occupancy=entries), 1000
    )

    assert cinema.cache.read_map(cinema.session.id) == (0, CachedSeatMap(version=7, read_at=NOW, occupancy=entries))


@pytest.mark.skipif(not is_real(), reason="fakeredis does not answer twenty at once within the 50 ms that one waits")
def test_under_a_stampede_one_reads_the_rows(redis_url: str) -> None:
    cache, session, clock = a_seat_cache(redis_url), a_session(), MovableClock(NOW)
    plain, begun, reads = FakeRows(), threading.Event(), list[int]()
    plain.hold(a_hold("A1", session=session), NOW)

    def slow_read() -> None:
        reads.append(1)
        assert begun.wait(5)

    rows = RowsBehindCache(
        rows=interposed(plain, "read_entries_with_lapsed_or_raise_if_cancelled", before=slow_read),
        sessions=Cinema(session).sessions,
        cache=cache,
        clock=clock,
    )
    with ThreadPoolExecutor(20) as crowd:
        asked = [crowd.submit(rows.read_entries_with_lapsed_or_raise_if_cancelled, session) for _ in range(20)]
        threading.Timer(0.05, begun.set).start()
        maps = [each.result(10) for each in asked]

    assert all(list(each) == ["A1"] for each in maps)
    assert len(reads) == 1


def test_while_writes_go_on_those_who_wait_share_a_map_that_shows_what_was_before_them(redis_url: str) -> None:
    """A write during each reading makes every map stale at once. The rows are still read once for all who wait."""
    cache, session, clock = a_seat_cache(redis_url), a_session(), MovableClock(NOW)
    plain, reads = FakeRows(), list[int]()
    plain.hold(a_hold("A1", session=session), NOW)

    def written_meanwhile() -> None:
        reads.append(1)
        cache.record_seats(session.id, {}, NOW, invalidates_map=True)
        threading.Event().wait(0.03)

    rows = RowsBehindCache(
        rows=interposed(plain, "read_entries_with_lapsed_or_raise_if_cancelled", after=written_meanwhile),
        sessions=Cinema(session).sessions,
        cache=cache,
        clock=clock,
    )
    with ThreadPoolExecutor(20) as crowd:
        maps = list(crowd.map(lambda _: rows.read_entries_with_lapsed_or_raise_if_cancelled(session), range(20)))

    assert all(list(each) == ["A1"] for each in maps)
    assert len(reads) <= 5


def test_when_the_one_who_reads_dies_the_others_read_by_themselves(cinema: CachedCinema) -> None:
    cinema.hold("A1")
    assert cinema.cache.try_to_claim_rebuild_and_read_map(cinema.session.id)[0]

    assert cinema.questions(cinema.seats) == ["read_entries_with_lapsed_or_raise_if_cancelled"]
    assert cinema.seats() == {"A1": "reserved"}
