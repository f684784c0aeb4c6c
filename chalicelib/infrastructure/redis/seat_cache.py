"""Seats in Redis, so that buyers who come too late need not ask the database. All of it may be gone at any moment.

    seat         who has the seat: until the hold's own expiry, or seat_format.SOLD_ENTRY_LASTS for a sale
    key          a mark: this id, derived from an idempotency key, has been used
    kept-since   the moment since which Redis has seen every such id of the screening; gone when Redis was emptied
    map          all seats as the database had them a moment ago, and the version at which they were read
    version      counts the writes
    rebuild      a process is reading that map anew

All keys of a screening are in one slot (keys.py), so that one question can name them, in a cluster, too. It follows
that a lost node takes with it `kept-since` and the marks together, and never the marks alone.

Nothing read here is trusted. Entries, maps and `kept-since` carry a signature over key and content, so that only our
own writing counts (seat_format.py). They also carry the moment until which they count, so that they stop counting even
where their key lives on. So at worst we believe old content of our own, and for no longer than until those moments.
"""

import contextlib
import hmac
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.domain.refusals import BackendUnavailable
from chalicelib.domain.reservations import HeldSeat, Hold, Occupancy
from chalicelib.domain.times import from_ms, to_ms
from chalicelib.infrastructure.dynamodb.reservations import REMEMBERED

from . import answers
from .connection import RedisConnection, RedisUnavailable
from .keys import Keys
from .seat_format import (
    CachedSeatMap,
    cached_entry_valid_until,
    cached_map_from_text,
    cached_map_text,
    entry_and_valid_until,
    entry_text,
    text_signed_for_key,
    verified_text,
)

if TYPE_CHECKING:
    from redis import Redis
    from redis.client import Pipeline

ID_IS_REMEMBERED = REMEMBERED + timedelta(hours=1)
"""How long Redis keeps the mark of a used id. The mark must outlive the id's idempotency key. If a reservation is not
sold, its key works for the time REMEMBERED after the reservation's expiry."""

REBUILD_MS = 500
"""How long one process may claim the rebuild of a map. After that, another process may claim it, because the first one
has died or is very slow."""

VERSION_SECONDS = 86_400
"""How long a screening's version, which counts its writes, is kept after the last write: far longer than a cached seat
map, which is kept for a second."""

CLOCKS_APART = timedelta(seconds=5)
"""The most by which the clocks of two instances may differ."""

MOST_UNMARKED = 1000

IDS_COMPLETE_SECONDS = 400 * 86_400
"""For each screening, Redis keeps a moment: since then, every id that was made from an idempotency key has been marked
in Redis. This is how long the moment is kept, which is longer than any screening is on sale. A mark itself is kept for
ID_IS_REMEMBERED. Without the moment, ids are looked up in the database."""


class PresentVersionAndPossiblyOlderMap(NamedTuple):
    version: int
    """The present version of the seats."""
    seat_map: CachedSeatMap | None
    """The stored map. Its own version may be older than the present one."""


class RebuildClaim(NamedTuple):
    is_ours: bool
    """Whether this process has the claim."""
    version: int
    seat_map: CachedSeatMap | None


@dataclass(frozen=True, slots=True)
class KnownSeatsOfHold:
    """The cached entries of a hold's seats, and whether Redis has seen the hold's id."""

    occupancy: Mapping[str, Occupancy]
    reservation_id_was_seen: bool = True
    used_ids_complete_since: datetime | None = None

    def is_surely_no_resend(self, session_created_at: datetime, now: datetime) -> bool:
        """Tells whether it is certain that the hold's request repeats no earlier one. Two things make it certain
        together: Redis does not have the hold's id, and Redis was given all ids from idempotency keys, either since the
        screening was scheduled or for the last ID_IS_REMEMBERED.

        Older ids do not matter, because the idempotency key of an unsold reservation of that age is no longer accepted.
        """
        if self.reservation_id_was_seen or self.used_ids_complete_since is None:
            return False
        seen_all_of_screening = self.used_ids_complete_since + CLOCKS_APART <= session_created_at
        seen_all_remembered = self.used_ids_complete_since + CLOCKS_APART <= now - ID_IS_REMEMBERED
        return seen_all_of_screening or seen_all_remembered


@dataclass
class SeatCache:
    """The seats in Redis. Thread-safe. Methods raise RedisUnavailable, unless they say otherwise."""

    connection: RedisConnection
    prefix: str
    secret: bytes
    _unmarked_ids: dict[str, str] = field(default_factory=dict)
    """The reservation ids that this process still has to mark in Redis, each with its screening. They were made from
    idempotency keys. The ids of a screening are marked before Redis is asked about any id of that screening."""
    _incomplete: set[str] = field(default_factory=set)
    """Screenings for which some used ids are missing from Redis: more than MOST_UNMARKED ids were waiting to be written
    to Redis, and all of them were discarded."""
    _lock: Lock = field(default_factory=Lock)

    # Before the screening is known to anybody.

    def mark_reservation_ids_complete_for_new_session(self, session_id: str, created_at: datetime) -> None:
        """Records that Redis has the ids of all reservations of a new session, which has none yet. Never raises."""
        self.try_mark_ids_complete_since(session_id, created_at - CLOCKS_APART)

    # Before and after a decision of the rows.

    def read_known_seats_and_whether_id_was_seen(self, hold: Hold, now: datetime) -> KnownSeatsOfHold:
        """Reads the unexpired entries of the hold's seats, and whether its id is marked as used, in one round trip.

        If the hold has an idempotency key, also reads a moment: since then, every id of the screening that was made
        from an idempotency key is marked in Redis. If no such moment is stored, stores `now`, unless Redis may evict
        what it stores. If the hold has no idempotency key, its id is not looked up, and counts as seen.
        """
        seats = [self.keys.seat(hold.session_id, seat) for seat in hold.seats]
        if not hold.fingerprint:
            found = self.connection.ask(seats[0], lambda redis: redis.mget(seats), answers.list_of_values(len(seats)))
            return KnownSeatsOfHold(self._occupancy_in_force(hold.session_id, hold.seats, found, now))
        *found, mark, kept = self._read_seats_and_id(hold, seats)
        used_ids_complete_since = self._verified_moment(self.keys.used_ids_complete_since(hold.session_id), kept)
        if used_ids_complete_since is None:
            self.try_mark_ids_complete_since(hold.session_id, now)
        return KnownSeatsOfHold(
            occupancy=self._occupancy_in_force(hold.session_id, hold.seats, found, now),
            reservation_id_was_seen=mark is not None,
            used_ids_complete_since=used_ids_complete_since,
        )

    def record_hold(self, hold: Hold, now: datetime) -> None:
        """Records that the hold has its seats, and that its id has been used."""
        entry = HeldSeat(reservation_id=hold.reservation_id, expires_at=hold.expires_at, fingerprint=hold.fingerprint)
        if hold.fingerprint:
            self._add_unmarked_id(hold.session_id, hold.reservation_id)
        self.record_seats(hold.session_id, dict.fromkeys(hold.seats, entry), now, invalidates_map=True)

    def record_seats(
        self, session_id: str, occupancy: Mapping[str, Occupancy], now: datetime, *, invalidates_map: bool
    ) -> None:
        """Records that these seats are taken.

        `invalidates_map` is true if the rows were just written, so that older maps are stale.
        """

        def add_entries(pipeline: "Pipeline") -> None:
            for seat, entry in occupancy.items():
                key, until = self.keys.seat(session_id, seat), cached_entry_valid_until(entry, now)
                if until > now:
                    value = text_signed_for_key(self.secret, key, entry_text(entry, until))
                    pipeline.set(key, value, px=to_ms(until) - to_ms(now))

        self._write(session_id, add_entries, invalidates_map=invalidates_map)

    def delete_entries_of_hold(self, hold: Hold) -> None:
        """Deletes the entries of this hold, which has ended. Entries of later holds stay."""
        start = entry_text(HeldSeat(hold.reservation_id, hold.expires_at), hold.expires_at)
        self._delete_entries(hold.session_id, hold.seats, start)

    # Repairs by the consumer.

    def delete_seat_entries_of_reservation(self, session_id: str, reservation_id: str, seats: Sequence[str]) -> None:
        """Deletes the reservation's entries of these seats. Raises BackendUnavailable."""
        with _as_refusal():
            self._delete_entries(session_id, seats, f"{reservation_id}|")

    def mark_id_from_idempotency_key_used(self, session_id: str, reservation_id: str) -> None:
        """Marks as used an id that was derived from an idempotency key, so that a repeated request is recognized.

        Raises BackendUnavailable.
        """
        key = self.keys.used_reservation_id(session_id, reservation_id)
        with _as_refusal():
            self.connection.ask(key, lambda redis: redis.set(key, 1, px=ID_IS_REMEMBERED), answers.was_set)

    def invalidate_map(self, session_id: str) -> None:
        """Increments the session's version in the cache, so every older map is stale. Raises BackendUnavailable."""
        with _as_refusal():
            self._write(session_id, lambda _: None, invalidates_map=True)

    # The seat map.

    def read_map(self, session_id: str) -> PresentVersionAndPossiblyOlderMap:
        """Reads the present version of the seats and the stored map, in one round trip."""
        keys = [self.keys.version(session_id), self.keys.seat_map(session_id)]
        version, kept = self.connection.ask(keys[0], lambda redis: redis.mget(keys), answers.list_of_values(len(keys)))
        return PresentVersionAndPossiblyOlderMap(_parse_version(version), self._verified_map(keys[1], kept))

    def try_to_claim_rebuild_and_read_map(self, session_id: str) -> RebuildClaim:
        """Tries to claim the rebuild of the map, so that one process alone reads the rows.

        Also reads the version and the map.
        """
        keys = [self.keys.version(session_id), self.keys.seat_map(session_id)]

        def ask(redis: "Redis") -> list[Any]:
            pipeline = redis.pipeline(transaction=False)
            pipeline.set(self.keys.rebuild_claim(session_id), 1, nx=True, px=REBUILD_MS)
            pipeline.mget(keys)
            return list(pipeline.execute())

        def shape(answer: Any) -> tuple[bool, list[bytes | None]]:
            mine, found = answer
            return answers.was_set(mine), answers.list_of_values(len(keys))(found)

        mine, (version, kept) = self.connection.ask(keys[0], ask, shape)
        return RebuildClaim(mine, _parse_version(version), self._verified_map(keys[1], kept))

    def release_rebuild(self, session_id: str) -> None:
        """Releases the claim to rebuild the map, so that another process may take the claim."""
        key = self.keys.rebuild_claim(session_id)
        self.connection.ask(key, lambda redis: redis.delete(key), answers.integer)

    def store_map_if_fresh_and_release_claim(self, session_id: str, built: CachedSeatMap, ttl_ms: int) -> None:
        """Stores the map for `ttl_ms`, and releases the claim to rebuild the map.

        If `ttl_ms` is not positive, the map is too old: releases the claim and stores nothing.
        """
        key, rebuild = self.keys.seat_map(session_id), self.keys.rebuild_claim(session_id)
        value = text_signed_for_key(self.secret, key, cached_map_text(built))

        def add_map(pipeline: "Pipeline") -> None:
            if ttl_ms > 0:
                pipeline.set(key, value, px=ttl_ms)
            pipeline.delete(rebuild)

        self._write(session_id, add_map, invalidates_map=False)

    # Keys, and values that are verified.

    @property
    def keys(self) -> Keys:
        return Keys(self.prefix)

    def _verified_moment(self, key: str, value: bytes | None) -> datetime | None:
        text = verified_text(self.secret, key, value)
        return from_ms(int(text)) if text else None

    def _verified_map(self, key: str, value: bytes | None) -> CachedSeatMap | None:
        text = verified_text(self.secret, key, value)
        return None if text is None else cached_map_from_text(text)

    def _occupancy_in_force(
        self, session_id: str, seats: Iterable[str], found: Iterable[bytes | None], now: datetime
    ) -> dict[str, Occupancy]:
        """Gives the entries that have a valid signature and are not expired, by seat."""
        by_seat = dict(zip(seats, found, strict=True))
        texts = {
            seat: verified_text(self.secret, self.keys.seat(session_id, seat), value) for seat, value in by_seat.items()
        }
        entries = {seat: entry for seat, text in texts.items() if text and (entry := entry_and_valid_until(text))}
        return {seat: entry for seat, (entry, until) in entries.items() if until > now}

    # Writing.

    def _write(self, session_id: str, add_commands: Callable[["Pipeline"], object], *, invalidates_map: bool) -> None:
        """Sends the commands, and the marks of used ids, in one round trip. Increments the version if
        `invalidates_map`.

        Commands that a full Redis refuses are not repeated, because no caller relies on them.
        """
        unmarked, version = self._copy_unmarked_ids(session_id), self.keys.version(session_id)

        def ask(redis: "Redis") -> list[Any]:
            pipeline = redis.pipeline(transaction=False)
            self._add_marks(pipeline, session_id, unmarked)
            if invalidates_map:
                pipeline.incr(version)
                pipeline.expire(version, VERSION_SECONDS)
            add_commands(pipeline)
            return list(pipeline.execute(raise_on_error=False))

        written = self.connection.ask(version, ask, answers.were_executed)
        self._forget_ids_now_marked(unmarked, written)
        if invalidates_map and not written[len(unmarked)]:
            self._delete_map(session_id)

    def _delete_map(self, session_id: str) -> None:
        """Deletes the map and its version. Called after Redis has refused to increment the version, for example because
        Redis is full."""
        keys = [self.keys.seat_map(session_id), self.keys.version(session_id)]
        self.connection.ask(keys[0], lambda redis: redis.delete(*keys), answers.integer)

    def _delete_entries(self, session_id: str, seats: Sequence[str], start: str) -> None:
        """Deletes the seats' entries that begin with `start`. Entries of other owners stay.

        An entry that is written between the read and the deletion is deleted, too. Then the next request asks the rows.
        """
        keys = [self.keys.seat(session_id, seat) for seat in seats]
        found = self.connection.ask(keys[0], lambda redis: redis.mget(keys), answers.list_of_values(len(keys)))
        over = [key for key, value in zip(keys, found, strict=True) if value and value.startswith(start.encode())]

        def add_deletion(pipeline: "Pipeline") -> None:
            if over:
                pipeline.delete(*over)

        self._write(session_id, add_deletion, invalidates_map=True)

    # Ids that have been used.

    def _read_seats_and_id(self, hold: Hold, seats: list[str]) -> list[bytes | None]:
        """First writes the marks that Redis still lacks. Then reads the seats' entries, the mark of the hold's id, and
        the moment since which all ids are marked. If a mark can't be written, the result says that the hold's id is
        marked."""
        session_id, used_ids_complete_since = hold.session_id, self.keys.used_ids_complete_since(hold.session_id)
        keys = [*seats, self.keys.used_reservation_id(session_id, hold.reservation_id), used_ids_complete_since]
        unmarked, is_incomplete = self._copy_unmarked_ids(session_id), session_id in self._incomplete

        def ask(redis: "Redis") -> list[Any]:
            pipeline = redis.pipeline(transaction=False)
            self._add_marks(pipeline, session_id, unmarked)
            if is_incomplete:
                pipeline.delete(used_ids_complete_since)
            pipeline.mget(keys)
            return list(pipeline.execute(raise_on_error=False))

        def shape(answer: Any) -> tuple[list[bool], list[bytes | None]]:
            return answers.were_executed(answer[:-1]), answers.list_of_values(len(keys))(answer[-1])

        written, found = self.connection.ask(used_ids_complete_since, ask, shape)
        self._forget_ids_now_marked(unmarked, written)
        if is_incomplete and written[-1]:
            self._incomplete.discard(session_id)
        return found if self._are_marked(unmarked) else [*found[:-2], b"perhaps", found[-1]]

    def try_mark_ids_complete_since(self, session_id: str, moment: datetime) -> None:
        """Records that Redis has all ids of the session from `moment` on. Never raises.

        Records nothing if Redis may evict keys when it is full, because then ids may be missing.
        """
        key = self.keys.used_ids_complete_since(session_id)
        with contextlib.suppress(RedisUnavailable):  # the next buyer's process will
            memory = self.connection.ask(key, lambda redis: redis.info("memory"), answers.required_value)
            if _evicts_no_key(memory):
                value = text_signed_for_key(self.secret, key, str(to_ms(moment)))
                self.connection.ask(key, lambda redis: redis.set(key, value, ex=IDS_COMPLETE_SECONDS), answers.was_set)

    def _add_marks(self, pipeline: "Pipeline", session_id: str, ids: Iterable[str]) -> None:
        for reservation_id in ids:
            pipeline.set(self.keys.used_reservation_id(session_id, reservation_id), 1, px=ID_IS_REMEMBERED)

    def _add_unmarked_id(self, session_id: str, reservation_id: str) -> None:
        """Remembers an id that is still to be marked as used in Redis. If more than MOST_UNMARKED ids are waiting,
        forgets all of them."""
        with self._lock:
            self._unmarked_ids[reservation_id] = session_id
            if len(self._unmarked_ids) > MOST_UNMARKED:
                self._incomplete.update(self._unmarked_ids.values())
                self._unmarked_ids.clear()

    def _copy_unmarked_ids(self, session_id: str) -> list[str]:
        with self._lock:
            return [id_ for id_, its_session in self._unmarked_ids.items() if its_session == session_id]

    def _forget_ids_now_marked(self, ids: Iterable[str], written: Iterable[bool]) -> None:
        """Removes from `_unmarked_ids` the ids whose mark was just written."""
        marked = [id_ for id_, was_written in zip(ids, written, strict=False) if was_written]
        with self._lock:
            for id_ in marked:
                self._unmarked_ids.pop(id_, None)

    def _are_marked(self, ids: Iterable[str]) -> bool:
        with self._lock:
            return self._unmarked_ids.keys().isdisjoint(ids)


def derive_seat_cache_signing_key(id_secret: str) -> bytes:
    """Derives a key from the secret of our ids. The key signs what SeatCache stores."""
    return hmac.digest(id_secret.encode(), b"seat cache", "sha256")


def _evicts_no_key(memory: bytes) -> bool:
    """Tells whether a full Redis refuses writes instead of evicting keys. `memory` is the text of INFO memory."""
    policy = re.search(rb"^maxmemory_policy:(\S*)", memory, re.MULTILINE)
    return policy is not None and policy[1] == b"noeviction"


def _parse_version(value: bytes | None) -> int:
    return int(value) if value and value.isdigit() and len(value) < 20 else 0


@contextlib.contextmanager
def _as_refusal() -> Iterator[None]:
    """Raises BackendUnavailable instead of RedisUnavailable."""
    try:
        yield
    except RedisUnavailable as error:
        raise BackendUnavailable("Redis") from error
