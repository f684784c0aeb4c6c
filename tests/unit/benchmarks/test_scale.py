"""The simulated on-sale: its arithmetic is AWS's, nothing is lost in it, and more load never sells more seats."""

from dataclasses import replace

import pytest

from benchmarks.scale.buckets import Bucket
from benchmarks.scale.designs import BY_ROW, BY_SCREENING, BY_SEAT, DESIGNS, Design, Hall, size_of, units_of
from benchmarks.scale.front import Front
from benchmarks.scale.limits import DEFAULT, ESTIMATES, LARGEST_ITEM, RAISED, UNBOUNDED
from benchmarks.scale.simulation import OnSale, simulate

SMALL = OnSale(
    name="small", design=BY_ROW, hall=Hall(60), attempts=3_000, height_seconds=3, seconds=5, redis_nodes=3, seed=7
)


def test_a_bucket_gives_what_came_in_and_no_more() -> None:
    bucket = Bucket.full(rate=10, size=10)

    assert bucket.take(12) == 10
    bucket.fill(0.5)
    assert bucket.take(12, tokens_each=2) == 2
    bucket.fill(100)
    assert bucket.tokens == 10


@pytest.mark.parametrize(("size", "units"), [(0, 1), (1, 1), (1024, 1), (1025, 2), (LARGEST_ITEM, 400)])
def test_an_item_costs_a_unit_for_each_kilobyte_begun(size: int, units: int) -> None:
    assert units_of(size) == units


def test_an_item_is_as_large_as_its_names_and_values() -> None:
    assert size_of({"id": {"S": "A1é"}}) == 2 + 4
    assert size_of({"n": {"N": "100"}}) == 1 + 2
    assert size_of({"n": {"N": "-1234"}}) == 1 + 4
    assert size_of({"m": {"M": {"a": {"BOOL": True}}}}) == 1 + 3 + 1 + 2
    assert size_of({"l": {"L": [{"S": "ab"}, {"NULL": True}]}}) == 1 + 3 + 3 + 2
    with pytest.raises(ValueError, match="type B"):
        size_of({"b": {"B": b""}})


def test_two_seats_cost_four_units_as_items_of_their_own_and_one_or_two_in_a_row() -> None:
    assert BY_SEAT.attempt_units(seats=2, taken=0) == 4
    assert BY_SEAT.attempt_units(seats=1, taken=0) == 1
    assert BY_ROW.attempt_units(seats=2, taken=0) == 1
    assert BY_ROW.attempt_units(seats=2, taken=20) == 2
    assert BY_SCREENING.attempt_units(seats=2, taken=500) == 35


def test_a_hall_of_20000_is_too_large_for_one_item() -> None:
    assert [design.is_possible(Hall(20_000, seats_per_row=50)) for design in DESIGNS] == [True, True, False]


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("nodes", [0, 3])
@pytest.mark.parametrize("attempts", [50, 3_000, 60_000])
def test_every_attempt_ends_once_and_no_seat_is_had_twice(design: Design, nodes: int, attempts: int) -> None:
    result = simulate(replace(SMALL, design=design, redis_nodes=nodes, attempts=attempts))

    assert sum(result.ends.values()) == result.asked
    assert result.sold + result.lapsed == result.ends["held"]
    assert result.sold * SMALL.seats <= SMALL.hall.seats


def test_the_same_seed_plays_the_same_on_sale() -> None:
    assert simulate(SMALL) == simulate(SMALL)
    assert simulate(SMALL).ends != simulate(replace(SMALL, seed=8)).ends


def test_the_gate_spares_the_rows_writes() -> None:
    with_gate, without = simulate(SMALL), simulate(replace(SMALL, redis_nodes=0))

    assert with_gate.ends["gate"] > 0.9 * with_gate.asked
    assert with_gate.write_units < without.write_units / 5
    assert without.ends["gate"] == 0


def test_a_gate_that_is_asked_too_much_lets_attempts_pass() -> None:
    many = 3 * ESTIMATES.redis_commands // ESTIMATES.gate_commands
    result = simulate(replace(SMALL, attempts=many))

    assert result.ends["gate"] < 0.5 * result.asked
    assert result.ends["throttled"] > 0


def test_a_new_account_refuses_at_its_front_door_what_is_beyond_its_quota() -> None:
    result = simulate(replace(SMALL, attempts=100_000, quotas=DEFAULT))

    let_in = result.asked - result.ends["gateway"]
    assert let_in <= DEFAULT.requests * SMALL.seconds + DEFAULT.burst
    assert result.ends["gateway"] > 0.8 * result.asked


def test_lambda_starts_a_thousand_environments_every_ten_seconds() -> None:
    front = Front.of(RAISED)

    assert [front.count_environments(second) for second in (0, 9.9, 10, 35, 1000)] == [1000, 1000, 2000, 4000, 20_000]
    assert Front.of(UNBOUNDED).count_environments(0) > 1_000_000


def test_an_item_for_each_seat_meets_other_transactions_and_a_row_does_not() -> None:
    crowded = replace(SMALL, attempts=60_000, redis_nodes=0)

    assert simulate(replace(crowded, design=BY_SEAT)).conflicts > 0
    assert simulate(crowded).conflicts == 0


def test_emails_are_the_last_to_catch_up_when_many_seats_are_sold() -> None:
    many = replace(SMALL, hall=Hall(200), screenings=50, attempts=20_000, table_writes=40_000, quotas=UNBOUNDED)
    result = simulate(many)
    queue, seconds = result.last_caught_up

    emails = result.ends["held"] + result.sold
    assert queue == "email"
    assert seconds == pytest.approx(emails / ESTIMATES.emails, rel=0.05)


def test_a_bill_has_each_hold_in_it() -> None:
    result = simulate(SMALL)

    amounts = {part.what: part.amount for part in result.bill()}
    assert amounts["requests"] == result.asked + result.sold
    assert amounts["writes of DynamoDB"] == result.write_units
    assert result.usd_per_million_held() > 0
