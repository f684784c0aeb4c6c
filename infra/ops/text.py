"""Answers of commands, and their plain text."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

GAP = "  "
UNKNOWN = "-"


@dataclass(frozen=True, slots=True)
class Answer:
    """A command's answer, for programs and for people, and its exit status."""

    data: Any
    text: str
    status: int = 0

    def shown(self, *, as_json: bool) -> str:
        """Gives the answer as JSON or as text."""
        return json.dumps(self.data, indent=2, ensure_ascii=False) if as_json else self.text


def aligned(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Aligns the cells in columns, whole numbers to the right. Shows None as `-`."""
    body = [list(row) for row in rows]
    to_the_right = [all(isinstance(row[i], int | None) for row in body) for i in range(len(headings))]
    texts = [list(headings), *([UNKNOWN if cell is None else str(cell) for cell in row] for row in body)]
    widths = [max(len(row[i]) for row in texts) for i in range(len(headings))]
    return "\n".join(_line(row, widths, to_the_right) for row in texts)


def _line(cells: Sequence[str], widths: Sequence[int], to_the_right: Sequence[bool]) -> str:
    columns = zip(cells, widths, to_the_right, strict=True)
    return GAP.join(text.rjust(width) if right else text.ljust(width) for text, width, right in columns).rstrip()


def format_duration(seconds: float) -> str:
    """Gives a duration in the largest unit with at least 2: `90 s`, `4 min`, `3 h`, `12 d`."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{int(seconds // length)} {unit}"
    return f"{int(seconds)} s"


def format_size(bytes_: int) -> str:
    """Gives a size in the largest unit with at least 1: `1.5 MB`."""
    for unit, length in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if bytes_ >= length:
            return f"{bytes_ / length:.1f} {unit}"
    return f"{bytes_} B"


def counted(count: int, noun: str) -> str:
    """Counts in words: `1 message`, `3 messages`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
