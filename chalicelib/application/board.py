"""The operator's board: sales, queues, refusals, the health of dependencies; and redriving dead letters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from chalicelib.domain.analytics import Tally, sum_tallies
from chalicelib.domain.board import (
    WINDOW,
    DeadLetter,
    DependencyState,
    QueueState,
    RedriveResult,
    RefusalCounts,
    ScreeningTallies,
    shown_buckets,
    sum_tallies_per_displayed_bucket,
)
from chalicelib.domain.consumers import CONSUMERS
from chalicelib.domain.pages import Page
from chalicelib.domain.refusals import BackendUnavailable, DeploymentMayNotUseQueue
from chalicelib.domain.sessions import Session

from .queries import CheckDependencies

if TYPE_CHECKING:
    from chalicelib.domain.ports import Analytics, Clock, QueueBoard, RefusalCountsByCode, Sessions

T = TypeVar("T")

QUEUES = tuple(sorted(consumer.queue for consumer in CONSUMERS))
"""Every queue that a handler of ours reads."""

SCREENINGS = 20
"""How many sessions one page of the board has."""
COUNTED_AT_ONCE = 10
"""How many sessions' counts are read at the same time."""
LETTERS_SHOWN = 5

FRESH = timedelta(seconds=2)
"""How long each process caches a board. It reads a board at most once in this time, for any number of operators."""
KEPT_BOARDS = 16


@dataclass(frozen=True, slots=True)
class Board:
    """The operators' board at one moment.

    A part that could not be read is None, so that the board works during an outage.
    """

    as_of: datetime
    screenings: Page[ScreeningTallies] | None
    queues: Sequence[QueueState] | None
    refusals: RefusalCounts | None
    dependencies: Sequence[DependencyState]

    @property
    def totals_by_shown_bucket(self) -> list[tuple[datetime, Tally]]:
        return sum_tallies_per_displayed_bucket(self.screenings.items, self.as_of) if self.screenings else []

    @property
    def total_of_listed_screenings(self) -> Tally:
        return sum_tallies(screening.total for screening in self.screenings.items) if self.screenings else Tally()


@dataclass(frozen=True)
class ShowBoard:
    sessions: Sessions
    analytics: Analytics
    queues: QueueBoard
    refusals: RefusalCountsByCode
    check_dependencies: CheckDependencies
    clock: Clock

    def __call__(self, cursor: str | None) -> Board:
        """Reads the board with one page of sessions: those that are running, then those that start next.

        With a cursor, reads the page of sessions after it. Raises CursorInvalid.
        """
        now = self.clock()
        with ThreadPoolExecutor(3) as threads:
            queues = threads.submit(_none_if_down, self.queues.states)
            refusals = threads.submit(self.refusals.counts_by_bucket, shown_buckets(now))
            dependencies = threads.submit(self.check_dependencies)
            screenings = _none_if_down(lambda: self._count_screenings(now, cursor))
        return Board(now, screenings, queues.result(), refusals.result(), dependencies.result())

    def _count_screenings(self, now: datetime, cursor: str | None) -> Page[ScreeningTallies]:
        page = self.sessions.list_by_start(None if cursor else now - WINDOW, SCREENINGS, cursor)
        with ThreadPoolExecutor(COUNTED_AT_ONCE) as threads:
            counted = threads.map(self.analytics.read_tallies_by_bucket, [session.id for session in page.items])
            return Page(list(map(_screening_numbers, page.items, counted)), page.cursor)


@dataclass(frozen=True)
class ShowCachedBoard:
    """Caches the board for a short time. Only one thread at a time reads it again."""

    show: ShowBoard
    clock: Clock
    board_by_cursor: dict[str | None, Board] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def __call__(self, cursor: str | None) -> Board:
        """Gives the cached board, or reads it again if it is stale. Raises CursorInvalid."""
        with self.lock:
            known = self.board_by_cursor.get(cursor)
            if known is None or self.clock() - known.as_of >= FRESH:
                known = self.board_by_cursor[cursor] = self.show(cursor)
            if len(self.board_by_cursor) > KEPT_BOARDS:
                self.board_by_cursor.pop(next(iter(self.board_by_cursor)))
            return known

    def clear_cache(self) -> None:
        """Clears the cache, so that the next board shows a change that was just made."""
        with self.lock:
            self.board_by_cursor.clear()


@dataclass(frozen=True)
class ShowSomeDeadLettersOfQueue:
    queues: QueueBoard

    def __call__(self, queue: str) -> Sequence[DeadLetter]:
        """Shows some dead letters of the queue, without removing them. Raises QueueNotFound,
        DeploymentMayNotUseQueue."""
        return self.queues.dead_letters(queue, LETTERS_SHOWN)


@dataclass(frozen=True)
class RedriveDeadLetters:
    """Moves dead letters back to their queue.

    A repeated call is safe: a moved message is no longer a dead letter, and consumers tolerate a message that comes
    twice.
    """

    queues: QueueBoard
    board: ShowCachedBoard

    def __call__(self, queue: str, most: int) -> RedriveResult:
        """Moves at most `most` dead letters, and clears the board's cache. Raises QueueNotFound,
        DeploymentMayNotUseQueue."""
        try:
            return self.queues.redrive(queue, most)
        finally:
            self.board.clear_cache()


def _screening_numbers(session: Session, buckets: Mapping[datetime, Tally]) -> ScreeningTallies:
    return ScreeningTallies(session, buckets, sum_tallies(buckets.values()))


def _none_if_down(ask: Callable[[], T]) -> T | None:
    """Calls `ask` and gives its result. Gives None if the backend is unavailable, or if the deployment is not allowed
    to use the queue."""
    try:
        return ask()
    except (BackendUnavailable, DeploymentMayNotUseQueue):
        return None
