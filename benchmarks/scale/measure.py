"""Plays the on-sales, and makes the tables of docs/scale.md: `python -m benchmarks.scale.measure` prints them.

`--write` puts them into the document. `make bench ONLY=scale` plays them as well, and records their figures.
"""

import argparse
from collections.abc import Callable, Iterable, Sequence

from benchmarks.frame.plots import Lines
from benchmarks.frame.run import Run
from infra.cloud.markdown import filled, table
from infra.processes import ROOT, say

from .designs import BY_ROW, BY_SEAT
from .scenarios import on_sales_of_designs, on_sales_of_quotas, on_sales_of_rates
from .simulation import OnSale, Result, simulate

DOCUMENT = ROOT / "docs" / "scale.md"
COMMAND = "`python -m benchmarks.scale.measure --write`"


def measure(run: Run) -> None:
    """Records, for the hall of 20,000 and for a thousand screenings, the cost of our design beside the others."""
    played = _play_all(on_sales_of_designs(), run.say, run.seconds_left)
    for on_sale in on_sales_of_designs():
        if on_sale not in played and on_sale.design.is_possible(on_sale.hall):
            run.leave_out(f"{_title(on_sale)}: no time")
    _record_units(run, played)
    rates = _play_all(on_sales_of_rates(), run.say, run.seconds_left)
    lines: dict[str, list[tuple[float, float]]] = {}
    for on_sale, result in rates.items():
        name = f"{'with' if on_sale.redis_nodes else 'without'} gate"
        lines.setdefault(name, []).append((on_sale.attempts, result.ends["throttled"] / result.asked))
    if lines:
        run.plot(
            "throttled", Lines("Attempts that no partition took", "attempts a second", "share", lines, logarithmic=True)
        )
    run.keep("tables", tables(played))


def _record_units(run: Run, played: dict[OnSale, Result]) -> None:
    of = {
        (on_sale.design, bool(on_sale.redis_nodes)): result
        for on_sale, result in played.items()
        if on_sale.screenings > 1
    }
    ours, ungated, by_seat = of.get((BY_ROW, True)), of.get((BY_ROW, False)), of.get((BY_SEAT, True))
    if ours and ungated:
        run.record("gate", _units_of_a_hold(ours) / _units_of_a_hold(ungated))
        run.record("dollars", ours.usd_per_million_held())
    if ours and by_seat:
        run.record("row", _units_of_a_hold(ours) / _units_of_a_hold(by_seat))


def _units_of_a_hold(result: Result) -> float:
    return result.write_units / result.ends["held"]


def _play_all(
    on_sales: Iterable[OnSale], tell: Callable[[str], None], seconds_left: Callable[[], float]
) -> dict[OnSale, Result]:
    played = {}
    for on_sale in on_sales:
        if on_sale.design.is_possible(on_sale.hall) and seconds_left() > 0:
            played[on_sale] = simulate(on_sale)
            tell(f"{_title(on_sale)}: {played[on_sale].ends['held']:,} held")
    return played


def _title(on_sale: OnSale) -> str:
    gate = "gate" if on_sale.redis_nodes else "no gate"
    return f"{on_sale.name}, {on_sale.attempts:,}/s, {on_sale.design.name}, {gate}, {on_sale.quotas.name}"


def tables(played: dict[OnSale, Result]) -> dict[str, str]:
    """Makes the document's tables, by title."""
    return {
        "quotas": _table_of_quotas(),
        "designs": _table_of_designs(played),
        "consumers": _table_of_consumers(played),
    }


def _table_of_quotas() -> str:
    head = ("attempts/s", "account", "refused by API Gateway", "by Lambda", "by the gate", "by the row", "throttled")
    results = (simulate(on_sale) for on_sale in on_sales_of_quotas())
    return table(head, (_line_of_quotas(result) for result in results))


def _line_of_quotas(result: Result) -> tuple[str, ...]:
    shares = (f"{result.ends[where] / result.asked:.2%}" for where in ("gateway", "lambda", "gate", "row", "throttled"))
    return f"{result.on_sale.attempts:,}", result.on_sale.quotas.name, *shares


def _table_of_designs(played: dict[OnSale, Result]) -> str:
    head = (
        "on-sale",
        "design",
        "gate",
        "half sold after",
        "held",
        "throttled",
        "conflicts",
        "write units",
        "USD a million",
    )
    return table(head, (_line_of_design(on_sale, played.get(on_sale)) for on_sale in on_sales_of_designs()))


def _line_of_design(on_sale: OnSale, result: Result | None) -> tuple[str, ...]:
    first = (on_sale.name, on_sale.design.name, "yes" if on_sale.redis_nodes else "no")
    if not result:
        why = "no time" if on_sale.design.is_possible(on_sale.hall) else "its item would exceed 400 kB"
        return *first, why, *("",) * 5
    half = "never" if result.half_sold_after is None else f"{result.half_sold_after + 0.1:.1f} s"
    throttled = f"{result.ends['throttled'] / result.asked:.1%}"
    counts = f"{result.ends['held']:,}", throttled, f"{result.conflicts:,}", f"{result.write_units:,.0f}"
    return *first, half, *counts, f"{result.usd_per_million_held():,.0f}"


def _table_of_consumers(played: dict[OnSale, Result]) -> str:
    """The times at which the consumers have caught up, of ours with a gate."""
    ours = [result for on_sale, result in played.items() if on_sale.design == BY_ROW and on_sale.redis_nodes]
    queues = sorted({queue for result in ours for queue in result.caught_up})
    head = ("on-sale", "holds", "stream at most behind", *(f"`{queue}`" for queue in queues))
    return table(head, (_line_of_consumers(result, queues) for result in ours))


def _line_of_consumers(result: Result, queues: Sequence[str]) -> tuple[str, ...]:
    times = (f"{result.caught_up[queue]:,.0f} s" if queue in result.caught_up else "" for queue in queues)
    return result.on_sale.name, f"{result.ends['held']:,}", f"{result.latest_relay:.2f} s", *times


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the tables, or writes them into the document."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale.measure", description="Simulates on-sales.")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/scale.md")
    write = parser.parse_args(arguments).write
    made = tables(_play_all(on_sales_of_designs(), say, lambda: 1.0))
    if write:
        text = DOCUMENT.read_text()
        for what, one in made.items():
            text = filled(DOCUMENT, text, what, COMMAND, one)
        DOCUMENT.write_text(text)
    say("\n\n".join(made.values()))


if __name__ == "__main__":
    main()
