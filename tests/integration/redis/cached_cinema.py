"""A cinema with cached rows, and helpers to look into and change its Redis."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.refusals import (
    SeatsUnavailable,
)
from chalicelib.infrastructure.redis.rows_behind_cache import RowsBehindCache
from chalicelib.infrastructure.redis.seat_cache import SeatCache
from tests.builders import NOW, Cinema, a_hold, a_seat_cache
from tests.fakes import FakeReservations, FakeRows, interposed
from tests.redis_machine import past_the_door

MS = timedelta(milliseconds=1)


@dataclass
class CachedCinema(Cinema):
    """A cinema with cached rows. `asked` are the calls of the rows and of the reservations."""

    cache: SeatCache = field(default_factory=lambda: a_seat_cache("redis://127.0.0.1:9/0"))
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.plain = FakeRows()
        self.stored = FakeReservations()
        self.rows = RowsBehindCache(
            rows=self.counted(self.plain),
            sessions=self.sessions,
            cache=self.cache,
            clock=self.clock,
            sleep=lambda _: None,
        )
        self.reservations = interposed(self.stored, "find", before=lambda: self.asked.append("find"))

    def counted(self, rows: Any) -> Any:
        for method in ("hold", "sell", "release", "read_entries_with_lapsed_or_raise_if_cancelled"):
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


def keeps_ids_since(cinema: CachedCinema, moment: datetime) -> None:
    """Makes Redis vouch for all ids since that moment."""
    cinema.cache.try_mark_ids_complete_since(cinema.session.id, moment)
    if (
        cinema.cache.read_known_seats_and_whether_id_was_seen(
            replace(a_hold(session=cinema.session), fingerprint="f"), NOW
        ).used_ids_complete_since
        is None
    ):
        pytest.skip("this Redis (fakeredis) does not say whether it drops keys: ids are looked up in the database")


LONG_AGO = NOW - timedelta(hours=1)
