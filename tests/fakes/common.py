"""The clock, ids that one can read, and pages, in memory."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import TypeVar

from chalicelib.domain.pages import Page
from chalicelib.infrastructure.dynamodb.cursors import to_cursor

__all__ = ["MovableClock", "ReadableIds", "Ticks", "alone"]

T = TypeVar("T")


def alone(handle: Callable[[Sequence[T]], Mapping[int, Exception]]) -> Callable[[T], None]:
    """Makes a consumer of one event from a consumer of many: a batch of one, whose failure is raised."""

    def handle_one(content: T) -> None:
        for failure in handle([content]).values():
            raise failure

    return handle_one


@dataclass
class MovableClock:
    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **duration: float) -> None:
        self.now += timedelta(**duration)


@dataclass
class Ticks:
    """Seconds that pass when a test says so."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class ReadableIds:
    """Ids that show their parts."""

    numbers: "count[int]" = field(default_factory=lambda: count(1))

    def session_id(self, key: str | None) -> str:
        return f"session-{key or next(self.numbers)}"

    def reservation_id(self, user_id: str, key: str | None) -> str:
        return f"res-{user_id}-{key or next(self.numbers)}"

    def keyed_fingerprint(self, *parts: str) -> str:
        return f"fingerprint-{zlib.crc32('|'.join(parts).encode()):08x}"

    def may_be_reservation(self, text: str) -> bool:
        return text.startswith("res-")

    def sale_id(self, reservation_id: str, transaction_id: str) -> str:
        return f"sale-{reservation_id}-{transaction_id}"


def make_page(wanted: list[tuple[str, str]], found: Mapping[tuple[str, str], T], limit: int) -> Page[T]:
    shown = wanted[:limit]
    return Page([found[key] for key in shown], to_cursor(shown[-1]) if len(wanted) > limit else None)
