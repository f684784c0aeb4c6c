"""Ports of operations: rate limits, health of dependencies, counts of refusals, queues and dead letters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from chalicelib.domain.board import DeadLetter, DependencyState, QueueState, RedriveResult, RefusalCounts
    from chalicelib.domain.rate_limits import Quota, Verdict

__all__ = ["Probe", "QueueBoard", "RateLimiter", "Refusals"]


class RateLimiter(Protocol):
    def take(self, quotas: Mapping[str, Quota], now: datetime) -> Verdict:
        """Takes one request from each quota; from none, if one of them is used up. `quotas` has one or more, by
        requester.

        Never raises: while its store is down, it counts as well as it can.
        """
        ...


class Probe(Protocol):
    def __call__(self) -> DependencyState:
        """Asks one dependency for a sign of life. Never raises."""
        ...


class Refusals(Protocol):
    """Counts of refusals, for operators. Without a store for them, nothing is counted."""

    def count_refusal(self, code: str) -> None:
        """Counts one more answer with this error code, at this moment. Never raises, hardly ever waits."""
        ...

    def counts_by_bucket(self, buckets: Sequence[datetime]) -> RefusalCounts | None:
        """Reads the counts of these buckets of five minutes; a bucket without counts is left out. None if they can't be
        read, or nothing is counted at all."""
        ...


class QueueBoard(Protocol):
    """The stage's queues. Each method raises StoreUnavailable or QueueOutOfReach."""

    def states(self) -> Sequence[QueueState]:
        """Reads how many messages each queue has."""
        ...

    def dead_letters(self, name: str, most: int) -> Sequence[DeadLetter]:
        """Reads some dead letters of the queue, `most` at most, and leaves them there. Raises QueueNotFound."""
        ...

    def redrive(self, name: str, most: int) -> RedriveResult:
        """Moves dead letters back to the queue, `most` at most. Newer ones stay. Raises QueueNotFound."""
        ...
