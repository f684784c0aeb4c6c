"""Putting a screening on the programme."""

from datetime import timedelta
from decimal import Decimal

from chalicelib.application.queries import ListSessions, ShowSession
from chalicelib.application.schedule import Schedule, ScheduleSession
from chalicelib.domain.sessions import Session
from tests.builders import NOW
from tests.fakes import FakeSessions, MovableClock, ReadableIds


def scheduled(sessions: FakeSessions, days_ahead: int = 1) -> Session:
    schedule = Schedule(sessions, MovableClock(NOW), ReadableIds())
    return schedule(ScheduleSession("Oppenheimer", NOW + timedelta(days_ahead), "A1", 16, 10, Decimal("25.00")))


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

    assert ListSessions(sessions)(None, 20, None).items == [session]
