"""A cache in a process's memory, whose entries expire after some seconds.

asked at 0.0 ──► read ──► given to all who ask until 1.0, by the clock ──► read again
                   ▲
clear() ───────────┘ an answer that is being read then is given to those who asked before, and not cached
"""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class _Reading(Generic[T]):
    """An answer that one thread reads while other threads wait for it."""

    def __init__(self, began: float) -> None:
        self.began = began
        self._done = Event()
        self._answer: T | None = None
        self._error: BaseException | None = None

    def read(self, reader: Callable[[], T]) -> T:
        """Calls the reader and wakes the waiting threads. They get the same answer, or the same error."""
        try:
            answer = self._answer = reader()
        except BaseException as error:
            self._error = error
            raise
        finally:
            self._done.set()
        return answer

    def wait(self) -> T:
        """Waits for the answer. Raises the error of the read."""
        self._done.wait()
        if self._error:
            raise self._error
        return self._answer  # type: ignore[return-value] # it is a T once it is done


@dataclass
class TtlCache(Generic[T]):
    """A thread-safe cache of answers by key. An entry lives `ttl_seconds`. There are `max_entries` entries at most.

    One thread at a time reads a missing answer. Threads that ask meanwhile get the same answer, or the same error.
    """

    ttl_seconds: float
    max_entries: int = 1
    seconds: Callable[[], float] = time.monotonic
    _answers: dict[Hashable, tuple[float, T]] = field(default_factory=dict)
    _readings: dict[Hashable, _Reading[T]] = field(default_factory=dict)
    _lock: Any = field(default_factory=Lock)

    def get_or_read(self, key: Hashable, read: Callable[[], T]) -> T:
        """Gives the cached answer. If there is none, calls `read` and caches the answer.

        Errors of `read` are not cached.
        """
        with self._lock:
            until, answer = self._answers.get(key, (0.0, None))
            if answer is not None and self.seconds() < until:
                return answer
            others = self._readings.get(key)
            mine = self._readings[key] = others or _Reading(self.seconds())
        return mine.wait() if others else self._read(key, mine, read)

    def clear(self) -> None:
        """Removes all entries. Call this after a change of the source. If a read began before this call, the threads
        that wait for it get its result, but the result is not cached."""
        with self._lock:
            self._answers.clear()
            self._readings.clear()

    def _read(self, key: Hashable, reading: _Reading[T], read: Callable[[], T]) -> T:
        """Reads the answer, and caches it unless the cache was cleared meanwhile."""
        try:
            answer = reading.read(read)
            with self._lock:
                if self._readings.get(key) is reading:
                    self._keep(key, reading.began + self.ttl_seconds, answer)
            return answer
        finally:
            with self._lock:
                if self._readings.get(key) is reading:
                    del self._readings[key]

    def _keep(self, key: Hashable, until: float, answer: T) -> None:
        """Caches an answer until the moment `until`. Removes the oldest entry if the cache is full."""
        self._answers.pop(key, None)
        if len(self._answers) >= self.max_entries:
            del self._answers[next(iter(self._answers))]
        self._answers[key] = until, answer
