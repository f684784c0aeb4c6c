"""The locks in Redis: one for each seat, taken in sorted order, so that nobody waits in a circle."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import redis

from .refusals import seats_taken, unavailable

LOCK_MS = 10_000
"""The life of a lock whose owner died. It must outlive the slowest hold, or a second buyer enters."""
UNLOCK = """
for _, key in ipairs(KEYS) do
  if redis.call('GET', key) == ARGV[1] then redis.call('DEL', key) end
end
"""
"""Deletes the locks that are still this owner's, in one round trip."""


@dataclass(frozen=True)
class SeatLocks:
    client: Any

    @contextmanager
    def locked(self, session: str, seats: Sequence[str]) -> Iterator[None]:
        """Locks all seats, or none, while the block runs.

        Raises Refusal: 409 when somebody else has one of the locks, 503 when Redis does not answer.
        """
        owner, taken = secrets.token_hex(8), list[str]()
        try:
            for seat in sorted(seats):
                if not self.client.set(key := f"lock:{session}:{seat}", owner, nx=True, px=LOCK_MS):
                    raise seats_taken([seat])
                taken.append(key)
            yield
        except redis.RedisError as error:
            raise unavailable("Redis") from error
        finally:
            self._unlock(taken, owner)

    def _unlock(self, keys: Sequence[str], owner: str) -> None:
        """Unlocks the seats. Where Redis no longer answers, they unlock themselves after LOCK_MS."""
        try:
            if keys:
                self.client.eval(UNLOCK, len(keys), *keys, owner)
        except redis.RedisError:
            return
