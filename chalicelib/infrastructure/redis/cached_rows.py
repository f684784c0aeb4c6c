"""The rows behind a gate: seats that Redis knows to be taken are refused without asking the database.

    hold ──► Redis: taken by others? ──yes──► SeatsTaken
                  │ no, or no answer
                  ▼
             rows: the decision ──► Redis: what it was

The rows decide all the same: what Redis says can only refuse, so nothing in it can give a seat to two. A stale entry
refuses a free seat until the hold's own expiry at most, or for seat_cache.SOLD after a sale. Without Redis every call
goes to the rows, at the price of one timeout once in a while: see redis_connection.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.ports import Clock, Rows, Sessions
from chalicelib.domain.reservations import Hold, Occupancy, Release, Sale, SeatsTaken, Sold
from chalicelib.domain.sessions import Session
from chalicelib.domain.times import to_ms

from .connection import RedisUnavailable
from .seat_cache import MAP_MS, Known, Map, SeatCache

POLLS = 10
POLL_SECONDS = 0.02
"""Who needs a seat map while another reads it waits for that so long; then it reads by itself."""


@dataclass(frozen=True)
class CachedRows:
    rows: Rows
    sessions: Sessions
    cache: SeatCache
    clock: Clock
    sleep: Callable[[float], None] = time.sleep

    def hold(self, hold: Hold, now: datetime) -> None:
        self._refuse_known(hold, now)
        with self._learning(hold, now):
            self.rows.hold(hold, now)
        self._tell(lambda: self.cache.held(hold, now))

    def sell(self, hold: Hold, sale: Sale, now: datetime) -> None:
        with self._learning(hold, now):
            self.rows.sell(hold, sale, now)
        sold = Sold(hold.reservation_id, sale.id)
        self._tell(lambda: self.cache.learn(hold.session_id, dict.fromkeys(hold.seats, sold), now, changed=True))

    def release(self, hold: Hold, now: datetime) -> Release:
        release = self.rows.release(hold, now)
        self._tell(lambda: self.cache.forget_hold(hold))
        return release

    def occupancy(self, session: Session) -> Mapping[str, Occupancy]:
        """As the rows have it, or as somebody has read them since the last write, less than a second ago."""
        try:
            wanted, kept = self.cache.seat_map(session.id)
            if kept and kept.is_fresh(wanted, self.clock()):
                return kept.occupancy
            return self._rebuilt_by_one(session, wanted)
        except RedisUnavailable:
            return self.rows.occupancy(session)

    def sales_between(self, session: Session, since: datetime, until: datetime) -> Mapping[str, str]:
        return self.rows.sales_between(session, since, until)

    def close(self, session_id: str, row: str, now: datetime) -> Mapping[str, Occupancy]:
        standing = self.rows.close(session_id, row, now)
        self._tell(lambda: self.cache.learn(session_id, {}, now, changed=True))
        return standing

    def _rebuilt_by_one(self, session: Session, wanted: int) -> Mapping[str, Occupancy]:
        """While writes go on, a map is old as soon as it is there. One that shows the writes before this request is
        as good as one read for it alone, so all who wait can have the same."""
        for _ in range(POLLS):
            mine, version, kept = self.cache.claim_rebuild(session.id)
            if kept and kept.is_fresh(wanted, self.clock()):
                if mine:
                    self._tell(lambda: self.cache.give_back_rebuild(session.id))
                return kept.occupancy
            if mine:
                return self._rebuilt(session, version)
            self.sleep(POLL_SECONDS)
        return self.rows.occupancy(session)

    def _rebuilt(self, session: Session, version: int) -> Mapping[str, Occupancy]:
        read_at = self.clock()
        try:
            occupancy = self.rows.occupancy(session)
        except Exception:
            self._tell(lambda: self.cache.give_back_rebuild(session.id))
            raise
        built = Map(version, read_at, occupancy)
        lives_ms = MAP_MS - (to_ms(self.clock()) - to_ms(built.read_at))
        self._tell(lambda: self.cache.keep_map(session.id, built, lives_ms))
        return built.occupancy

    def _refuse_known(self, hold: Hold, now: datetime) -> None:
        """Seats of its own are no reason: whether this is a resend, and of what, the rows and the use case know."""
        try:
            known = self.cache.known(hold, now)
        except RedisUnavailable:
            return
        others = [entry for entry in known.occupancy.values() if entry.reservation_id != hold.reservation_id]
        if others and len(others) == len(known.occupancy):
            raise SeatsTaken(known.occupancy, id_is_new=self._id_is_new(known, hold, now))

    def _id_is_new(self, known: Known, hold: Hold, now: datetime) -> bool:
        return known.id_is_new(self.sessions.get(hold.session_id).created_at, now)

    @contextmanager
    def _learning(self, hold: Hold, now: datetime) -> Iterator[None]:
        """From the rows' refusal, so that the next one need not ask them."""
        try:
            yield
        except SeatsTaken as taken:
            learned = taken.occupancy
            self._tell(lambda: self.cache.learn(hold.session_id, learned, now, changed=False))
            raise

    def _tell(self, tell: Callable[[], None]) -> None:
        """What Redis was not told of, it doesn't know: that costs a later request a question to the rows."""
        with suppress(RedisUnavailable):
            tell()
