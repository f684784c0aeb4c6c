"""The frame of `make bench`: ratios, the table of must and measured, and a benchmark that breaks off."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks import __main__ as bench
from benchmarks.client.canned import request_length
from benchmarks.engine.recorded import Recorded, rewrite
from benchmarks.frame import report
from benchmarks.frame.pairs import FEWEST_ROUNDS, interleave, median_with_bounds, ratio
from benchmarks.frame.plots import Bars, Lines
from benchmarks.frame.run import Run
from benchmarks.frame.table import Benchmark, Figure, at_least, at_most
from benchmarks.registry import BENCHMARKS
from infra.processes import CannotRunError

FAST = Figure("fast", "ours", "theirs", at_most(0.5))
MANY = Figure("many", "ours", "theirs", at_least(2, aim=3))
SHOWN = Figure("shown", "ours", "nothing", unit=" MB")
BENCHMARK = Benchmark("made-up", "nothing", "nowhere", (FAST, MANY, SHOWN))


def measured(**values: float) -> dict[str, Any]:
    return {"figures": {name: {"value": value, "bounds": None, "note": ""} for name, value in values.items()}}


def test_a_ratio_compares_within_each_round() -> None:
    slow_machine = ratio([1.0, 10.0, 100.0, 1.0], [2.0, 20.0, 200.0, 2.0])

    assert slow_machine == (0.5, 0.5, 0.5)


def test_the_bounds_of_a_median_hold_it_nineteen_times_of_twenty() -> None:
    found = median_with_bounds([float(number) for number in range(1, 101)])

    assert found.value == 50.5
    assert (found.low, found.high) == (40.0, 61.0), "by the sign test, from the 40th to the 61st of a hundred"


def test_paths_are_walked_in_turn_and_the_first_round_does_not_count() -> None:
    walked: list[str] = []
    paths = {"a": lambda: walked.append("a"), "b": lambda: walked.append("b")}

    samples = interleave(paths, rounds=9, seconds_left=lambda: 0.0, clock=lambda: float(len(walked)))

    assert samples == {"a": [1.0] * FEWEST_ROUNDS, "b": [1.0] * FEWEST_ROUNDS}
    assert all(set(walked[place : place + 2]) == {"a", "b"} for place in range(0, len(walked), 2))


def test_a_figure_that_misses_its_must_or_was_not_measured_is_named() -> None:
    missed = report.missed([BENCHMARK], {"made-up": measured(fast=0.6, shown=1)})

    assert missed == ["made-up: fast", "made-up: many"]
    assert report.missed([BENCHMARK], {"made-up": measured(fast=0.5, many=2)}) == []


def test_what_did_not_run_stays_in_the_document_as_it_was() -> None:
    written = "\n".join(
        "| " + " | ".join(row) + " |" for row in report.rows([BENCHMARK], {"made-up": measured(fast=0.4)})
    )

    kept = report.document_rows([BENCHMARK], {"made-up": measured(many=3)}, written)

    assert [row[4] for row in kept] == ["0.4 ×", "3 ×", report.UNMEASURED]


def test_a_figure_without_a_row_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no figure 'other'"):
        Run(BENCHMARK, tmp_path, tmp_path).record("other", 1.0)


def test_what_was_recorded_is_kept_as_json_and_svg(tmp_path: Path) -> None:
    run = Run(BENCHMARK, tmp_path, tmp_path)
    run.record("fast", ratio([1.0] * 5, [4.0] * 5), samples={"ours": [1.0]})
    run.leave_out("the rest: no time")
    run.plot("bars", Bars("t", {"<a>": 1.0}, {"<a>": 2.0}))
    run.plot("lines", Lines("t", "x", "y", {"a": [(1, 2), (1000, 3)]}, logarithmic=True))
    run.save()

    saved = json.loads((tmp_path / "made-up.json").read_text())
    assert saved["figures"]["fast"] == {"value": 0.25, "bounds": [0.25, 0.25], "note": "", "samples": {"ours": [1.0]}}
    assert saved["leftOut"] == ["the rest: no time"]
    for plot in saved["plots"]:
        assert ElementTree.parse(tmp_path / plot).getroot().tag.endswith("svg")  # noqa: S314 - we have just written it


def test_a_name_that_is_no_benchmark_is_refused_with_those_that_are() -> None:
    with pytest.raises(CannotRunError, match="There are: client"):
        bench.choose("clients")
    assert [each.name for each in bench.choose("engine,client")] == ["client", "engine"]


def test_names_and_figures_are_unique() -> None:
    names = [f"{benchmark.name}: {figure.name}" for benchmark in BENCHMARKS for figure in benchmark.figures]

    assert len(set(names)) == len(names)
    assert all(Path(f"{benchmark.module.replace('.', '/')}.py").exists() for benchmark in BENCHMARKS)


def test_the_canned_endpoint_knows_where_a_request_ends() -> None:
    request = b"POST / HTTP/1.1\r\nHost: h\r\ncontent-length: 2\r\n\r\n{}"

    assert request_length(request[:-4]) == 0
    assert request_length(request + b"POST") == len(request)


def test_a_written_out_purchase_shares_nothing_with_the_recorded_one() -> None:
    body = '{"S": "s1#A"}{"S": "res-00000000aaaaaaaa"}{"S": "sale-bbbbbbbb"}{"#s0": "A1"}{"S": "s1"}'
    its_own = {"row": "s1#A", "seat": '"A1"', "id": "res-00000000aaaaaaaa", "sale": "sale-bbbbbbbb"}

    (written,) = rewrite([Recorded("PutItem", body)], its_own, 7, "s2", "B", "B3")

    assert written.body == '{"S": "s2#B"}{"S": "res-0000000000000007"}{"S": "sale-00000007"}{"#s0": "B3"}{"S": "s2"}'
