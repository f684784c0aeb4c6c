"""Draws a trace as a waterfall: `python -m infra.local.tools.waterfall`. An SVG with one row for each invocation.

The spans come from the file that TRACES=on writes. A reservation's picture has every trace in which it occurs.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from infra.command import as_command
from infra.local.tools.waterfall_svg import Bar, Row, draw_rows
from infra.processes import ROOT, RUN_DIR, CannotRunError, say

TRACES = RUN_DIR / "traces.jsonl"
PICTURE = RUN_DIR / "waterfall.svg"
RESERVATION = "cinema.reservation.id"
WORDS = {
    "GET /api/sessions/{session_id}/seats": "look at the seats",
    "POST /api/reservations": "hold seats",
    "POST /api/reservations/{reservation_id}/confirm": "pay and confirm",
    "POST /api/reservations/{reservation_id}/payment": "start a payment",
    "DELETE /api/reservations/{reservation_id}": "cancel",
}
"""The requests in a reader's words."""


@dataclass(frozen=True)
class Span:
    """A span as it is in the file. Times are in seconds since the epoch."""

    id: str
    trace_id: str
    parent_id: str | None
    name: str
    start: float
    end: float
    is_error: bool
    attributes: Mapping[str, Any]

    @property
    def is_invocation(self) -> bool:
        """Tells whether the span is a whole request, or a whole call of a function."""
        return "http.route" in self.attributes or self.name == self.attributes.get("faas.name")


def read_spans(path: Path) -> list[Span]:
    """Reads all spans of a file, by their start. An outer span comes before its inner spans. Raises CannotRunError."""
    if not path.exists():
        raise CannotRunError(f"There is no {path}: run the system with `TRACES=on make run`, and buy a seat.")
    lines = path.read_text(encoding="utf-8").splitlines()
    return sorted(map(_to_span, lines), key=lambda span: (span.start, -span.end))


def _to_span(line: str) -> Span:
    read = json.loads(line)
    return Span(
        id=read["context"]["span_id"],
        trace_id=read["context"]["trace_id"].removeprefix("0x"),
        parent_id=read["parent_id"],
        name=read["name"],
        start=datetime.fromisoformat(read["start_time"]).timestamp(),
        end=datetime.fromisoformat(read["end_time"]).timestamp(),
        is_error=read["status"]["status_code"] == "ERROR",
        attributes=read["attributes"] or {},
    )


def spans_of(spans: Sequence[Span], wanted: str) -> list[Span]:
    """Gives the spans of a trace, or of all traces in which a reservation occurs. Raises CannotRunError."""
    traces = {span.trace_id for span in spans if wanted in (span.trace_id, span.attributes.get(RESERVATION))}
    if not traces:
        raise CannotRunError(f"No span is about {wanted!r}: name a reservation or a trace of this file.")
    return [span for span in spans if span.trace_id in traces]


def newest_purchase(spans: Sequence[Span]) -> str:
    """Gives the reservation that was confirmed last, else the newest trace. Raises CannotRunError without any span."""
    confirmed = [span for span in spans if span.name.startswith("POST") and span.name.endswith("/confirm")]
    found = [str(span.attributes.get(RESERVATION) or span.trace_id) for span in confirmed]
    if not spans:
        raise CannotRunError("The file has no span yet: buy a seat while TRACES is on.")
    return found[-1] if found else spans[-1].trace_id


def draw_purchase(spans: Sequence[Span]) -> str:
    """Draws spans as an SVG: a row for each invocation, its records and calls within."""
    by_id = {span.id: span for span in spans}
    rows: dict[str, list[Span]] = {}
    for span in spans:
        rows.setdefault(_invocation_of(span, by_id).id, []).append(span)
    reservation = next((str(span.attributes[RESERVATION]) for span in spans if RESERVATION in span.attributes), "")
    drawn = [_row(by_id[first], within, by_id) for first, within in rows.items()]
    return draw_rows(f"Reservation {reservation}" if reservation else "One trace", drawn)


def _invocation_of(span: Span, by_id: Mapping[str, Span]) -> Span:
    """Gives the invocation in which the span was made; the outermost known span if there is none."""
    while not span.is_invocation and (parent := by_id.get(span.parent_id or "")):
        span = parent
    return span


def _row(first: Span, within: Sequence[Span], by_id: Mapping[str, Span]) -> Row:
    return Row(
        title=WORDS.get(first.name, first.name),
        detail=" · ".join(_detail_lines(first, within)),
        bar=_bar(first),
        parts=[_bar(span) for span in within if span.name.startswith("process ")],
        calls=[_bar(span) for span in within if span is not first and not span.name.startswith("process ")],
        caused_by=_cause_of(first, by_id),
    )


def _cause_of(first: Span, by_id: Mapping[str, Span]) -> tuple[str, float] | None:
    """Gives the invocation that caused this one, and when: by the end of a write, or of a relay that has sent all."""
    parent = by_id.get(first.parent_id or "")
    if parent is None:
        return None
    invocation = _invocation_of(parent, by_id)
    moment = min(invocation.end, first.start) if parent.name.startswith("process ") else parent.end
    return invocation.id, moment


def _detail_lines(first: Span, within: Sequence[Span]) -> Iterator[str]:
    if first.name in WORDS:
        yield f"{first.name.split()[0]} {first.attributes['http.response.status_code']}"
    heard = [span.attributes.get("cinema.event.type") for span in within if span.name.startswith("process ")]
    yield from dict.fromkeys(str(event) for event in heard if event)
    if heard and not any(heard):
        yield f"{len(heard)} record{'s' if len(heard) > 1 else ''}"


def _bar(span: Span) -> Bar:
    about = span.attributes.get("aws.dynamodb.table_names") or span.attributes.get("messaging.destination") or ""
    target = ", ".join(about) if isinstance(about, list | tuple) else str(about)
    words = span.attributes.get("cinema.event.type") or ""
    return Bar(span.id, span.name, f"{target}{words}", span.start, span.end, is_error=span.is_error)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m infra.local.tools.waterfall", description="Draws a purchase in time, from its traces."
    )
    parser.add_argument("wanted", nargs="?", metavar="RESERVATION", help="or a trace's id (the newest purchase)")
    parser.add_argument("--file", type=Path, default=TRACES, help="where the traces are (.run/traces.jsonl)")
    parser.add_argument("--into", type=Path, default=PICTURE, help="the SVG to write (.run/waterfall.svg)")
    options = parser.parse_args(arguments)
    spans = read_spans(options.file)
    chosen = spans_of(spans, options.wanted or newest_purchase(spans))
    options.into.write_text(draw_purchase(chosen), encoding="utf-8")
    where = options.into.relative_to(ROOT) if options.into.is_relative_to(ROOT) else options.into
    say(f"{where}: {len(chosen)} spans. Open it in a browser: bars tell more under the pointer.")
    return 0


if __name__ == "__main__":
    as_command(lambda: main(sys.argv[1:]), CannotRunError)
