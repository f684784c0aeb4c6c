"""The drawing of a waterfall as SVG: rows by their start, bars by time, and what caused each row.

Times in which nothing happened are cut short: there the axis is broken.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

WIDTH, MARGIN, LABELS = 1200, 28, 292
TOP, ROW, FOOT = 104, 44, 64
LEFT, RIGHT = MARGIN + LABELS, WIDTH - MARGIN - 76
BAR, CALL = 16, 7
GAP_SECONDS, GAP_WIDTH = 0.4, 34
"""A silence longer than this is drawn as a gap of this width."""
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
MOST_TICKS = 12

REQUEST, RELAY, CONSUMER, ERROR = "#4c5fd5", "#0f8b8d", "#64748b", "#c62828"
CALLS = {
    "DynamoDB": ("DynamoDB", "#3b82f6"),
    "redis": ("Redis", "#ef4444"),
    "SQS": ("SQS", "#f59e0b"),
    "SES": ("SES", "#10b981"),
    "S3": ("S3", "#84cc16"),
    "webhook": ("webhook", "#a855f7"),
    "payments": ("payment gateway", "#ec4899"),
}
"""The colour of each kind of call, by how its span's name begins."""
OTHER = ("other", "#94a3b8")
FONT = "ui-sans-serif, system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"


@dataclass(frozen=True, slots=True)
class Bar:
    """A span: its subject in `what`, and its times in seconds."""

    id: str
    name: str
    what: str
    start: float
    end: float
    is_error: bool = False

    @property
    def duration(self) -> str:
        milliseconds = (self.end - self.start) * 1000
        return f"{milliseconds:.0f} ms" if milliseconds >= 10 else f"{milliseconds:.1f} ms"

    @property
    def tip(self) -> str:
        about = f" · {self.what}" if self.what else ""
        return f"{self.name}{about} · {self.duration}{' · failed' if self.is_error else ''}"


@dataclass(frozen=True, slots=True)
class Row:
    """An invocation: its bar, its records as parts of it, its calls below. `caused_by` is a row's id, and a moment."""

    title: str
    detail: str
    bar: Bar
    parts: Sequence[Bar]
    calls: Sequence[Bar]
    caused_by: tuple[str, float] | None

    @property
    def end(self) -> float:
        return max(bar.end for bar in (self.bar, *self.parts, *self.calls))

    @property
    def colour(self) -> str:
        if self.bar.is_error:
            return ERROR
        if " /" in self.bar.name:
            return REQUEST
        return RELAY if "_changed" in self.bar.name else CONSUMER


class Axis:
    """Maps moments to horizontal positions, with long silences cut short."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.busy = _join((row.bar.start, row.end) for row in rows)
        seconds = sum(end - start for start, end in self.busy) or 0.001
        self.scale = (RIGHT - LEFT - GAP_WIDTH * (len(self.busy) - 1)) / seconds

    @property
    def begin(self) -> float:
        return self.busy[0][0]

    def place(self, moment: float) -> float:
        place = float(LEFT)
        for start, end in self.busy:
            if moment <= end:
                return place + max(moment - start, 0.0) * self.scale
            place += (end - start) * self.scale + GAP_WIDTH
        return place - GAP_WIDTH

    def ticks(self) -> Iterator[float]:
        """Gives round numbers of seconds since the beginning, to label: some MOST_TICKS at most, and none in a gap."""
        seconds = sum(end - start for start, end in self.busy)
        step = next((step for step in STEPS if seconds / step <= MOST_TICKS), STEPS[-1])
        for start, end in self.busy:
            number = -(-(start - self.begin) // step)
            while self.begin + number * step <= end:
                yield number * step
                number += 1

    def gaps(self) -> Iterator[tuple[float, float]]:
        """Gives the place and the length in seconds of each gap."""
        for (_, before), (after, _) in pairwise(self.busy):
            yield self.place(before), after - before


def _join(times: Iterator[tuple[float, float]]) -> list[tuple[float, float]]:
    """Joins times that overlap or nearly follow each other."""
    joined: list[tuple[float, float]] = []
    for start, end in sorted(times):
        if joined and start - joined[-1][1] <= GAP_SECONDS:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def draw_rows(title: str, rows: Sequence[Row]) -> str:
    """Draws the rows, in the order of their start, as a whole SVG document."""
    ordered = sorted(rows, key=lambda row: row.bar.start)
    axis, height = Axis(ordered), TOP + ROW * len(rows) + FOOT
    tops = {row.bar.id: TOP + ROW * number for number, row in enumerate(ordered)}
    parts = [
        *_frame(title, ordered, height),
        *(_stripe(top) for top in list(tops.values())[1::2]),
        *_grid(axis, height - FOOT),
        *(line for row in ordered for line in _cause(row, tops, axis)),
        *(line for row in ordered for line in _draw_row(row, tops[row.bar.id], axis)),
        *_legend(ordered, height),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _frame(title: str, rows: Sequence[Row], height: int) -> Iterator[str]:
    calls = sum(len(row.calls) for row in rows)
    seconds = max(row.end for row in rows) - rows[0].bar.start
    summary = f"{len(rows)} invocations, {calls} calls, {seconds:.2f} s from the first request to the last consumer"
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'font-family="{FONT}" font-size="13" role="img" aria-label="{escape(title)}: {summary}">'
    )
    yield f'<rect width="{WIDTH}" height="{height}" rx="14" fill="#fff"/>'
    yield f'<rect x=".5" y=".5" width="{WIDTH - 1}" height="{height - 1}" rx="14" fill="none" stroke="#e2e8f0"/>'
    yield _text(MARGIN, 40, "A purchase in time", "#0f172a", size=20, weight=650)
    yield _text(MARGIN, 62, f"{title} · {summary}", "#64748b")


def _stripe(top: int) -> str:
    width = WIDTH - 2 * MARGIN + 24
    return f'<rect x="{MARGIN - 12}" y="{top - 4}" width="{width}" height="{ROW}" rx="6" fill="#f8fafc"/>'


def _grid(axis: Axis, bottom: int) -> Iterator[str]:
    for tick in axis.ticks():
        place = axis.place(axis.begin + tick)
        text = f"{tick:g} s" if tick >= 1 else f"{tick * 1000:.0f} ms"
        yield f'<path d="M{place:.1f} {TOP - 8}V{bottom}" stroke="#eef2f7"/>'
        yield _text(place, TOP - 14, text if tick else "0", "#94a3b8", size=11, anchor="middle")
    for place, seconds in axis.gaps():
        middle, tall = place + GAP_WIDTH / 2, bottom - TOP + 8
        yield f'<rect x="{place + 6:.1f}" y="{TOP - 8}" width="{GAP_WIDTH - 12}" height="{tall}" fill="#eef2f7"/>'
        yield _text(middle, bottom + 2, f"{seconds:.1f} s", "#94a3b8", size=10, anchor="middle")


def _cause(row: Row, tops: dict[str, int], axis: Axis) -> Iterator[str]:
    """Draws the line from the row's cause to its bar."""
    if not (row.caused_by and row.caused_by[0] in tops):
        return
    cause, moment = row.caused_by
    from_x, from_y = axis.place(moment), tops[cause] + 22 + CALL
    to_x, to_y = axis.place(row.bar.start), tops[row.bar.id] + 4 + BAR / 2
    bend = max(to_x - 14, from_x)
    yield (
        f'<path d="M{from_x:.1f} {from_y}C{from_x:.1f} {from_y + 20} {bend:.1f} {to_y - 16:.1f} {to_x:.1f} {to_y:.1f}" '
        f'fill="none" stroke="{row.colour}" stroke-opacity=".32" stroke-width="1.4"/>'
    )


def _draw_row(row: Row, top: int, axis: Axis) -> Iterator[str]:
    yield _text(LEFT - 18, top + 16, row.title, "#0f172a", anchor="end", weight=550)
    yield _text(LEFT - 18, top + 31, row.detail, "#94a3b8", size=11, anchor="end")
    yield _rect(row.bar, row.bar.start, row.end, top + 4, BAR, row.colour, axis)
    for part in row.parts[1:]:
        place = axis.place(part.start)
        yield f'<path d="M{place:.1f} {top + 4}v{BAR}" stroke="#fff" stroke-width="1.5"/>'
    for call in row.calls:
        _, colour = _label_and_colour(call)
        yield _rect(call, call.start, call.end, top + 22, CALL, ERROR if call.is_error else colour, axis)
    yield _text(axis.place(row.end) + 8, top + 16, row.bar.duration, row.colour, size=12, weight=600)


def _rect(bar: Bar, start: float, end: float, top: float, height: int, colour: str, axis: Axis) -> str:
    left, right = axis.place(start), axis.place(end)
    return (
        f'<rect x="{left:.1f}" y="{top}" width="{max(right - left, 1.5):.1f}" height="{height}" rx="{height / 5:.1f}" '
        f'fill="{colour}"><title>{escape(bar.tip)}</title></rect>'
    )


def _legend(rows: Sequence[Row], height: int) -> Iterator[str]:
    kinds = [("request", REQUEST), ("stream's relay", RELAY), ("consumer", CONSUMER)]
    kinds += dict.fromkeys(_label_and_colour(call) for row in rows for call in row.calls)
    place = float(MARGIN)
    for number, (name, colour) in enumerate(kinds):
        place += 24 if number == 3 else 0
        tall = BAR if number < 3 else CALL
        yield f'<rect x="{place:.1f}" y="{height - 30 - tall / 2}" width="18" height="{tall}" rx="2" fill="{colour}"/>'
        yield _text(place + 24, height - 26, name, "#475569", size=12)
        place += 24 + 7 * len(name) + 24


def _label_and_colour(call: Bar) -> tuple[str, str]:
    return CALLS.get(call.name.split(".")[0].split()[0], OTHER)


def _text(
    x: float, y: float, text: str, colour: str, *, size: int = 13, anchor: str = "start", weight: int = 400
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" font-size="{size}" font-weight="{weight}" '
        f'text-anchor="{anchor}" paint-order="stroke" stroke="#fff" stroke-opacity=".85" stroke-width="3">'
        f"{escape(text)}</text>"
    )
