"""What it costs, as docs/deploying.md says it, follows from the budgets that the tests count, and from dated prices."""

import pytest

from benchmarks import bill, budgets, prices
from benchmarks.bill import Part, total_usd
from chalicelib.domain.consumers import CONSUMERS
from chalicelib.domain.events import EventType


def test_the_document_has_the_tables_that_the_budgets_make() -> None:
    assert bill.document() == bill.DOCUMENT.read_text(), f"docs/deploying.md is stale: {bill.COMMAND}"


def test_every_price_is_dated_and_has_its_page() -> None:
    assert f"{prices.READ_ON:%-d %B %Y}" in bill.DOCUMENT.read_text()
    assert all(
        one.usd > 0 and one.per > 0 and one.source.endswith("pricing") for one in prices.PRICES if "Dyn" not in one.what
    )
    assert {one for one in vars(prices).values() if isinstance(one, prices.Price)} == set(prices.PRICES)


def test_a_part_costs_its_amount_times_its_price() -> None:
    parts = [Part("writes", 2_000_000, prices.WRITE_UNIT), Part("emails", 500, prices.EMAIL)]

    assert total_usd(parts) == pytest.approx(2 * 0.625 + 0.05)


def test_a_dearer_hold_makes_sales_dearer(monkeypatch: pytest.MonkeyPatch) -> None:
    before = total_usd(bill.parts_of_sales(1000))
    dearer = budgets.HOLD._replace(write_units=budgets.HOLD.write_units + 1)
    monkeypatch.setattr(
        bill,
        "PATHS_WITH_BUDGET",
        [(what, dearer if what == "the hold" else one, n) for what, one, n in bill.PATHS_WITH_BUDGET],
    )

    assert total_usd(bill.parts_of_sales(1000)) == pytest.approx(before + 1000 * 0.625 / 1_000_000)


def test_a_consumer_without_a_budget_is_not_free(monkeypatch: pytest.MonkeyPatch) -> None:
    loyalty = CONSUMERS[-1]._replace(
        queue="loyalty", hears=(EventType.PAYMENT_CONFIRMED,), allowed_verbs={"sessions": "get", "loyalty": "put"}
    )
    before = bill.count_sale_write_units()
    monkeypatch.setattr(bill, "CONSUMERS", (*CONSUMERS, loyalty))

    assert bill.count_sale_write_units() == before + 1


def test_each_read_of_a_budget_is_a_unit() -> None:
    assert (budgets.CONFIRM.read_units, budgets.HOLD.read_units) == (1, 0)
    assert budgets.seat_map(10) == (("BatchGetItem",), 0, 10)
    assert (budgets.seat_map(200).read_units, len(budgets.seat_map(200).calls)) == (200, 2)


def test_watching_less_costs_less_and_the_gate_saves_writes() -> None:
    assert total_usd(bill.parts_at_rest(essential=True)) < total_usd(bill.parts_at_rest()) - prices.DASHBOARD.usd
    assert total_usd(bill.parts_of_refusals(1000, redis=True)) < total_usd(bill.parts_of_refusals(1000, redis=False))
