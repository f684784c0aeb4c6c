"""What Redis remembers of the seats, so that those who lose need not ask the database. It may be gone at any moment.

    seat:{session}:{seat}   who has the seat: until the hold's own expiry, or SOLD_SECONDS for a sale
    key:{reservation}       that this id, derived from an idempotency key, has been used
    kept-since              the moment since which Redis has seen every such key; gone when Redis was emptied
    map:{session}           all seats as the database had them a moment ago, and the version it was read at
    version:{session}       counts the writes
    rebuild:{session}       somebody is reading that map anew

Nothing read here is trusted: an entry, a map and `kept-since` carry a signature over their key and content, so that
only what we wrote ourselves says anything; and the moment until which it may say so, so that it stops being believed
even where its key lives on. So what is wrong here is old at worst, and for no longer than these moments.
"""

import contextlib
import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any

import msgspec

from chalicelib.domain.refusals import StoreUnavailable
from chalicelib.domain.reservations import Held, Hold, Occupancy, Sold
from chalicelib.domain.times import from_ms, to_ms
from chalicelib.infrastructure.dynamodb.reservations import REMEMBERED

from . import answers
from .connection import RedisConnection, RedisUnavailable

if TYPE_CHECKING:
    from redis import Redis
    from redis.client import Pipeline

SOLD = timedelta(seconds=300)
"""How long a sold seat is known to be sold. It may become free by a refund or a cancelled screening; should Redis not
be told of that, it refuses the seat for so long at most."""

ID_IS_REMEMBERED = REMEMBERED + timedelta(hours=1)
"""Longer than its reservation, which is remembered from its expiry on."""

MAP_MS = 1000
"""No seat map is shown that is older."""

REBUILD_MS = 500
"""After that, somebody else reads the map anew: who meant to has died or is very slow."""

VERSION_SECONDS = 86_400
"""How long a screening's count of writes outlives the last of them; a map lives for a second."""

CLOCKS_APART = timedelta(seconds=5)
"""More than the clocks of any two instances differ by."""

MOST_OWED = 1000


@dataclass(frozen=True, slots=True)
class Known:
    """What Redis says of the seats of a hold, and of the hold's id."""

    occupancy: Mapping[str, Occupancy]
    id_was_seen: bool = True
    kept_since: datetime | None = None

    def id_is_new(self, session_created_at: datetime, now: datetime) -> bool:
        """Whether surely no reservation is stored under the id.

        It could only be one of a hold made since the screening was scheduled, and not longer ago than reservations are
        remembered; and Redis has seen the ids of all those.
        """
        if self.id_was_seen or self.kept_since is None:
            return False
        seen_all_of_screening = self.kept_since + CLOCKS_APART <= session_created_at
        seen_all_remembered = self.kept_since + CLOCKS_APART <= now - ID_IS_REMEMBERED
        return seen_all_of_screening or seen_all_remembered


@dataclass(frozen=True, slots=True)
class Map:
    """All seats as they were read; `version` and `read_at` are of before the reading began."""

    version: int
    read_at: datetime
    occupancy: Mapping[str, Occupancy]

    def is_fresh(self, version: int, now: datetime) -> bool:
        """Whether it shows every write up to that version, and is no older than a map may be."""
        return self.version >= version and abs(to_ms(now) - to_ms(self.read_at)) < MAP_MS


@dataclass
class SeatCache:
    """Raises RedisUnavailable from every method, except where it says otherwise. Safe in threads."""

    connection: RedisConnection
    prefix: str
    secret: bytes
    _owed: set[str] = field(default_factory=set)
    """Used ids of which Redis has not been told yet: it is, before it is asked about an id again."""
    _lost: bool = False
    """They became too many: what Redis has is not all."""
    _lock: Lock = field(default_factory=Lock)

    # The gate.

    def known(self, hold: Hold, now: datetime) -> Known:
        """What is known of these seats, in one round trip."""
        seats = [self._seat_key(hold.session_id, seat) for seat in hold.seats]
        if not hold.fingerprint:
            found = self.connection.ask(lambda redis: redis.mget(seats), answers.values(len(seats)))
            return Known(self._in_force(hold.session_id, hold.seats, found, now))
        *found, marker, kept = self._asked_about_id(seats, hold.reservation_id)
        kept_since = self._moment(self._kept_key, kept)
        if kept_since is None:
            self.keep_ids_from(now)
        occupancy = self._in_force(hold.session_id, hold.seats, found, now)
        return Known(occupancy, marker is not None, kept_since)

    def held(self, hold: Hold, now: datetime) -> None:
        """These seats have been taken; and the id has been used."""
        entry = Held(hold.reservation_id, hold.expires_at, hold.fingerprint)
        if hold.fingerprint:
            self._owe(hold.reservation_id)
        self.learn(hold.session_id, dict.fromkeys(hold.seats, entry), now, changed=True)

    def learn(self, session_id: str, occupancy: Mapping[str, Occupancy], now: datetime, *, changed: bool) -> None:
        """These seats are taken. `changed`: by a write just now."""

        def tell(pipeline: "Pipeline") -> None:
            for seat, entry in occupancy.items():
                key, until = self._seat_key(session_id, seat), _believed_until(entry, now)
                if until > now:
                    pipeline.set(key, self._signed(key, _text(entry, until)), px=to_ms(until) - to_ms(now))

        self._tell(tell, session_id if changed else None)

    def forget_hold(self, hold: Hold) -> None:
        """This very hold is over; what became of its seats since, stays known."""
        start = _text(Held(hold.reservation_id, hold.expires_at), hold.expires_at)
        self._forget(hold.session_id, hold.seats, start)

    # What the consumer repairs.

    def forget_seats(self, session_id: str, reservation_id: str, seats: Sequence[str]) -> None:
        """Raises StoreUnavailable."""
        with _as_refusal():
            self._forget(session_id, seats, f"{reservation_id}|")

    def remember_reservation_id(self, reservation_id: str) -> None:
        """Raises StoreUnavailable."""
        with _as_refusal():
            self.connection.ask(
                lambda redis: redis.set(self._key("key", reservation_id), 1, px=ID_IS_REMEMBERED), answers.done
            )

    def invalidate_map(self, session_id: str) -> None:
        """Raises StoreUnavailable."""
        with _as_refusal():
            self._tell(lambda _: None, session_id)

    # The seat map.

    def seat_map(self, session_id: str) -> tuple[int, Map | None]:
        """The version of the seats now, and the map that is kept, in one round trip."""
        keys = [self._key("version", session_id), self._key("map", session_id)]
        version, kept = self.connection.ask(lambda redis: redis.mget(keys), answers.values(len(keys)))
        return _number(version), self._map(keys[1], kept)

    def claim_rebuild(self, session_id: str) -> tuple[bool, int, Map | None]:
        """Whether it is ours to read the map anew, which it is for one at a time; and what `seat_map` gives."""
        keys = [self._key("version", session_id), self._key("map", session_id)]

        def ask(redis: "Redis") -> list[Any]:
            pipeline = redis.pipeline(transaction=False)
            pipeline.set(self._key("rebuild", session_id), 1, nx=True, px=REBUILD_MS)
            pipeline.mget(keys)
            return list(pipeline.execute())

        def shape(answer: Any) -> tuple[bool, list[bytes | None]]:
            mine, found = answer
            return answers.done(mine), answers.values(len(keys))(found)

        mine, (version, kept) = self.connection.ask(ask, shape)
        return mine, _number(version), self._map(keys[1], kept)

    def give_back_rebuild(self, session_id: str) -> None:
        self.connection.ask(lambda redis: redis.delete(self._key("rebuild", session_id)), answers.whole)

    def keep_map(self, session_id: str, built: Map, lives_ms: int) -> None:
        """It lives for so long by Redis's clock, whatever the clocks of its readers say."""
        key, rebuild = self._key("map", session_id), self._key("rebuild", session_id)
        entries = {seat: _plain(entry) for seat, entry in built.occupancy.items()}
        payload = msgspec.json.encode((built.version, to_ms(built.read_at), entries)).decode()

        def tell(pipeline: "Pipeline") -> None:
            if lives_ms > 0:
                pipeline.set(key, self._signed(key, payload), px=lives_ms)
            pipeline.delete(rebuild)

        self._tell(tell, None)

    # How it is written down.

    def _key(self, kind: str, *parts: str) -> str:
        return ":".join((self.prefix, kind, *parts))

    def _seat_key(self, session_id: str, seat: str) -> str:
        return self._key("seat", session_id, seat)

    @property
    def _kept_key(self) -> str:
        return self._key("kept-since")

    def _signed(self, key: str, text: str) -> str:
        return f"{text}|{self._signature(key, text.encode())}"

    def _signature(self, key: str, content: bytes) -> str:
        """72 bits: enough against one who can only write to Redis and watch what we do."""
        return urlsafe_b64encode(hmac.digest(self.secret, key.encode() + b"\0" + content, "sha256")[:9]).decode()

    def _genuine(self, key: str, value: bytes | None) -> str | None:
        """What we wrote there; None for nothing, garbage and lies."""
        content, _, signature = (value or b"").rpartition(b"|")
        genuine = hmac.compare_digest(signature, self._signature(key, content).encode())
        return content.decode() if genuine else None

    def _moment(self, key: str, value: bytes | None) -> datetime | None:
        text = self._genuine(key, value)
        return from_ms(int(text)) if text else None

    def _in_force(
        self, session_id: str, seats: Iterable[str], found: Iterable[bytes | None], now: datetime
    ) -> dict[str, Occupancy]:
        by_seat = dict(zip(seats, found, strict=True))
        texts = {seat: self._genuine(self._seat_key(session_id, seat), value) for seat, value in by_seat.items()}
        entries = {seat: entry for seat, text in texts.items() if text and (entry := _entry(text))}
        return {seat: entry for seat, (entry, until) in entries.items() if until > now}

    def _map(self, key: str, value: bytes | None) -> Map | None:
        text = self._genuine(key, value)
        if text is None:
            return None
        try:
            version, read_at, entries = msgspec.json.decode(text, type=_PlainMap)
        except msgspec.DecodeError:  # of another version of ours
            return None
        return Map(version, from_ms(read_at), {seat: _occupancy(*entry) for seat, entry in entries.items()})

    # How it is told and asked.

    def _forget(self, session_id: str, seats: Sequence[str], start: str) -> None:
        """Deletes the seats' entries that begin so: a late call must not take away the entry of who has them now.

        One may be written between the look and the deletion. It is only missed: the next asker goes to the rows.
        """
        keys = [self._seat_key(session_id, seat) for seat in seats]
        found = self.connection.ask(lambda redis: redis.mget(keys), answers.values(len(keys)))
        over = [key for key, value in zip(keys, found, strict=True) if value and value.startswith(start.encode())]

        def tell(pipeline: "Pipeline") -> None:
            if over:
                pipeline.delete(*over)

        self._tell(tell, session_id)

    def _tell(self, tell: Callable[["Pipeline"], object], changed_session: str | None) -> None:
        """One round trip. What Redis refuses of it, being full, is not written down; nobody relies on it."""
        owed = self._owed_now()

        def ask(redis: "Redis") -> list[Any]:
            pipeline = redis.pipeline(transaction=False)
            self._mark(pipeline, owed)
            if changed_session:
                version = self._key("version", changed_session)
                pipeline.incr(version)
                pipeline.expire(version, VERSION_SECONDS)
            tell(pipeline)
            return list(pipeline.execute(raise_on_error=False))

        written = self.connection.ask(ask, answers.receipts)
        self._settle(owed, written)
        if changed_session and not written[len(owed)]:
            self._forget_map(changed_session)

    def _forget_map(self, session_id: str) -> None:
        """The write could not be counted: Redis is full, or something else lies where the count should be."""
        keys = [self._key("map", session_id), self._key("version", session_id)]
        self.connection.ask(lambda redis: redis.delete(*keys), answers.whole)

    # Which ids have been used.

    def _asked_about_id(self, seats: list[str], reservation_id: str) -> list[bytes | None]:
        """The entries of the seats, the mark of the id, and since when ids are kept."""
        keys = [*seats, self._key("key", reservation_id), self._kept_key]
        owed, lost = self._owed_now(), self._lost

        def ask(redis: "Redis") -> list[Any]:
            pipeline = redis.pipeline(transaction=False)
            self._mark(pipeline, owed)
            if lost:
                pipeline.delete(self._kept_key)
            pipeline.mget(keys)
            return list(pipeline.execute(raise_on_error=False))

        def shape(answer: Any) -> tuple[list[bool], list[bytes | None]]:
            return answers.receipts(answer[:-1]), answers.values(len(keys))(answer[-1])

        written, found = self.connection.ask(ask, shape)
        self._settle(owed, written)
        if lost and written[-1]:
            self._lost = False
        return found if self._all_marked(owed) else [*found[:-2], b"perhaps", found[-1]]

    def keep_ids_from(self, now: datetime) -> None:
        """From now on Redis sees every id, unless it is one that drops keys when it is full."""
        key = self._kept_key
        with contextlib.suppress(RedisUnavailable):  # somebody else will
            told = self.connection.ask(lambda redis: redis.info("memory"), answers.text)
            if _drops_nothing(told):
                self.connection.ask(lambda redis: redis.set(key, self._signed(key, str(to_ms(now)))), answers.done)

    def _mark(self, pipeline: "Pipeline", ids: Iterable[str]) -> None:
        for reservation_id in ids:
            pipeline.set(self._key("key", reservation_id), 1, px=ID_IS_REMEMBERED)

    def _owe(self, reservation_id: str) -> None:
        with self._lock:
            self._owed.add(reservation_id)
            if len(self._owed) > MOST_OWED:
                self._owed.clear()
                self._lost = True

    def _owed_now(self) -> list[str]:
        with self._lock:
            return list(self._owed)

    def _settle(self, owed: Iterable[str], written: Iterable[bool]) -> None:
        paid = {mark for mark, was_written in zip(owed, written, strict=False) if was_written}
        with self._lock:
            self._owed -= paid

    def _all_marked(self, owed: Iterable[str]) -> bool:
        with self._lock:
            return self._owed.isdisjoint(owed)


def secret_from(id_secret: str) -> bytes:
    """The signatures' own key, made from the secret that ids are derived with."""
    return hmac.digest(id_secret.encode(), b"seat cache", "sha256")


_PlainMap = tuple[int, int, dict[str, tuple[str, int | str, str]]]


def _plain(entry: Occupancy) -> tuple[str, int | str, str]:
    if isinstance(entry, Sold):
        return entry.reservation_id, entry.sale_id, ""
    return entry.reservation_id, to_ms(entry.expires_at), entry.fingerprint


def _occupancy(reservation_id: str, expiry_or_sale: int | str, fingerprint: str) -> Occupancy:
    if isinstance(expiry_or_sale, str):
        return Sold(reservation_id, expiry_or_sale)
    return Held(reservation_id, from_ms(expiry_or_sale), fingerprint)


def _believed_until(entry: Occupancy, now: datetime) -> datetime:
    return now + SOLD if isinstance(entry, Sold) else entry.expires_at


def _text(entry: Occupancy, until: datetime) -> str:
    """It begins with the reservation, then the kind, then the moment: see SeatCache._forget."""
    kind, rest = ("s", entry.sale_id) if isinstance(entry, Sold) else ("h", entry.fingerprint)
    return f"{entry.reservation_id}|{kind}|{to_ms(until)}|{rest}"


def _entry(text: str) -> tuple[Occupancy, datetime] | None:
    """The entry, and until when it may be believed; None for what another version of ours has written."""
    try:
        reservation_id, kind, until_ms, rest = text.split("|", 3)
        until = from_ms(int(until_ms))
    except ValueError:
        return None
    return (Sold(reservation_id, rest) if kind == "s" else Held(reservation_id, until, rest)), until


def _drops_nothing(memory: bytes) -> bool:
    """Whether Redis, by what it says of its memory, refuses to write when it is full, and drops no key."""
    policy = re.search(rb"^maxmemory_policy:(\S*)", memory, re.MULTILINE)
    return policy is None or policy[1] == b"noeviction"


def _number(value: bytes | None) -> int:
    return int(value) if value and value.isdigit() and len(value) < 20 else 0


@contextlib.contextmanager
def _as_refusal() -> Iterator[None]:
    try:
        yield
    except RedisUnavailable as error:
        raise StoreUnavailable("Redis") from error
