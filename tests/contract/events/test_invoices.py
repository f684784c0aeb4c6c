"""Numbers of invoices: 1, 2, 3, … one for each sale, however many ask at the same moment, and however often."""

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from threading import Barrier
from typing import Any

import pytest

from benchmarks.budgets import INVOICE, TEN_INVOICES_NUMBERED
from chalicelib.domain.invoices import Bill, Invoice
from chalicelib.domain.ports import Invoices
from chalicelib.domain.refusals import BackendUnavailable
from chalicelib.infrastructure.dynamodb.connection import CONFLICT_ATTEMPTS, WriteConflict
from chalicelib.infrastructure.dynamodb.events.invoices import MOST_NUMBERED, DynamoInvoices
from tests.builders import PAID_AT, a_bill
from tests.contract.conftest import Backend, Dynamo
from tests.contract.events.test_webhooks import DYNAMODB_LOCALS_UNITS
from tests.fakes import Crash, FakeInvoices, crash, interposed, sent_twice
from tests.injected import CONFLICT, NOTHING_WRONG, Pauses, answering, cancelled, counting, error, hooked, unreachable

REFUSED = {"Code": "ConditionalCheckFailed"}
THROTTLED = {"Code": "ThrottlingError"}

MIXED = "Ação 千と"


def dynamo_invoices(dynamo: Dynamo, pause: Callable[[float], None] = lambda _: None) -> DynamoInvoices:
    return DynamoInvoices(client=dynamo.client, table_name=f"{dynamo.prefix}-invoices", sleep=pause)


@pytest.fixture
def invoices(backend: Backend) -> Invoices:
    return dynamo_invoices(backend) if isinstance(backend, Dynamo) else FakeInvoices()


@pytest.fixture
def year(request: pytest.FixtureRequest) -> datetime:
    """A moment in a year without any invoice: the test has the series for itself."""
    names = {"backend", "dynamo", "emulated", "moto"} & set(request.fixturenames)
    stores = [request.getfixturevalue(name) for name in names]
    years = (PAID_AT.replace(year=year) for year in count(random.randint(2100, 9000)))
    return next(moment for moment in years if not any(has_counter(store, moment) for store in stores))


def has_counter(store: Backend, moment: datetime) -> bool:
    if not isinstance(store, Dynamo):
        return False
    key = {"id": {"S": f"{moment.year}#counter"}}
    return "Item" in store.client.get_item(TableName=f"{store.prefix}-invoices", Key=key)


def places(invoices: Invoices, bills: Sequence[Bill]) -> list[int]:
    found = [invoices.find(bill.reservation_id) for bill in bills]
    return [invoice.place for invoice in found if invoice]


# Wherever they are kept.


def test_numbers_are_given_in_order_from_one(invoices: Invoices, year: datetime) -> None:
    given = [invoices.assign_number(a_bill(paid_at=year)) for _ in range(3)]

    assert [invoice.place for invoice in given] == [1, 2, 3]


def test_each_year_has_its_own_numbers(invoices: Invoices, year: datetime) -> None:
    invoices.assign_number(a_bill(paid_at=year))
    other = year.replace(year=9999 - (year.year - 2100) % 900)

    before = invoices.assign_number(a_bill(paid_at=other)).place
    assert invoices.assign_number(a_bill(paid_at=year)).place == 2
    assert invoices.assign_number(a_bill(paid_at=other)).place == before + 1


def test_a_sale_keeps_its_number_however_often_it_is_asked_for(invoices: Invoices, year: datetime) -> None:
    bill = a_bill(paid_at=year)
    first = invoices.assign_number(bill)
    invoices.assign_number(a_bill(paid_at=year))

    assert [invoices.assign_number(bill) for _ in range(3)] == [first] * 3
    assert invoices.assign_number(a_bill(paid_at=year)).place == 3


def test_what_is_found_is_what_was_numbered(invoices: Invoices, year: datetime) -> None:
    bill = a_bill(paid_at=year, movie_title=MIXED, seats=("A1", "A10", "B1"), language="pt-BR")
    given = invoices.assign_number(bill)

    assert given == Invoice(bill, 1)
    assert invoices.find(bill.reservation_id) == given


def test_the_first_words_of_an_invoice_are_the_last(invoices: Invoices, year: datetime) -> None:
    bill = a_bill(paid_at=year)
    given = invoices.assign_number(bill)

    assert invoices.assign_number(replace(bill, seller=("Another name",))) == given


def test_a_filed_invoice_is_found_as_filed(invoices: Invoices, year: datetime) -> None:
    given = invoices.assign_number(a_bill(paid_at=year))
    invoices.mark_pdf_stored(given)
    invoices.mark_pdf_stored(given)

    assert invoices.find(given.bill.reservation_id) == given.marked_filed()
    assert invoices.assign_number(given.bill) == given.marked_filed()


def test_a_sale_without_an_invoice_has_none(invoices: Invoices) -> None:
    assert invoices.find(a_bill().reservation_id) is None


@pytest.mark.parametrize("reservation_id", ["", "unknown", "2044#counter", "x" * 3000])
def test_what_is_no_reservations_id_is_found_nowhere(invoices: Invoices, reservation_id: str) -> None:
    invoices.assign_number(a_bill())

    assert invoices.find(reservation_id) is None


def test_a_write_that_is_sent_twice_gives_one_number(invoices: Invoices, year: datetime) -> None:
    twice = sent_twice(invoices, "assign_number")

    assert [twice.assign_number(a_bill(paid_at=year)).place for _ in range(3)] == [1, 2, 3]


# Many at once.


def test_many_sales_are_numbered_in_their_order_and_one_that_occurs_twice_once(
    invoices: Invoices, year: datetime
) -> None:
    bills = [a_bill(paid_at=year) for _ in range(4)]

    given = invoices.assign_numbers_in_one_series([*bills, bills[1], bills[0]])

    assert [invoice.place for invoice in given] == [1, 2, 3, 4, 2, 1]
    assert places(invoices, bills) == [1, 2, 3, 4]
    assert invoices.assign_number(a_bill(paid_at=year)).place == 5


def test_among_many_those_that_have_an_invoice_keep_it(invoices: Invoices, year: datetime) -> None:
    bills = [a_bill(paid_at=year) for _ in range(5)]
    for bill in (bills[3], bills[1]):
        invoices.mark_pdf_stored(invoices.assign_number(bill))

    given = invoices.assign_numbers_in_one_series(bills)

    assert [invoice.place for invoice in given] == [3, 2, 4, 1, 5]
    assert [invoice.filed for invoice in given] == [False, True, False, True, False]


def test_more_than_a_transaction_takes_are_numbered_by_several(invoices: Invoices, year: datetime) -> None:
    bills = [a_bill(paid_at=year) for _ in range(MOST_NUMBERED + 3)]

    invoices.assign_numbers_in_one_series(bills)

    assert places(invoices, bills) == list(range(1, MOST_NUMBERED + 4))


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_around_the_write_of_many_makes_neither_gap_nor_repeat(
    invoices: Invoices, year: datetime, moment: str
) -> None:
    bills = [a_bill(paid_at=year) for _ in range(6)]
    crashing: Any = {moment: crash}
    with pytest.raises(Crash):
        interposed(invoices, "assign_numbers_in_one_series", **crashing).assign_numbers_in_one_series(bills[:3])

    invoices.assign_numbers_in_one_series(bills[2:])
    invoices.assign_numbers_in_one_series(bills)

    assert sorted(places(invoices, bills)) == list(range(1, 7))


# Races, and costs, on an emulator that takes and reckons writes as DynamoDB does.

SALES, DUPLICATES, WORKERS = 60, 30, 8


def insistent(invoices: Invoices) -> Callable[[Bill], Invoice]:
    """Makes calls that try again after BackendUnavailable, as the queue does."""

    def number(bill: Bill) -> Invoice:
        for _ in range(50):
            try:
                return invoices.assign_number(bill)
            except BackendUnavailable:
                continue
        raise AssertionError("no number after 50 deliveries")

    return number


def test_sales_from_many_workers_at_once_have_the_numbers_from_one_to_the_last(
    emulated: Dynamo, year: datetime
) -> None:
    bills = [a_bill(paid_at=year) for _ in range(SALES)]
    deliveries = bills + random.sample(bills, DUPLICATES)
    random.shuffle(deliveries)
    workers = [insistent(DynamoInvoices(emulated.client, f"{emulated.prefix}-invoices")) for _ in range(WORKERS)]

    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        given = list(pool.map(lambda task: workers[task[0] % WORKERS](task[1]), enumerate(deliveries)))

    assert sorted(places(dynamo_invoices(emulated), bills)) == list(range(1, SALES + 1))
    assert len({(invoice.bill.reservation_id, invoice.place) for invoice in given}) == SALES


def test_batches_with_the_same_sales_in_them_from_many_workers_have_the_numbers_from_one_to_the_last(
    emulated: Dynamo, year: datetime
) -> None:
    bills = [a_bill(paid_at=year) for _ in range(SALES)]
    deliveries = [*bills, *bills[:DUPLICATES]]
    random.shuffle(deliveries)
    batches = [deliveries[start : start + 10] for start in range(0, len(deliveries), 10)]
    store = DynamoInvoices(emulated.client, f"{emulated.prefix}-invoices")

    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        given = [invoice for some in pool.map(many_insistently(store), batches) for invoice in some]

    assert sorted(places(store, bills)) == list(range(1, SALES + 1))
    assert len({(invoice.bill.reservation_id, invoice.place) for invoice in given}) == SALES


def many_insistently(invoices: Invoices) -> Callable[[Sequence[Bill]], Sequence[Invoice]]:
    def number(bills: Sequence[Bill]) -> Sequence[Invoice]:
        for _ in range(50):
            try:
                return invoices.assign_numbers_in_one_series(bills)
            except BackendUnavailable:
                continue
        raise AssertionError("no numbers after 50 deliveries")

    return number


def test_one_sale_delivered_to_many_workers_at_once_has_one_number(emulated: Dynamo, year: datetime) -> None:
    bill, gate = a_bill(paid_at=year), Barrier(WORKERS)
    number = insistent(dynamo_invoices(emulated))

    def deliver(_: int) -> int:
        gate.wait()
        return number(bill).place

    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        assert list(pool.map(deliver, range(WORKERS))) == [1] * WORKERS
    assert number(a_bill(paid_at=year)).place == 2


@dataclass(frozen=True)
class WithoutGuard(DynamoInvoices):
    """The control: it moves the counter without a condition."""

    def _counter_update(self, last_place: int, last: Invoice) -> Any:
        step = super()._counter_update(last_place, last)
        del step["Update"]["ConditionExpression"]
        step["Update"]["ExpressionAttributeValues"].pop(":before", None)
        return step


def test_without_the_counters_condition_numbers_do_repeat(emulated: Dynamo, year: datetime) -> None:
    bills, gate = [a_bill(paid_at=year) for _ in range(SALES)], Barrier(WORKERS)
    careless = WithoutGuard(emulated.client, f"{emulated.prefix}-invoices", lambda _: None)

    def deliver(worker: int) -> None:
        gate.wait()
        for bill in bills[worker::WORKERS]:
            insistent(careless)(bill)

    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        list(pool.map(deliver, range(WORKERS)))
    assert len(set(places(careless, bills))) < SALES


def test_an_invoice_costs_two_calls_and_four_write_units_and_one_of_each_to_be_filed(
    emulated: Dynamo, year: datetime
) -> None:
    invoices = dynamo_invoices(emulated)

    with counting(emulated) as calls:
        given = invoices.assign_number(a_bill(paid_at=year))
        invoices.mark_pdf_stored(given)
        invoices.assign_number(given.bill)

    assert [call.operation for call in calls] == [*INVOICE.calls, "BatchGetItem"]
    assert [call.write_units for call in calls] == [0, 4, 1, 0]
    assert INVOICE.write_units == 5


def test_ten_invoices_cost_two_calls_and_twentytwo_write_units(emulated: Dynamo, year: datetime) -> None:
    with counting(emulated) as calls:
        dynamo_invoices(emulated).assign_numbers_in_one_series([a_bill(paid_at=year) for _ in range(10)])

    assert [call.operation for call in calls] == list(TEN_INVOICES_NUMBERED.calls)
    units = [call.write_units for call in calls]
    if units == [0, 4]:
        pytest.skip(DYNAMODB_LOCALS_UNITS)
    assert units == [0, TEN_INVOICES_NUMBERED.write_units]


# Faults, injected into the client.


def test_who_comes_second_at_the_counter_reads_it_again(moto: Dynamo, year: datetime) -> None:
    pauses = Pauses()
    reasons = [
        cancelled(REFUSED, NOTHING_WRONG),
        cancelled(CONFLICT, NOTHING_WRONG),
        cancelled(REFUSED, REFUSED),
        cancelled(REFUSED, CONFLICT),
        cancelled(THROTTLED, CONFLICT),
    ]

    with answering(moto, "TransactWriteItems", *reasons) as scripted:
        assert dynamo_invoices(moto, pauses).assign_number(a_bill(paid_at=year)).place == 1

    assert scripted.calls == len(reasons) + 1
    assert len(pauses.seconds) == len(reasons)


def test_a_counter_that_is_never_free_is_left_to_the_queue(moto: Dynamo, year: datetime) -> None:
    bill = a_bill(paid_at=year)
    conflicts = [cancelled(REFUSED, NOTHING_WRONG)] * CONFLICT_ATTEMPTS
    with answering(moto, "TransactWriteItems", *conflicts), pytest.raises(BackendUnavailable):
        dynamo_invoices(moto).assign_number(bill)

    assert dynamo_invoices(moto).find(bill.reservation_id) is None
    assert dynamo_invoices(moto).assign_number(bill).place == 1


@pytest.mark.parametrize(
    "answer",
    [cancelled(NOTHING_WRONG, THROTTLED), error("TransactionInProgressException"), error("ThrottlingException")],
    ids=["throttled item", "in progress", "throttled"],
)
def test_an_overloaded_table_is_left_to_the_queue_and_leaves_no_gap(moto: Dynamo, year: datetime, answer: Any) -> None:
    with answering(moto, "TransactWriteItems", *[answer] * 3), pytest.raises(BackendUnavailable):
        dynamo_invoices(moto).assign_number(a_bill(paid_at=year))

    assert dynamo_invoices(moto).assign_number(a_bill(paid_at=year)).place == 1


@pytest.mark.parametrize("operation", ["BatchGetItem", "TransactWriteItems"])
def test_an_unreachable_table_is_an_outage(moto: Dynamo, year: datetime, operation: str) -> None:
    with hooked(moto, f"before-call.dynamodb.{operation}", unreachable), pytest.raises(BackendUnavailable):
        dynamo_invoices(moto).assign_number(a_bill(paid_at=year))


def test_an_invoice_that_can_not_be_read_or_marked_is_an_outage(moto: Dynamo, year: datetime) -> None:
    invoices = dynamo_invoices(moto)
    given = invoices.assign_number(a_bill(paid_at=year))

    with hooked(moto, "before-call.dynamodb.GetItem", unreachable), pytest.raises(BackendUnavailable):
        invoices.find(given.bill.reservation_id)
    with hooked(moto, "before-call.dynamodb.UpdateItem", unreachable), pytest.raises(BackendUnavailable):
        invoices.mark_pdf_stored(given)


def test_a_mistake_of_ours_stays_loud(moto: Dynamo) -> None:
    with pytest.raises(moto.client.exceptions.ClientError):
        replace(dynamo_invoices(moto), table_name="no-such-table").assign_number(a_bill())


# One worker between another's read and its write, without threads: found by tests/mutants


def numbered_meanwhile(moto: Dynamo, bill: Bill) -> Callable[..., None]:
    """Makes a hook that numbers another sale, once, right before the transaction of the first."""
    others = iter([bill])

    def number(**_: Any) -> None:
        if other := next(others, None):
            dynamo_invoices(moto).assign_number(other)

    return number


@pytest.mark.parametrize("earlier", [0, 1], ids=["first of the year", "later"])
def test_a_sale_that_was_numbered_meanwhile_has_another_number(moto: Dynamo, year: datetime, earlier: int) -> None:
    invoices = dynamo_invoices(moto)
    for _ in range(earlier):
        invoices.assign_number(a_bill(paid_at=year))
    mine, other = a_bill(paid_at=year), a_bill(paid_at=year)

    with hooked(invoices, "before-call.dynamodb.TransactWriteItems", numbered_meanwhile(moto, other)):
        invoices.assign_number(mine)

    assert places(invoices, [other, mine]) == [earlier + 1, earlier + 2]


def test_the_same_sale_numbered_meanwhile_keeps_its_number(moto: Dynamo, year: datetime) -> None:
    invoices, bill = dynamo_invoices(moto), a_bill(paid_at=year)

    with hooked(invoices, "before-call.dynamodb.TransactWriteItems", numbered_meanwhile(moto, bill)):
        numbered = invoices.assign_number(bill)

    assert numbered.place == 1
    assert places(invoices, [bill]) == [1]


def test_a_sale_has_one_invoice_also_if_the_counter_would_allow_two(moto: Dynamo, year: datetime) -> None:
    """The condition of the invoice alone, as two series would meet it."""
    invoices, bill = dynamo_invoices(moto), a_bill(paid_at=year)
    first = invoices.assign_number(bill)

    with pytest.raises(WriteConflict):
        invoices._put_and_advance_counter(first.place, [Invoice(bill, first.place + 1)])

    assert places(invoices, [bill]) == [1]
