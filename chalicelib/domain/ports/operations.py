"""Ports of operations: rate limits, health of dependencies, counts of refusals, queues and dead letters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from chalicelib.domain.board import DeadLetter, DependencyState, QueueState, RedriveResult, RefusalCounts
    from chalicelib.domain.rate_limits import Quota, Verdict

__all__ = ["DependencyProbe", "QueueBoard", "RateLimiter", "RefusalCountsByCode"]


class RateLimiter(Protocol):
    def take_if_all_admit(self, quotas: Mapping[str, Quota], now: datetime) -> Verdict:
        """Counts one request against each quota. If any quota is used up, counts the request against none.

        `quotas` has at least one quota. Its keys say who is counted and for which route, such as `show_seats:user:ana`.
        Never raises: during an outage of the store the limiter counts in this process's memory.
        """
        ...


class DependencyProbe(Protocol):
    def __call__(self) -> DependencyState:
        """Checks one dependency with a small request. Never raises."""
        ...


class RefusalCountsByCode(Protocol):
    """Counts of refused requests, by error code. Without a store nothing is counted."""

    def count_refusal(self, code: str) -> None:
        """Counts one answer with this error code at the current time. Never raises, and hardly ever blocks."""
        ...

    def counts_by_bucket(self, buckets: Sequence[datetime]) -> RefusalCounts | None:
        """Reads the counts of some buckets of five minutes. `buckets` has the beginning of each.

        Leaves out buckets without counts. None if there is no store, or it can't be read.
        """
        ...


class QueueBoard(Protocol):
    """The stage's queues, for operators. Each method raises BackendUnavailable or DeploymentMayNotUseQueue."""

    def states(self) -> Sequence[QueueState]:
        """Reads the numbers of messages of each queue."""
        ...

    def dead_letters(self, name: str, most: int) -> Sequence[DeadLetter]:
        """Reads at most `most` dead letters of the queue, without removing them. Raises QueueNotFound."""
        ...

    def redrive(self, name: str, most: int) -> RedriveResult:
        """Moves at most `most` dead letters back to their queue.

        Leaves those that arrive meanwhile. Raises QueueNotFound.
        """
        ...
