"""Numbers without a gap or a repeat: of webhook events and of invoices, one by one and for a whole batch."""

import contextlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from itertools import count
from time import perf_counter
from typing import Any, TypeVar

from benchmarks.frame.pairs import interleave, ratio
from benchmarks.frame.run import Run
from benchmarks.frame.system import PREFIX, run_tables
from chalicelib.domain.consumers import CONSUMERS, INVOICES, NOTIFICATION
from chalicelib.domain.events import Event, EventType
from chalicelib.domain.invoices import Bill
from chalicelib.domain.refusals import BackendUnavailable
from chalicelib.infrastructure.dynamodb import connection
from chalicelib.infrastructure.dynamodb.events.invoices import DynamoInvoices
from chalicelib.infrastructure.dynamodb.events.notifications import DynamoNotifications
from chalicelib.infrastructure.ids import RandomOrDerivedIds

T = TypeVar("T")

ROUNDS = 8
WORKERS = 5
NUMBERS = 40
"""How many numbers each path gives in a round."""
BATCH = {each.queue: each.batch_size for each in CONSUMERS}
YEAR = datetime(2044, 1, 1, tzinfo=UTC)

series = count(1000)
ids = RandomOrDerivedIds(b"of no use to anybody")


def measure(run: Run) -> None:
    with run_tables(run.scratch), contextlib.closing(connection.new_dynamodb_client()) as client:
        notifications = DynamoNotifications(client, f"{PREFIX}-notifications")
        invoices = DynamoInvoices(client, f"{PREFIX}-invoices")
        count_units(run, client, notifications, invoices)
        measure_numbering(
            run, "webhook numbers", new_events, notifications.assign_numbers_in_session, BATCH[NOTIFICATION]
        )
        measure_numbering(run, "invoices", new_bills, invoices.assign_numbers_in_one_series, BATCH[INVOICES])


def count_units(run: Run, client: Any, notifications: DynamoNotifications, invoices: DynamoInvoices) -> None:
    """Counts the write units that the emulator reckons for each number of a full batch."""
    events, bills = new_events(BATCH[NOTIFICATION]), new_bills(BATCH[INVOICES])
    spent = units_of(client, lambda: notifications.assign_numbers_in_session(events))
    run.record("transactions of a webhook number", len(spent) / len(events))
    run.record("units of a webhook number", sum(spent) / len(events))
    spent = units_of(client, lambda: invoices.assign_numbers_in_one_series(bills))
    run.record("transactions of an invoice", len(spent) / len(bills))
    run.record("units of an invoice", sum(spent) / len(bills))


def units_of(client: Any, act: Callable[[], object]) -> Sequence[float]:
    """Gives the write units of each of an act's transactions."""
    units: list[float] = []

    def ask_for_units(params: dict[str, Any], **_: object) -> None:
        params["ReturnConsumedCapacity"] = "TOTAL"

    def note_units(parsed: dict[str, Any], **_: object) -> None:
        units.extend(each["CapacityUnits"] for each in parsed.get("ConsumedCapacity", ()))

    hooks: Mapping[str, Callable[..., None]] = {
        "provide-client-params.dynamodb.TransactWriteItems": ask_for_units,
        "after-call.dynamodb.TransactWriteItems": note_units,
    }
    for event, hook in hooks.items():
        client.meta.events.register(event, hook)
    act()
    for event, hook in hooks.items():
        client.meta.events.unregister(event, hook)
    return units


def measure_numbering(
    run: Run, figure: str, make: Callable[[int], Sequence[T]], assign: Callable[[Sequence[T]], object], batch: int
) -> None:
    """Compares batches as large as the queue's with numbers that are given one by one: by one worker, and in a rush of
    WORKERS, who meet at one counter."""
    for rush, workers in (("", 1), (", rush", WORKERS)):
        run.say(f"{figure}: {batch} in a batch, {workers} at work")
        paths = {
            "one by one": lambda workers=workers: number(make(NUMBERS), assign, 1, workers),
            "batches": lambda workers=workers: number(make(NUMBERS * workers), assign, batch, workers),
        }
        samples = interleave(paths, rounds=ROUNDS, seconds_left=run.seconds_left, clock=perf_counter)
        alone, together = samples["one by one"], [seconds / workers for seconds in samples["batches"]]
        rates = f"at best {NUMBERS / min(alone):.0f} and {NUMBERS / min(together):.0f} a second here"
        run.record(f"{figure}{rush}", ratio(alone, together), samples=samples, note=rates)


def number(items: Sequence[T], assign: Callable[[Sequence[T]], object], batch: int, workers: int = 1) -> None:
    """Has all items numbered, and again after each outage, as the queue does."""
    batches = [items[start : start + batch] for start in range(0, len(items), batch)]
    with ThreadPoolExecutor(workers) as threads:
        list(threads.map(partial(number_stubbornly, assign), batches))


def number_stubbornly(assign: Callable[[Sequence[T]], object], items: Sequence[T]) -> None:
    while True:
        try:
            assign(items)
        except BackendUnavailable:
            continue
        return


def new_events(how_many: int) -> Sequence[Event]:
    """Makes events of a new screening."""
    session_id = str(uuid.uuid4())
    return [new_event(session_id) for _ in range(how_many)]


def new_event(session_id: str) -> Event:
    reservation_id = ids.reservation_id("user-1", None)
    return Event(
        id=f"{EventType.RESERVATION_CREATED}:{reservation_id}",
        type=EventType.RESERVATION_CREATED,
        occurred_at=YEAR,
        session_id=session_id,
        reservation_id=reservation_id,
        seats=("A1", "A2"),
        data={"amountCents": 5000, "expiresAtMs": 1_708_023_600_000},
    )


def new_bills(how_many: int) -> Sequence[Bill]:
    """Makes the bills of sales in a year of their own."""
    paid_at = YEAR.replace(year=next(series))
    return [new_bill(paid_at) for _ in range(how_many)]


def new_bill(paid_at: datetime) -> Bill:
    return Bill(
        reservation_id=ids.reservation_id("user-1", None),
        sale_id="sale-9f2c8a31",
        user_id="user-1",
        movie_title="Oppenheimer",
        room="A1",
        starts_at=YEAR,
        seats=("A1", "A2"),
        unit_price=Decimal("25.00"),
        amount=Decimal("50.00"),
        payment_method="credit_card",
        transaction_id="tx-456",
        paid_at=paid_at,
        seller=("Cinema Tickets", "1 Main Street", "São Paulo"),
    )
