"""The ports of operations in memory."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from chalicelib.domain.analytics import bucket_start
from chalicelib.domain.board import DeadLetter, QueueState, RedriveResult, RefusalCounts
from chalicelib.domain.refusals import QueueNotFound

__all__ = ["FakeQueueBoard", "FakeRefusals"]


@dataclass
class FakeRefusals:
    """`there` is False where nothing is counted."""

    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    there: bool = True
    answered: list[tuple[datetime, str]] = field(default_factory=list)

    def count_refusal(self, code: str) -> None:
        if self.there:
            self.answered.append((bucket_start(self.clock()), code))

    def counts_by_bucket(self, buckets: Sequence[datetime]) -> RefusalCounts | None:
        if not self.there:
            return None
        by_bucket = {bucket: Counter(code for at, code in self.answered if at == bucket) for bucket in buckets}
        return {bucket: dict(counts) for bucket, counts in by_bucket.items() if counts}


@dataclass
class FakeQueueBoard:
    """`waiting` and `parked` have the bodies, by queue. A queue of failures has no source."""

    consumers: tuple[str, ...] = ("email", "expiry")
    failures: tuple[str, ...] = ("stream-failures",)
    waiting: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    parked: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def park(self, name: str, *bodies: str) -> None:
        self.parked[name] += bodies

    def states(self) -> Sequence[QueueState]:
        return [
            QueueState(name, len(self.waiting[name]), 0, 0, len(self.parked[name]), name in self.consumers)
            for name in (*self.consumers, *self.failures)
        ]

    def dead_letters(self, name: str, most: int) -> Sequence[DeadLetter]:
        if name not in (*self.consumers, *self.failures):
            raise QueueNotFound(name)
        moment = datetime.now(UTC)
        return [DeadLetter(body, moment, None, None, 1, {}, body) for body in self.parked[name][:most]]

    def redrive(self, name: str, most: int) -> RedriveResult:
        if name not in self.consumers:
            raise QueueNotFound(name)
        letters = self.parked[name]
        moved, self.parked[name] = letters[:most], letters[most:]
        self.waiting[name] += moved
        return RedriveResult(len(moved), len(self.parked[name]))
