"""A simulated Redis for the seat cache: it loses keys, gives wrong or old answers, or is unreachable.

`Connection` stands in the place of RedisConnection, whose own socket, breakers and cluster are tested elsewhere: what
the cache asks and how it checks the answers is the real code.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any, TypeVar

from chalicelib.infrastructure.redis.answers import MalformedRedisAnswer
from chalicelib.infrastructure.redis.connection import RedisUnavailable
from tests.simulation.faults import Kind
from tests.simulation.scheduler import Door, Scheduler

from .doors import EVERYWHERE

T = TypeVar("T")

NONSENSE: tuple[Any, ...] = (b"OK", 0, -1, None, [], [None], [[b"x"]], b"99999999999999999999999999", b"res-x|h|1|y|z")
DOWN_SECONDS = (1, 90)


def away(call: str) -> Exception:
    return RedisUnavailable(call)


REDIS = Door("redis", away, away, EVERYWHERE, (*EVERYWHERE, Kind.DIES_AFTER, Kind.ANSWER_LOST))


@dataclass
class Store:
    """The keys and values of Redis, each with its expiry. `before` has the values that were overwritten or deleted."""

    clock: Callable[[], datetime]
    values: dict[str, tuple[bytes, datetime | None]] = field(default_factory=dict)
    before: dict[str, bytes] = field(default_factory=dict)

    def get(self, key: str) -> bytes | None:
        value, until = self.values.get(key, (None, None))
        return value if value is not None and (until is None or self.clock() < until) else None

    def put(self, key: str, value: bytes, until: datetime | None) -> None:
        self.forget(key)
        self.values[key] = value, until

    def forget(self, key: str) -> bool:
        found = self.values.pop(key, None)
        if found:
            self.before[key] = found[0]
        return found is not None


@dataclass
class Commands:
    """The driver's client, and its pipeline: commands take effect in their order, at once."""

    store: Store
    answers: list[Any] = field(default_factory=list)
    is_old: bool = False
    """Answers reads with what was true before."""
    lies: Callable[[], Any] | None = None
    """Gives the answer to each command, which takes effect all the same."""

    def pipeline(self, *, transaction: bool) -> "Commands":
        assert not transaction
        return Commands(self.store, is_old=self.is_old, lies=self.lies)

    def execute(self, *, raise_on_error: bool = True) -> list[Any]:
        return self.answers

    def mget(self, keys: Iterable[str]) -> Any:
        if self.is_old:
            return self._answer([self.store.before.get(key) or self.store.get(key) for key in keys])
        return self._answer([self.store.get(key) for key in keys])

    def set(
        self, key: str, value: str | int, *, px: int | timedelta | None = None, ex: int | None = None, nx: bool = False
    ) -> Any:
        if nx and self.store.get(key) is not None:
            return self._answer(None)
        self.store.put(key, str(value).encode(), self._until(px, ex))
        return self._answer(b"OK")

    def delete(self, *keys: str) -> Any:
        return self._answer(sum(self.store.forget(key) for key in keys))

    def incr(self, key: str) -> Any:
        number = int(self.store.get(key) or b"0") + 1
        self.store.put(key, str(number).encode(), self.store.values.get(key, (b"", None))[1])
        return self._answer(number)

    def expire(self, key: str, seconds: int) -> Any:
        value = self.store.get(key)
        if value is not None:
            self.store.values[key] = value, self.store.clock() + timedelta(seconds=seconds)
        return self._answer(int(value is not None))

    def info(self, section: str) -> Any:
        return self._answer(f"# {section}\r\nmaxmemory_policy:noeviction\r\n".encode())

    def _until(self, px: int | timedelta | None, ex: int | None) -> datetime | None:
        if ex is not None:
            return self.store.clock() + timedelta(seconds=ex)
        lasts = timedelta(milliseconds=px) if isinstance(px, int) else px
        return self.store.clock() + lasts if lasts else None

    def _answer(self, answer: Any) -> Any:
        said = self.lies() if self.lies else answer
        self.answers.append(said)
        return said


@dataclass
class Connection:
    scheduler: Scheduler
    chance: Random
    store: Store
    down_until: datetime | None = None

    def ask(self, key: str, question: Callable[[Any], Any], shape: Callable[[Any], T]) -> T:
        """Asks the simulated Redis. Raises RedisUnavailable for every kind of failure, as RedisConnection does."""
        act = partial(self._ask, question, shape, Commands(self.store))
        own: Mapping[Kind, Callable[[], Any]] = {
            Kind.REDIS_DOWN: self._go_down,
            Kind.REDIS_EMPTIED: partial(self._forget_and_ask, act, everything=True),
            Kind.REDIS_FORGETS: partial(self._forget_and_ask, act, everything=False),
            Kind.REDIS_LIES: partial(self._ask, question, shape, Commands(self.store, lies=self._lie)),
            Kind.REDIS_OLD: partial(self._ask, question, shape, Commands(self.store, is_old=True)),
        }
        return self.scheduler.call(REDIS, f"redis {key}", act, is_read=False, own=own)

    def _ask(self, question: Callable[[Any], Any], shape: Callable[[Any], T], commands: Commands) -> T:
        if self.down_until and self.store.clock() < self.down_until and not self.scheduler.faults.calm:
            raise RedisUnavailable("down")
        try:
            return shape(question(commands))
        except MalformedRedisAnswer as error:
            raise RedisUnavailable(str(error)) from error

    def _go_down(self) -> Any:
        self.down_until = self.store.clock() + timedelta(seconds=self.chance.randint(*DOWN_SECONDS))
        raise RedisUnavailable("down")

    def _forget_and_ask(self, act: Callable[[], T], *, everything: bool) -> T:
        keys = sorted(self.store.values)
        for key in keys if everything else keys[: self.chance.randint(1, 3)]:
            self.store.forget(key)
        return act()

    def _lie(self) -> Any:
        return self.chance.choice(NONSENSE)
