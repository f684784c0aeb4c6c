"""Analytics: each event counts exactly once, whatever happens on its way; and the costs of counting."""

import random
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from benchmarks.budgets import EVENT_COUNTED
from chalicelib.application.consumers.analytics import CountEvent
from chalicelib.domain.analytics import BUCKET_LENGTH, COUNTERS, Tally, bucket_start, sum_tallies, tally_of
from chalicelib.domain.events import Event
from chalicelib.domain.ports import Analytics
from chalicelib.domain.refusals import BackendUnavailable
from chalicelib.infrastructure.dynamodb.connection import CONFLICT_ATTEMPTS, CONFLICT_FIRST_PAUSE_SECONDS
from chalicelib.infrastructure.dynamodb.events.analytics import SHARDS, DynamoAnalytics
from chalicelib.infrastructure.dynamodb.events.processed_events import REMEMBERED, DynamoProcessedEvents
from chalicelib.infrastructure.dynamodb.tables import SessionCountersBucketShardItem
from tests.builders import NOW
from tests.contract.conftest import Backend, Dynamo
from tests.facts import Facts
from tests.fakes import Crash, FakeAnalytics, MovableClock, crash, interposed, sent_twice
from tests.injected import CONFLICT, NOTHING_WRONG, Pauses, answering, cancelled, counting, error, hooked, unreachable

ALREADY_THERE = {"Code": "ConditionalCheckFailed"}
THROTTLED = {"Code": "ThrottlingError"}
HOLD = Tally(holds=1, seats_in_holds=2)


def dynamo_analytics(dynamo: Dynamo, pause: Callable[[float], None] = lambda _: None, **own: Any) -> DynamoAnalytics:
    processed_events = DynamoProcessedEvents(
        client=dynamo.client,
        table_name=f"{dynamo.prefix}-ledger",
        consumer="analytics",
        clock=MovableClock(NOW),
        sleep=pause,
    )
    return DynamoAnalytics(
        client=dynamo.client, table_name=f"{dynamo.prefix}-analytics", processed_events=processed_events, **own
    )


@pytest.fixture
def analytics(backend: Backend) -> Analytics:
    return dynamo_analytics(backend) if isinstance(backend, Dynamo) else FakeAnalytics()


@pytest.fixture
def session_id() -> str:
    return str(uuid.uuid4())


@pytest.fixture
def reservation(session_id: str) -> Facts:
    return Facts(session_id)


def counted(analytics: Analytics, session_id: str) -> Tally:
    return sum_tallies(analytics.read_tallies_by_bucket(session_id).values())


def a_history(session_id: str) -> list[Event]:
    """Makes twelve reservations of every status, over an hour."""
    events: list[Event] = []
    for number in range(12):
        reservation, at = Facts(session_id, (f"A{number + 1}",)), NOW + number * BUCKET_LENGTH
        status = (reservation.paid, reservation.expired, reservation.cancelled)[number % 3]
        events += [reservation.created(at), status(at + timedelta(seconds=30)), reservation.released(at)]
    return events


# Wherever it is counted.


def test_nothing_is_counted_of_a_screening_at_first(analytics: Analytics, session_id: str) -> None:
    assert analytics.read_tallies_by_bucket(session_id) == {}


def test_what_was_added_is_found_in_its_five_minutes(analytics: Analytics, session_id: str) -> None:
    tally = Tally(*range(1, 9))

    assert analytics.add_tally_once(f"event of {session_id}", session_id, bucket_start(NOW), tally)
    assert analytics.read_tallies_by_bucket(session_id) == {bucket_start(NOW): tally}


def test_events_of_the_same_five_minutes_add_up(analytics: Analytics, session_id: str) -> None:
    for number in range(5):
        analytics.add_tally_once(f"{number} of {session_id}", session_id, bucket_start(NOW), HOLD)

    assert analytics.read_tallies_by_bucket(session_id) == {bucket_start(NOW): Tally(holds=5, seats_in_holds=10)}


def test_the_same_event_five_times_counts_once(analytics: Analytics, reservation: Facts) -> None:
    for _ in range(5):
        CountEvent(analytics)(reservation.paid())

    assert counted(analytics, reservation.session_id) == tally_of(reservation.paid())


def test_an_event_that_was_added_before_adds_nothing(analytics: Analytics, session_id: str) -> None:
    analytics.add_tally_once(f"event of {session_id}", session_id, bucket_start(NOW), HOLD)

    assert not analytics.add_tally_once(f"event of {session_id}", session_id, bucket_start(NOW), HOLD)


def test_a_screening_has_its_own_numbers(analytics: Analytics, reservation: Facts) -> None:
    CountEvent(analytics)(reservation.created())
    CountEvent(analytics)(Facts(f"{reservation.session_id[:-1]}x").created())

    assert counted(analytics, reservation.session_id) == HOLD


def test_the_order_of_events_changes_no_number(analytics: Analytics) -> None:
    ordered, mixed = str(uuid.uuid4()), str(uuid.uuid4())
    for event in a_history(ordered):
        CountEvent(analytics)(event)
    for event in random.sample(a_history(mixed), k=36):
        CountEvent(analytics)(event)

    assert analytics.read_tallies_by_bucket(mixed) == analytics.read_tallies_by_bucket(ordered)
    assert counted(analytics, mixed) == Tally(
        holds=12,
        seats_in_holds=12,
        sales=4,
        seats_in_sales=4,
        revenue_cents=10_000,
        expiries=4,
        cancellations=4,
        seats_given_back=8,
    )


def test_a_crash_before_the_write_loses_nothing_when_the_event_comes_again(
    analytics: Analytics, reservation: Facts
) -> None:
    with pytest.raises(Crash):
        CountEvent(interposed(analytics, "add_tally_once", before=crash))(reservation.paid())
    CountEvent(analytics)(reservation.paid())

    assert counted(analytics, reservation.session_id) == tally_of(reservation.paid())


def test_a_crash_after_the_write_doubles_nothing_when_the_event_comes_again(
    analytics: Analytics, reservation: Facts
) -> None:
    with pytest.raises(Crash):
        CountEvent(interposed(analytics, "add_tally_once", after=crash))(reservation.paid())
    CountEvent(analytics)(reservation.paid())

    assert counted(analytics, reservation.session_id) == tally_of(reservation.paid())


def test_a_write_that_is_sent_twice_counts_once(analytics: Analytics, reservation: Facts) -> None:
    CountEvent(sent_twice(analytics, "add_tally_once"))(reservation.paid())

    assert counted(analytics, reservation.session_id) == tally_of(reservation.paid())


# What only DynamoDB has.


@pytest.mark.parametrize("page_items", [1, 2, 7, 1000])
def test_numbers_on_many_pages_are_read_to_the_last(dynamo: Dynamo, session_id: str, page_items: int) -> None:
    analytics = dynamo_analytics(dynamo, page_items=page_items)
    for number in range(7):
        analytics.add_tally_once(
            f"{number} of {session_id}", session_id, bucket_start(NOW) + number * BUCKET_LENGTH, HOLD
        )

    assert analytics.read_tallies_by_bucket(session_id) == {
        bucket_start(NOW) + number * BUCKET_LENGTH: HOLD for number in range(7)
    }


def test_many_events_at_once_are_spread_over_many_items(dynamo: Dynamo, session_id: str) -> None:
    analytics = dynamo_analytics(dynamo)
    for _ in range(SHARDS):
        CountEvent(analytics)(Facts(session_id).created())
    keys = {"KeyConditionExpression": "session_id = :s", "ExpressionAttributeValues": {":s": {"S": session_id}}}
    items = dynamo.client.query(TableName=analytics.table_name, ConsistentRead=True, **keys)["Items"]  # type: ignore[arg-type]

    assert SHARDS / 3 < len(items) <= SHARDS


def test_the_model_names_what_is_counted() -> None:
    assert set(SessionCountersBucketShardItem.get_attributes()) == {"session_id", "bucket", *COUNTERS}


def test_the_ledger_remembers_an_event_longer_than_any_queue(dynamo: Dynamo, reservation: Facts) -> None:
    CountEvent(dynamo_analytics(dynamo))(reservation.paid())
    key = {"id": {"S": f"analytics#PaymentConfirmed:{reservation.reservation_id}"}}

    item = dynamo.client.get_item(TableName=f"{dynamo.prefix}-ledger", Key=key)["Item"]

    assert item == {**key, "ttl": {"N": str(int((NOW + REMEMBERED).timestamp()))}}
    assert timedelta(days=4 + 14) < REMEMBERED


def test_another_consumers_entry_is_not_ours(dynamo: Dynamo, reservation: Facts) -> None:
    other = DynamoProcessedEvents(
        client=dynamo.client, table_name=f"{dynamo.prefix}-ledger", consumer="email", clock=MovableClock(NOW)
    )
    assert other.add_with_effects(reservation.created().id, [])

    assert dynamo_analytics(dynamo).add_tally_once(
        reservation.created().id, reservation.session_id, bucket_start(NOW), HOLD
    )


# Races, and costs, on an emulator that takes and reckons writes as DynamoDB does.


def test_two_hundred_events_with_duplicates_from_eight_threads_sum_up_exactly(
    emulated: Dynamo, session_id: str
) -> None:
    reservations = [Facts(session_id, ("A1", "A2")) for _ in range(80)]
    events = [reservation.created() for reservation in reservations] + [facts.paid() for facts in reservations]
    deliveries = events + random.sample(events, k=40)
    random.shuffle(deliveries)
    analytics = dynamo_analytics(emulated)

    with ThreadPoolExecutor(max_workers=8) as consumers:
        list(consumers.map(CountEvent(analytics), deliveries))

    assert len(deliveries) == 200
    assert counted(analytics, session_id) == Tally(
        holds=80, seats_in_holds=160, sales=80, seats_in_sales=160, revenue_cents=400_000
    )


def test_the_same_event_from_eight_threads_counts_once(emulated: Dynamo, reservation: Facts) -> None:
    analytics = dynamo_analytics(emulated)

    with ThreadPoolExecutor(max_workers=8) as consumers:
        list(consumers.map(CountEvent(analytics), [reservation.paid()] * 40))

    assert counted(analytics, reservation.session_id) == tally_of(reservation.paid())


def test_an_event_costs_four_write_units_the_first_time(emulated: Dynamo, reservation: Facts) -> None:
    with counting(emulated) as calls:
        CountEvent(dynamo_analytics(emulated))(reservation.paid())

    units = [call.write_units for call in calls]
    if units == [8]:
        pytest.skip("DynamoDB Local (1.25.1) reckons 4 units for each table of a transaction, whatever is in it")
    assert [call.operation for call in calls] == list(EVENT_COUNTED.calls)
    assert units == [EVENT_COUNTED.write_units]


# Faults, injected into the client.


def test_a_conflict_is_tried_again_until_it_is_over(moto: Dynamo, reservation: Facts) -> None:
    pauses = Pauses()
    analytics = dynamo_analytics(moto, pauses)

    with answering(
        moto, "TransactWriteItems", cancelled(NOTHING_WRONG, CONFLICT), cancelled(CONFLICT, CONFLICT)
    ) as scripted:
        CountEvent(analytics)(reservation.paid())

    assert counted(analytics, reservation.session_id) == tally_of(reservation.paid())
    assert scripted.calls == 3
    assert len(pauses.seconds) == 2
    assert all(0 <= pause <= CONFLICT_FIRST_PAUSE_SECONDS * 2**attempt for attempt, pause in enumerate(pauses.seconds))


def test_a_conflict_that_does_not_end_is_left_to_the_queue_which_delivers_again(
    moto: Dynamo, reservation: Facts
) -> None:
    pauses = Pauses()
    analytics = dynamo_analytics(moto, pauses)
    conflicts = [cancelled(NOTHING_WRONG, CONFLICT)] * CONFLICT_ATTEMPTS

    with answering(moto, "TransactWriteItems", *conflicts), pytest.raises(BackendUnavailable):
        CountEvent(analytics)(reservation.paid())
    assert len(pauses.seconds) == CONFLICT_ATTEMPTS - 1
    assert analytics.read_tallies_by_bucket(reservation.session_id) == {}

    CountEvent(analytics)(reservation.paid())
    assert counted(analytics, reservation.session_id) == tally_of(reservation.paid())


@pytest.mark.parametrize("beside", [ALREADY_THERE, THROTTLED], ids=["counted before", "throttled item"])
def test_nothing_is_concluded_from_what_stands_beside_a_conflict(moto: Dynamo, reservation: Facts, beside: Any) -> None:
    """The entry may belong to a transaction that is undone in the end: only a second read counts."""
    analytics = dynamo_analytics(moto)

    with answering(moto, "TransactWriteItems", cancelled(beside, CONFLICT)) as scripted:
        CountEvent(analytics)(reservation.paid())

    assert scripted.calls == 2
    assert counted(analytics, reservation.session_id) == tally_of(reservation.paid())


def test_a_duplicate_that_met_a_conflict_is_a_duplicate_all_the_same(moto: Dynamo, reservation: Facts) -> None:
    analytics = dynamo_analytics(moto)
    CountEvent(analytics)(reservation.paid())

    with answering(moto, "TransactWriteItems", cancelled(ALREADY_THERE, CONFLICT)) as scripted:
        CountEvent(analytics)(reservation.paid())

    assert scripted.calls == 2
    assert counted(analytics, reservation.session_id) == tally_of(reservation.paid())


@pytest.mark.parametrize(
    "answer",
    [
        cancelled(NOTHING_WRONG, THROTTLED),
        error("TransactionInProgressException"),
        error("ThrottlingException"),
    ],
    ids=["throttled item", "in progress", "throttled"],
)
def test_an_overloaded_table_is_left_to_the_queue(moto: Dynamo, reservation: Facts, answer: Any) -> None:
    analytics = dynamo_analytics(moto)

    with answering(moto, "TransactWriteItems", *[answer] * 3), pytest.raises(BackendUnavailable):
        CountEvent(analytics)(reservation.paid())
    CountEvent(analytics)(reservation.paid())

    assert counted(analytics, reservation.session_id) == tally_of(reservation.paid())


def test_a_mistake_of_ours_stays_loud(moto: Dynamo, session_id: str) -> None:
    with pytest.raises(moto.client.exceptions.ClientError):
        dynamo_analytics(moto).add_tally_once("", session_id, bucket_start(NOW), Tally())


def test_an_unreachable_table_is_left_to_the_queue(moto: Dynamo, reservation: Facts) -> None:
    count = CountEvent(dynamo_analytics(moto))

    with hooked(moto, "before-call.dynamodb.TransactWriteItems", unreachable), pytest.raises(BackendUnavailable):
        count(reservation.paid())


def test_numbers_that_cannot_be_read_are_an_outage(moto: Dynamo, session_id: str) -> None:
    analytics = dynamo_analytics(moto)

    with hooked(moto, "before-call.dynamodb.Query", unreachable), pytest.raises(BackendUnavailable):
        analytics.read_tallies_by_bucket(session_id)
