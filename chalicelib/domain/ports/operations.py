"""Ports of operations: rate limits, health of what we depend on, refusals counted, queues and dead letters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from chalicelib.domain.board import DeadLetter, QueueState, Redriven, RefusalCounts
    from chalicelib.domain.rate_limits import Quota, Verdict

__all__ = ["DependencyState", "Probe", "QueueBoard", "RateLimiter", "Refusals"]


class RateLimiter(Protocol):
    def take(self, quotas: Mapping[str, Quota], now: datetime) -> Verdict:
        """Takes one request from each quota, by requester, or from none of them. There must be one quota at least.

        Never raises: without its store it counts as well as it can.
        """
        ...


@dataclass(frozen=True, slots=True)
class DependencyState:
    """The answer of one dependency. `breaker` is the state of its circuit breaker, `trips` how often that opened.

    `breaker` is empty where there is none, or none is known. Redis's belongs to the process that answers. SES's and the
    payment gateway's are as their functions reported last; the trips of all are added up.
    """

    name: str
    required: bool
    up: bool
    latency_ms: float
    reason: str = ""
    breaker: str = ""
    trips: int = 0


class Probe(Protocol):
    def __call__(self) -> DependencyState:
        """Asks one dependency for a sign of life. Never raises."""
        ...


class Refusals(Protocol):
    """Counters of refusals, for operators. Where nothing can be counted, nothing is."""

    def add(self, code: str) -> None:
        """Counts one more answer with this error code, at this moment. Never raises, hardly ever waits."""
        ...

    def counts_in(self, buckets: Sequence[datetime]) -> RefusalCounts | None:
        """Reads the counts of each of these five minutes; None where nothing counts, or the counts can't be read."""
        ...


class QueueBoard(Protocol):
    """The stage's queues. Each method raises StoreUnavailable or QueueOutOfReach."""

    def states(self) -> Sequence[QueueState]:
        """Reads how many messages each queue has."""
        ...

    def dead_letters(self, name: str, most: int) -> Sequence[DeadLetter]:
        """Reads some dead letters of the queue, `most` at most, and leaves them there. Raises QueueNotFound."""
        ...

    def redrive(self, name: str, most: int) -> Redriven:
        """Moves dead letters back to the queue, `most` at most. Newer ones stay. Raises QueueNotFound."""
        ...
