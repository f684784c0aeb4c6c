"""Putting a screening on the programme."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.application.queries import ListSessionsPage, ShowSession
from chalicelib.application.schedule import ScheduleSession, ScheduleSessionCommand
from chalicelib.domain.refusals import IdempotencyKeyReused, SessionNotFound
from chalicelib.domain.sessions import Session
from tests.builders import NOW
from tests.fakes import FakeSessions, MovableClock, ReadableIds

ORDERED = ScheduleSessionCommand("Oppenheimer", NOW + timedelta(1), "A1", 16, 10, Decimal("25.00"))


def scheduled(sessions: FakeSessions, days_ahead: int = 1) -> Session:
    schedule = ScheduleSession(sessions, MovableClock(NOW), ReadableIds())
    return schedule(replace(ORDERED, starts_at=NOW + timedelta(days_ahead)))


def test_a_scheduled_screening_is_found_as_it_was_ordered() -> None:
    sessions = FakeSessions()
    session = scheduled(sessions)

    assert ShowSession(sessions)(session.id) == session
    assert session == Session(
        session.id, "Oppenheimer", NOW + timedelta(1), "A1", 16, 10, Decimal("25.00"), created_at=NOW
    )


def test_a_scheduled_screening_is_on_the_programme() -> None:
    sessions = FakeSessions()
    session = scheduled(sessions)

    assert ListSessionsPage(sessions)(None, 20, None).items == [session]


@pytest.fixture
def sessions() -> FakeSessions:
    return FakeSessions()


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(NOW)


@pytest.fixture
def schedule(sessions: FakeSessions, clock: MovableClock) -> ScheduleSession:
    return ScheduleSession(sessions, clock, ReadableIds())


def test_the_same_order_with_the_same_key_is_one_screening(
    schedule: ScheduleSession, sessions: FakeSessions, clock: MovableClock
) -> None:
    keyed = replace(ORDERED, idempotency_key="k")
    first = schedule(keyed)
    clock.forward(hours=1)

    assert schedule(keyed) == first
    assert list(sessions.known.values()) == [first]


def test_without_a_key_the_same_order_is_another_screening(schedule: ScheduleSession) -> None:
    assert schedule(ORDERED).id != schedule(ORDERED).id


def test_an_order_that_comes_again_after_the_screening_was_cancelled_makes_none(
    schedule: ScheduleSession, sessions: FakeSessions
) -> None:
    keyed = replace(ORDERED, idempotency_key="k")
    first = schedule(keyed)
    cancelled = sessions.set_cancelled_at_for_display_if_unset(first.id, NOW)

    assert schedule(keyed) == cancelled
    assert sessions.known == {first.id: cancelled}


@pytest.mark.parametrize(
    "change",
    [
        {"movie_title": "Barbie"},
        {"starts_at": NOW},
        {"room": "A2"},
        {"total_seats": 17},
        {"seats_per_row": 9},
        {"ticket_price": Decimal("25.01")},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_key_that_comes_again_with_another_order_is_refused(
    schedule: ScheduleSession, sessions: FakeSessions, change: dict[str, Any]
) -> None:
    first = schedule(replace(ORDERED, idempotency_key="k"))

    with pytest.raises(IdempotencyKeyReused):
        schedule(replace(ORDERED, idempotency_key="k", **change))

    assert list(sessions.known.values()) == [first]


class LookedForTooEarly(FakeSessions):
    """Each asks before the other has written: neither finds anything."""

    def get(self, session_id: str) -> Session:
        raise SessionNotFound(session_id)


def test_twins_that_do_not_see_each_other_still_make_one_screening(clock: MovableClock) -> None:
    sessions = LookedForTooEarly()
    schedule = ScheduleSession(sessions, clock, ReadableIds())
    first = schedule(replace(ORDERED, idempotency_key="k"))
    clock.forward(seconds=1)

    assert schedule(replace(ORDERED, idempotency_key="k")) == first
    with pytest.raises(IdempotencyKeyReused):
        schedule(replace(ORDERED, idempotency_key="k", room="B2"))
