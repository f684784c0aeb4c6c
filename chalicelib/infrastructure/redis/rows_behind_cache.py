"""The rows behind a cache. If Redis shows that seats are taken, they are refused without a call of the database.

    hold ──► Redis: taken by others? ──yes──► SeatsTakenOrHoldEnded
                  │ no, or no answer
                  ▼
             rows: the decision ──► Redis: the outcome

The rows decide all the same: Redis can only refuse, so nothing in it can give a seat to two. A stale entry refuses a
free seat until the hold's own expiry at most, or for seat_format.SOLD_ENTRY_LASTS after a sale. Without Redis every
call goes to the rows, at the price of one timeout once in a while: see connection.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from chalicelib.domain.reservations import Hold, Occupancy, ReleaseResult, Sale, SeatsTakenOrHoldEnded, SoldSeat
from chalicelib.domain.sessions import Session
from chalicelib.domain.times import to_ms

from .connection import RedisUnavailable
from .seat_cache import KnownSeatsOfHold, SeatCache
from .seat_format import MAP_MS, CachedSeatMap

if TYPE_CHECKING:
    from chalicelib.domain.ports import Clock, Rows, Sessions

POLLS = 10
POLL_SECONDS = 0.02
"""While another process reads the rows to make a map, this process looks for the map in the cache up to POLLS times,
with pauses of POLL_SECONDS. After that it reads the rows itself."""


@dataclass(frozen=True)
class RowsBehindCache:
    """The port Rows, with a cache in front of `rows`. The cache refuses seats that it knows to be taken, and gives seat
    maps. Only `rows` lets a hold or sale succeed."""

    rows: Rows
    sessions: Sessions
    cache: SeatCache
    clock: Clock
    sleep: Callable[[float], None] = time.sleep

    def hold(self, hold: Hold, now: datetime) -> None:
        self._refuse_if_known(hold, now)
        with self._record_refusals(hold, now):
            self.rows.hold(hold, now)
        self._try_cache(lambda: self.cache.record_hold(hold, now))

    def sell(self, hold: Hold, sale: Sale, now: datetime) -> None:
        with self._record_refusals(hold, now):
            self.rows.sell(hold, sale, now)
        sold = dict.fromkeys(hold.seats, SoldSeat(hold.reservation_id, sale.id))
        self._try_cache(lambda: self.cache.record_seats(hold.session_id, sold, now, invalidates_map=True))

    def release(self, hold: Hold, now: datetime) -> ReleaseResult:
        release = self.rows.release(hold, now)
        self._try_cache(lambda: self.cache.delete_entries_of_hold(hold))
        return release

    def read_entries_with_lapsed_or_raise_if_cancelled(self, session: Session) -> Mapping[str, Occupancy]:
        """Gives the cached seat map if it shows the last write and is less than a second old. Else reads the rows."""
        try:
            wanted, kept = self.cache.read_map(session.id)
            if kept and kept.is_young_and_shows_version(wanted, self.clock()):
                return kept.occupancy
            return self._read_or_await_map(session, wanted)
        except RedisUnavailable:
            return self.rows.read_entries_with_lapsed_or_raise_if_cancelled(session)

    def sale_ids_by_reservation_in_rows_last_written_between(
        self, session: Session, since: datetime, until: datetime
    ) -> Mapping[str, str]:
        return self.rows.sale_ids_by_reservation_in_rows_last_written_between(session, since, until)

    def close_row_and_read_entries_with_lapsed(
        self, session_id: str, row: str, now: datetime
    ) -> Mapping[str, Occupancy]:
        occupancy = self.rows.close_row_and_read_entries_with_lapsed(session_id, row, now)
        self._try_cache(lambda: self.cache.record_seats(session_id, {}, now, invalidates_map=True))
        return occupancy

    def _read_or_await_map(self, session: Session, wanted: int) -> Mapping[str, Occupancy]:
        """Reads a new map, or waits for the process that is reading one.

        A map of version `wanted` or later has every write that was made before this request began. That is enough, even
        if there are newer writes when the map arrives. So one read may serve many waiting requests.
        """
        for _ in range(POLLS):
            mine, version, kept = self.cache.try_to_claim_rebuild_and_read_map(session.id)
            if kept and kept.is_young_and_shows_version(wanted, self.clock()):
                if mine:
                    self._try_cache(lambda: self.cache.release_rebuild(session.id))
                return kept.occupancy
            if mine:
                return self._read_and_store_map(session, version)
            self.sleep(POLL_SECONDS)
        return self.rows.read_entries_with_lapsed_or_raise_if_cancelled(session)

    def _read_and_store_map(self, session: Session, version: int) -> Mapping[str, Occupancy]:
        """Reads the rows, and stores the result in the cache as the map of this version. Gives the result."""
        read_at = self.clock()
        try:
            occupancy = self.rows.read_entries_with_lapsed_or_raise_if_cancelled(session)
        except Exception:
            self._try_cache(lambda: self.cache.release_rebuild(session.id))
            raise
        built = CachedSeatMap(version=version, read_at=read_at, occupancy=occupancy)
        ttl_ms = MAP_MS - (to_ms(self.clock()) - to_ms(built.read_at))
        self._try_cache(lambda: self.cache.store_map_if_fresh_and_release_claim(session.id, built, ttl_ms))
        return built.occupancy

    def _refuse_if_known(self, hold: Hold, now: datetime) -> None:
        """Raises SeatsTakenOrHoldEnded if the cache shows that others have some of the hold's seats, and the hold
        itself has none.

        If the hold has one of the seats, the request may be a repeated one. Then the rows decide.
        """
        try:
            known = self.cache.read_known_seats_and_whether_id_was_seen(hold, now)
        except RedisUnavailable:
            return
        others = [entry for entry in known.occupancy.values() if entry.reservation_id != hold.reservation_id]
        if others and len(others) == len(known.occupancy):
            raise SeatsTakenOrHoldEnded(known.occupancy, is_surely_no_resend=self._id_is_new(known, hold, now))

    def _id_is_new(self, known: KnownSeatsOfHold, hold: Hold, now: datetime) -> bool:
        return known.is_surely_no_resend(self.sessions.get(hold.session_id).created_at, now)

    @contextmanager
    def _record_refusals(self, hold: Hold, now: datetime) -> Iterator[None]:
        """Records in the cache the seats of a SeatsTakenOrHoldEnded that the `with` block raises. The error is raised
        all the same.

        So the next refusal needs no read of the rows.
        """
        try:
            yield
        except SeatsTakenOrHoldEnded as taken:
            occupancy = taken.occupancy
            self._try_cache(lambda: self.cache.record_seats(hold.session_id, occupancy, now, invalidates_map=False))
            raise

    def _try_cache(self, write: Callable[[], None]) -> None:
        """Writes to the cache. Ignores RedisUnavailable: without the write, later requests ask the rows."""
        with suppress(RedisUnavailable):
            write()
