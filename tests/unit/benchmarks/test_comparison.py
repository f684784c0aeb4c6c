"""The tables of docs/comparison.md are those of the raw data that is kept, and say what was counted."""

import json
from typing import Any

import pytest

from benchmarks import budgets
from benchmarks.classic import report


@pytest.fixture(scope="module")
def data() -> Any:
    return json.loads(report.DATA.read_text())


def test_the_document_has_the_tables_of_its_data(data: Any) -> None:
    text = report.DOCUMENT.read_text()

    assert report.document(data, text) == text, f"docs/comparison.md is stale: {report.COMMAND}"


def test_other_data_makes_another_document(data: Any) -> None:
    data = {**data, "faults": {**data["faults"], "publishers": dict.fromkeys(report.NAMES, EVENTS)}}

    assert "7 of 9" in report.document(data, report.DOCUMENT.read_text())


EVENTS = {"sales": 9, "sold_in_tables": 9, "events": 2}


def test_every_fault_and_both_designs_are_in_the_data(data: Any) -> None:
    assert set(data["faults"]) == set(report.FAULTS)
    assert all(set(found) == set(report.NAMES) for found in data["faults"].values())


def test_what_never_came_is_said() -> None:
    assert report._loss_text({"same_buyer_seconds": None}, "same_buyer_seconds", "s") == "never, in a minute"


def test_sales_cost_their_units() -> None:
    writes = budgets.HOLD.write_units + budgets.CONFIRM.write_units

    assert report.dollars_of_sales(1_000_000) == pytest.approx(writes * 0.625 + 1 * 0.125)


def test_no_seat_was_oversold_in_the_data_that_is_kept(data: Any) -> None:
    assert sum(each["oversold"] for each in data["rounds"] if each["side"] == "ours") == 0
    assert not [each["faults"] for each in data["rounds"] if each["faults"]]
