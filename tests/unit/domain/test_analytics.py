"""What counts as what, and what the numbers of a screening say."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as some

from chalicelib.application.consumers.analytics import CountEvent, SessionAnalytics, ShowAnalytics
from chalicelib.domain.analytics import BUCKET_LENGTH, EMPTY_TALLY, Tally, bucket_start, tally_of
from chalicelib.domain.events import Event, EventType, UnreadableMessage
from chalicelib.domain.refusals import SessionNotFound
from chalicelib.infrastructure.dynamodb.events.analytics import SHARDS, shard_of
from tests.builders import NOW, a_session
from tests.facts import Facts
from tests.fakes import FakeAnalytics, FakeSessions, MovableClock

SESSION = a_session(total_seats=16)
BEFORE_MIDNIGHT = datetime(2024, 2, 15, 23, 58, tzinfo=UTC)
AFTER_MIDNIGHT = BEFORE_MIDNIGHT + timedelta(minutes=3)


def shown(*events: Event) -> SessionAnalytics:
    """The numbers of SESSION after these events."""
    analytics = FakeAnalytics()
    for event in events:
        CountEvent(analytics)(event)
    return ShowAnalytics(FakeSessions({SESSION.id: SESSION}), analytics, MovableClock(NOW))(SESSION.id)


def a_reservation(*seats: str) -> Facts:
    return Facts(SESSION.id, seats or ("A1", "A2"))


def test_a_hold_counts_as_one_with_its_seats() -> None:
    assert tally_of(a_reservation("A1", "A2", "A3").created()) == Tally(holds=1, seats_in_holds=3)


def test_a_sale_counts_with_its_seats_and_its_amount() -> None:
    assert tally_of(a_reservation("A1", "A2").paid()) == Tally(sales=1, seats_in_sales=2, revenue_cents=5000)


def test_an_expiry_and_a_cancellation_give_the_seats_back() -> None:
    assert tally_of(a_reservation("A1", "A2").expired()) == Tally(expiries=1, seats_given_back=2)
    assert tally_of(a_reservation("A1").cancelled()) == Tally(cancellations=1, seats_given_back=1)


def test_a_refund_counts_with_its_amount_and_takes_from_the_revenue_only_what_was_in_it() -> None:
    facts = a_reservation("A1", "A2")
    of_a_sale = facts.event(EventType.REFUND_COMPLETED, NOW, {"amountCents": 5000, "saleId": "sale-1"})
    for_nothing = facts.event(EventType.REFUND_COMPLETED, NOW, {"amountCents": 5000})

    assert tally_of(of_a_sale) == Tally(refunds=1, refunded_cents=5000, refunded_revenue_cents=5000)
    assert tally_of(for_nothing) == Tally(refunds=1, refunded_cents=5000)
    assert (tally_of(facts.paid()) + tally_of(of_a_sale)).net_revenue == 0
    assert (tally_of(facts.paid()) + tally_of(for_nothing)).net_revenue == 50
    assert (tally_of(facts.paid()) + tally_of(of_a_sale)).gross_revenue == 50, "revenue is what was sold"


def test_released_seats_are_accepted_and_change_no_number() -> None:
    analytics = FakeAnalytics()

    CountEvent(analytics)(a_reservation().released())

    assert analytics.added == {}


@pytest.mark.parametrize("kind", list(EventType))
def test_no_kind_of_event_is_unknown_to_the_numbers(kind: EventType) -> None:
    assert isinstance(tally_of(a_reservation().event(kind, NOW, {"amountCents": 1})), Tally)


@pytest.mark.parametrize("data", [{}, {"amountCents": "50"}])
def test_a_sale_without_its_amount_is_not_counted(data: dict[str, str | int]) -> None:
    with pytest.raises(UnreadableMessage, match="amountCents"):
        shown(a_reservation().event(EventType.PAYMENT_CONFIRMED, NOW, data))


def test_totals_sum_up_what_happened() -> None:
    bought, lapsed, given_up = a_reservation("A1", "A2"), a_reservation("A3"), a_reservation("A4")

    numbers = shown(
        bought.created(), lapsed.created(), given_up.created(), bought.paid(), lapsed.expired(), given_up.cancelled()
    )

    assert numbers.total == Tally(
        holds=3,
        seats_in_holds=4,
        sales=1,
        seats_in_sales=2,
        revenue_cents=5000,
        expiries=1,
        cancellations=1,
        seats_given_back=2,
    )
    assert numbers.total.gross_revenue == Decimal("50.00")
    assert numbers.total.held_seats == 0
    assert numbers.occupancy_rate == Decimal("0.125")
    assert numbers.total.conversion_rate == Decimal(1) / 3


def test_without_holds_there_is_no_conversion() -> None:
    assert shown().total.conversion_rate is None
    assert shown().occupancy_rate == 0


def test_a_screening_of_which_nothing_was_counted_has_no_days_and_no_moments() -> None:
    numbers = shown()

    assert (numbers.total, numbers.by_day, numbers.running_totals) == (EMPTY_TALLY, (), ())


def test_the_numbers_of_an_unknown_screening_are_not_found() -> None:
    with pytest.raises(SessionNotFound):
        ShowAnalytics(FakeSessions(), FakeAnalytics(), MovableClock(NOW))("no such session")


def test_the_numbers_say_when_they_were_read() -> None:
    assert shown().as_of == NOW


def test_events_of_other_screenings_are_not_in_the_numbers() -> None:
    assert shown(Facts("another screening").created()).total == EMPTY_TALLY


def test_days_are_utc_days() -> None:
    reservation = a_reservation()

    numbers = shown(reservation.created(BEFORE_MIDNIGHT), reservation.paid(AFTER_MIDNIGHT))

    assert numbers.by_day == (
        (date(2024, 2, 15), Tally(holds=1, seats_in_holds=2)),
        (date(2024, 2, 16), Tally(sales=1, seats_in_sales=2, revenue_cents=5000)),
    )


def test_occupancy_over_time_says_what_there_was_in_all_at_the_end_of_each_five_minutes() -> None:
    bought, lapsed = a_reservation("A1", "A2"), a_reservation("A3")
    start = datetime(2024, 2, 15, 18, 0, tzinfo=UTC)

    numbers = shown(
        bought.created(start),
        lapsed.created(start + BUCKET_LENGTH),
        bought.paid(start + BUCKET_LENGTH),
        lapsed.expired(start + 5 * BUCKET_LENGTH),
    )

    moments = [(at, tally.seats_in_sales, tally.held_seats) for at, tally in numbers.running_totals]
    assert moments == [(start, 0, 2), (start + BUCKET_LENGTH, 2, 1), (start + 5 * BUCKET_LENGTH, 2, 0)]


def test_a_sale_that_was_counted_before_its_hold_makes_no_seats_negative() -> None:
    assert shown(a_reservation().paid()).total.held_seats == 0


@pytest.mark.parametrize(
    ("moment", "bucket"),
    [("18:00:00.000", "18:00"), ("18:04:59.999", "18:00"), ("18:05:00.000", "18:05"), ("23:59:59.999", "23:55")],
)
def test_a_moment_is_in_the_five_minutes_that_begin_at_or_before_it(moment: str, bucket: str) -> None:
    assert bucket_start(datetime.fromisoformat(f"2024-02-15T{moment}Z")) == datetime.fromisoformat(
        f"2024-02-15T{bucket}Z"
    )


def history() -> list[Event]:
    """Every kind of event, on two days."""
    bought, lapsed, given_up = a_reservation("A1", "A2"), a_reservation("A3"), a_reservation("B1")
    return [
        bought.created(BEFORE_MIDNIGHT),
        lapsed.created(BEFORE_MIDNIGHT + BUCKET_LENGTH),
        given_up.created(AFTER_MIDNIGHT),
        bought.paid(AFTER_MIDNIGHT),
        lapsed.expired(AFTER_MIDNIGHT + BUCKET_LENGTH),
        lapsed.released(AFTER_MIDNIGHT + BUCKET_LENGTH),
        given_up.cancelled(AFTER_MIDNIGHT + 2 * BUCKET_LENGTH),
    ]


HISTORY = history()


@given(some.permutations(HISTORY), some.lists(some.sampled_from(HISTORY)))
def test_order_and_repetition_change_no_number(events: list[Event], again: list[Event]) -> None:
    assert shown(*events, *again) == shown(*HISTORY)


def test_events_are_spread_evenly_over_the_shards() -> None:
    counts = [0] * SHARDS
    for number in range(100 * SHARDS):
        counts[shard_of(f"ReservationCreated:res-{number}")] += 1

    assert 50 < min(counts) <= max(counts) < 200
