"""Answers that a process keeps in its memory for some seconds, so that the same question is not asked for each request.

asked at 0.0 ──► read ──► given to all who ask until 1.0, by the clock ──► read again
                   ▲
forget() ──────────┘ what is being read at that moment is given to who asked, and not kept
"""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass
class Kept(Generic[T]):
    """Answers by question, each as old as `keep_seconds` at most, and `most` of them. Safe in threads.

    No lock is held while an answer is read: threads that ask at the same moment may each read it.
    """

    keep_seconds: float
    most: int = 1
    seconds: Callable[[], float] = time.monotonic
    _answers: dict[Hashable, tuple[float, T]] = field(default_factory=dict)
    _times_forgotten: int = 0
    _lock: Any = field(default_factory=Lock)

    def get(self, question: Hashable, read: Callable[[], T]) -> T:
        """Gives the kept answer, or reads and keeps it. What `read` raises is not kept."""
        with self._lock:
            until, answer = self._answers.get(question, (0.0, None))
            if answer is not None and self.seconds() < until:
                return answer
            began, forgotten = self.seconds(), self._times_forgotten
        answer = read()
        with self._lock:
            if forgotten == self._times_forgotten:
                self._keep(question, began + self.keep_seconds, answer)
        return answer

    def forget(self) -> None:
        """Forgets all answers, those that are being read too: what they tell of has just been changed here."""
        with self._lock:
            self._times_forgotten += 1
            self._answers.clear()

    def _keep(self, question: Hashable, until: float, answer: T) -> None:
        """Keeps an answer from the moment on at which it was asked for, in the place of the oldest if there are too
        many."""
        self._answers.pop(question, None)
        if len(self._answers) >= self.most:
            del self._answers[next(iter(self._answers))]
        self._answers[question] = until, answer
