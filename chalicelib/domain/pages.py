"""Pages: a listing, one part at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a listing. `cursor` requests the next page; None on the last page."""

    items: Sequence[T]
    cursor: str | None
