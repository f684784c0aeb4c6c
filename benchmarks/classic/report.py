"""Writes the tables of docs/comparison.md from the raw data of a run: `python -m benchmarks.classic.report`.

The newest run's data is taken from build/bench/classic.json and kept in docs/data/comparison.json: the document can be
made again from it, and a test does.
"""

import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks import budgets, prices
from benchmarks.frame.run import result_path
from benchmarks.load.mixes import MIXES
from infra.cloud.markdown import filled, table
from infra.command import as_command
from infra.processes import ROOT, CannotRunError, say

from .throughput import STEP

DOCUMENT, DATA = ROOT / "docs" / "comparison.md", ROOT / "docs" / "data" / "comparison.json"
COMMAND = "`make bench-classic WRITE=1`"
NAMES = {"classic": "old design", "ours": "ours"}
SALES_A_MONTH = (10_000, 1_000_000, 10_000_000, 100_000_000)
Data = Mapping[str, Any]
Row = tuple[str, ...]


def document(data: Data, text: str) -> str:
    """Puts all tables into the document's text."""
    made = {
        "throughput": table(
            ("mix", "pace", "", "requests/s", "p50 ms", "p95 ms", "p99 ms"), throughput(data["rounds"])
        ),
        "outcomes": table(("", "requests", "held", "sold", "refused", "failed", "oversold seats"), outcomes(data)),
        "costs": table(COST, costs(data["costs"])),
        "months": table(("sales a month", "old design", "ours"), rows_of_months()),
        "faults": table(("fault", "", "old design", "ours"), faults(data["faults"])),
        "machine": machine(data),
    }
    for what, each in made.items():
        text = filled(DOCUMENT, text, what, COMMAND, each)
    return text


def throughput(rounds: Sequence[Data]) -> Iterator[Row]:
    """Gives the medians of the rounds, and of their times the step that matters."""
    for pace in ("busy", "steady"):
        for mix in MIXES:
            for side, name in NAMES.items():
                played = [each for each in rounds if (each["side"], each["mix"], each["pace"]) == (side, mix, pace)]
                if played:
                    rates = [each["requests_per_second"] for each in played]
                    steps = [each["steps"][STEP[mix]] for each in played]
                    times = (f"{statistics.median(step[at] for step in steps):.0f}" for at in ("p50", "p95", "p99"))
                    yield (f"{mix}, {STEP[mix]}", pace, name, _with_range(rates), *times)


def _with_range(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.0f} ({min(values):.0f} to {max(values):.0f})"


def outcomes(data: Data) -> Iterator[Row]:
    """Gives the sums of all rounds: by the answers to buyers, and by the tables."""
    for side, name in NAMES.items():
        played = [each for each in data["rounds"] if each["side"] == side]
        told = {key: sum(each["outcomes"][key] for each in played) for key in played[0]["outcomes"]}
        requests = told["accepted"] + told["refused"] + told["limited"] + told["failed"]
        oversold = sum(each["oversold"] for each in played)
        yield (
            name,
            *(
                f"{each:,}"
                for each in (requests, told["held"], told["sold"], told["refused"], told["failed"], oversold)
            ),
        )


COST = (
    "request",
    *(f"old design: {what}" for what in ("round trips to PostgreSQL", "to Redis", "bytes of its log")),
    *(f"ours: {what}" for what in ("calls of DynamoDB", "write units", "read units")),
)
OURS = {
    "hold of 1": budgets.HOLD,
    "hold of 3": budgets.HOLD,
    "hold of 8": budgets.HOLD,
    "refused hold": budgets.REFUSED_HOLD,
    "confirmation": budgets.CONFIRM,
    "seat map": budgets.seat_map(100),
}
"""The budgets of the same requests; the seat map is that of 2,000 seats in 100 rows."""


def costs(counted: Sequence[Data]) -> Iterator[Row]:
    for each in counted:
        ours = OURS[each["what"]]
        theirs = (f"{each['statements']:.1f}", f"{each['redis_commands']:.1f}", f"{each['wal_bytes']:,.0f}")
        yield (each["what"], *theirs, *map(str, (len(ours.calls), ours.write_units, ours.read_units)))


def dollars_of_sales(sales: int) -> float:
    """Computes DynamoDB's cost in USD of as many holds and confirmations."""
    paths = (budgets.HOLD, budgets.CONFIRM)
    writes, reads = sum(path.write_units for path in paths), sum(path.read_units for path in paths)
    return prices.WRITE_UNIT.of(writes * sales) + prices.READ_UNIT.of(reads * sales)


def rows_of_months() -> Iterator[Row]:
    """Gives both bills for growing sales; the old design's is that of two machines, whether used or not."""
    fixed = prices.POSTGRES_MONTH.usd + prices.REDIS_MONTH.usd
    for sales in SALES_A_MONTH:
        yield f"{sales:,}", f"{fixed:,.2f} USD", f"{dollars_of_sales(sales):,.2f} USD"
    equal = round(fixed / dollars_of_sales(1_000_000), 1)
    yield f"both cost the same at {equal} million", "", ""


def faults(found: Data) -> Iterator[Row]:
    """Gives a line for each thing that can be lost, or has to be waited for."""
    for fault, what, key, unit in LOSSES:
        told = [_loss_text(found[fault][side], key, unit) for side in NAMES]
        yield (FAULTS[fault], what, *told)


FAULTS = {
    "redis": "Redis killed for 4 s under load, back empty",
    "killed": "an instance killed with seats locked",
    "frozen": "an instance frozen with seats locked",
    "publishers": "an instance killed between commit and publish",
}
LOSSES = (
    ("redis", "holds that failed meanwhile", "failed", "holds"),
    ("redis", "until the next seat was held", "usable_after_seconds", "s"),
    ("redis", "slowest hold meanwhile", "slowest_ms", "ms"),
    ("redis", "oversold seats", "oversold", ""),
    ("killed", "the same buyer, sending again, has the seat after", "same_buyer_seconds", "s"),
    ("killed", "another buyer can hold it after", "another_buyer_seconds", "s"),
    ("killed", "oversold seats", "oversold", ""),
    ("frozen", "the same buyer, sending again, has the seat after", "same_buyer_seconds", "s"),
    ("frozen", "another buyer can hold it after", "another_buyer_seconds", "s"),
    ("frozen", "oversold seats", "oversold", ""),
    ("publishers", "events lost for ever", "events", "lost"),
)


def _loss_text(found: Data, key: str, unit: str) -> str:
    value = found[key]
    if value is None:
        return "never, in a minute"
    if unit == "lost":
        return f"{found['sold_in_tables'] - value} of {found['sold_in_tables']}"
    if unit == "holds":
        return f"{value} of {found['holds']}"
    return f"{value:.1f} s" if unit == "s" else f"{value:.0f} {unit}".strip()


def machine(data: Data) -> str:
    rounds = len({id(each) for each in data["rounds"]}) // (4 * len(MIXES))
    return f"{data['machine']} PostgreSQL {data['postgres']}. {rounds} rounds."


def main() -> int:
    newest = result_path("classic")
    if not newest.exists():
        raise CannotRunError("There is no run to write: `make bench ONLY=classic` makes one.")
    raw = json.loads(newest.read_text())["raw"]
    if missing := {"rounds", "costs", "faults"} - set(raw):
        raise CannotRunError(f"The newest run broke off before its {', '.join(sorted(missing))}: run it again.")
    DATA.parent.mkdir(exist_ok=True)
    DATA.write_text(json.dumps(raw, indent=1) + "\n")
    DOCUMENT.write_text(document(raw, DOCUMENT.read_text()))
    say(f"Written: {DOCUMENT.relative_to(ROOT)}, {DATA.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    as_command(main, CannotRunError)
