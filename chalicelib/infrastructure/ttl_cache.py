"""Answers that a process keeps in its memory for some seconds, so that the same key is not asked for each request.

asked at 0.0 ──► read ──► given to all who ask until 1.0, by the clock ──► read again
                   ▲
forget() ──────────┘ what is being read at that moment is given to who asked before, and not kept
"""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class _Reading(Generic[T]):
    """An answer that one thread is reading, and for which others wait."""

    def __init__(self, began: float) -> None:
        self.began = began
        self._done = Event()
        self._answer: T | None = None
        self._error: BaseException | None = None

    def read(self, read: Callable[[], T]) -> T:
        """Reads the answer and wakes those who wait, with the error of `read` if there is one."""
        try:
            answer = self._answer = read()
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
    """Answers by key, each as old as `ttl_seconds` at most, and `most` of them. Safe in threads.

    One thread at a time reads the answer to a key. Threads that ask meanwhile get its answer, or its failure.
    """

    ttl_seconds: float
    max_entries: int = 1
    seconds: Callable[[], float] = time.monotonic
    _answers: dict[Hashable, tuple[float, T]] = field(default_factory=dict)
    _readings: dict[Hashable, _Reading[T]] = field(default_factory=dict)
    _lock: Any = field(default_factory=Lock)

    def get_or_read(self, key: Hashable, read: Callable[[], T]) -> T:
        """Gives the kept answer, or reads and keeps it. What `read` raises is not kept."""
        with self._lock:
            until, answer = self._answers.get(key, (0.0, None))
            if answer is not None and self.seconds() < until:
                return answer
            others = self._readings.get(key)
            mine = self._readings[key] = others or _Reading(self.seconds())
        return mine.wait() if others else self._read(key, mine, read)

    def clear(self) -> None:
        """Forgets all answers, also those that are being read, because their source has just been changed here."""
        with self._lock:
            self._answers.clear()
            self._readings.clear()

    def _read(self, key: Hashable, reading: _Reading[T], read: Callable[[], T]) -> T:
        """Reads the answer, and keeps it unless all answers were forgotten meanwhile."""
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
        """Keeps an answer from the moment on at which it was asked for, in the place of the oldest if there are too
        many."""
        self._answers.pop(key, None)
        if len(self._answers) >= self.max_entries:
            del self._answers[next(iter(self._answers))]
        self._answers[key] = until, answer
