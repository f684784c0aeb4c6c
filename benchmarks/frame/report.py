"""The table of must and measured: printed, and kept in docs/performance.md between two markers."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from infra.cloud.markdown import filled, table
from infra.processes import ROOT

from .plots import Bars
from .table import Benchmark, Figure

DOCUMENT = ROOT / "docs" / "performance.md"
COMMAND = "make bench WRITE=1"
WHAT = "table of figures"
HEAD = ("figure", "what", "baseline", "must", "measured", "", "on")
UNMEASURED = "not measured"

Results = Mapping[str, Mapping[str, Any]]
"""What benchmarks saved, by their names."""
Row = tuple[str, ...]


def figure_row(benchmark: Benchmark, figure: Figure, result: Mapping[str, Any] | None) -> Row:
    """Makes one line of the table."""
    named = (f"{benchmark.name}: {figure.name}", figure.what, figure.baseline, str(figure.must or "—"))
    measured = (result or {}).get("figures", {}).get(figure.name)
    if not measured:
        return (*named, UNMEASURED, "", "")
    value, bounds, note = measured["value"], measured["bounds"], measured["note"]
    shown = f"{value:.3g}{figure.unit if figure.unit != '×' else ' ×'}"
    shown += f" ({bounds[0]:.3g} to {bounds[1]:.3g})" if bounds else ""
    shown += f"; {note}" if note else ""
    return (*named, shown, verdict(figure, value), f"{datetime.now(UTC):%Y-%m-%d}")


def verdict(figure: Figure, value: float) -> str:
    if figure.must is None:
        return ""
    return "kept" if figure.must.is_kept_by(value) else "missed"


def rows(benchmarks: Sequence[Benchmark], results: Results) -> list[Row]:
    """Makes the lines of these benchmarks."""
    return [figure_row(each, figure, results.get(each.name)) for each in benchmarks for figure in each.figures]


def document_rows(benchmarks: Sequence[Benchmark], results: Results, document: str) -> list[Row]:
    """Makes all lines of the document's table: those of benchmarks that did not run are as they were."""
    before = {line.split(" | ")[0].removeprefix("| "): line for line in document.splitlines() if line.startswith("| ")}
    made: list[Row] = []
    for row in rows(benchmarks, results):
        kept = before.get(row[0]) if row[4] == UNMEASURED else None
        made.append((*row[:4], *_cells(kept)[4:]) if kept else row)
    return made


def _cells(line: str) -> Row:
    return tuple(cell.strip() for cell in line.replace("\\|", "\0").strip().strip("|").replace("\0", "|").split(" | "))


def write(benchmarks: Sequence[Benchmark], results: Results) -> None:
    """Puts the table into the document."""
    text = DOCUMENT.read_text()
    made = table(HEAD, document_rows(benchmarks, results, text))
    DOCUMENT.write_text(filled(DOCUMENT, text, WHAT, f"`{COMMAND}`", made))


def printed(benchmarks: Sequence[Benchmark], results: Results) -> str:
    """Makes the table for a terminal."""
    lines = [(name, must, measured, kept) for name, _, _, must, measured, kept, _ in rows(benchmarks, results)]
    lines.insert(0, ("figure", "must", "measured", ""))
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def missed(benchmarks: Sequence[Benchmark], results: Results) -> list[str]:
    """Names the figures that miss their must or were not measured though they have one."""
    with_must = [row for row in rows(benchmarks, results) if row[3] != "—"]
    return [row[0] for row in with_must if row[5] != "kept"]


def overview(benchmarks: Sequence[Benchmark], results: Results) -> Bars:
    """Draws all ratios of these benchmarks beside their musts."""
    bars, musts = dict[str, float](), dict[str, float]()
    for benchmark in benchmarks:
        for figure in (each for each in benchmark.figures if each.unit == "×"):
            measured = results.get(benchmark.name, {}).get("figures", {}).get(figure.name)
            if measured:
                name = f"{benchmark.name}: {figure.name}"
                bars[name] = measured["value"]
                musts |= {name: figure.must.bound} if figure.must else {}
    return Bars("Measured, and what it must be (red)", bars, musts)
