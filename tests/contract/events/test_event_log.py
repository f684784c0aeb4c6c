"""The event log: each event once, in order, in pages."""

import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest

from chalicelib.domain.events import Event
from chalicelib.domain.ports import EventLog
from chalicelib.domain.refusals import CursorInvalid
from chalicelib.infrastructure.dynamodb.events.event_log import DynamoEventLog
from tests.builders import NOW, an_event
from tests.fakes import FakeEventLog


@pytest.fixture(scope="module", params=["fake", "moto", "emulator"])
def log(request: pytest.FixtureRequest) -> Iterator[EventLog]:
    if request.param == "fake":
        yield FakeEventLog()
    else:
        dynamo = request.getfixturevalue("moto" if request.param == "moto" else "emulated")
        yield DynamoEventLog(dynamo.client, f"{dynamo.prefix}-events")


@pytest.fixture
def session_id() -> str:
    return str(uuid.uuid4())


def all_of(log: EventLog, session_id: str, limit: int = 100) -> list[Event]:
    found: list[Event] = []
    cursor: str | None = None
    while True:
        page = log.list_events(session_id, limit, cursor)
        found += page.items
        cursor = page.cursor
        if cursor is None:
            return found


def test_events_are_listed_by_their_moment_whatever_order_they_came_in(log: EventLog, session_id: str) -> None:
    events = [an_event(f"e-{n}", NOW + timedelta(milliseconds=n), session_id) for n in range(5)]

    for event in (events[3], events[0], events[4], events[2], events[1]):
        log.append(event)

    assert all_of(log, session_id) == events


def test_an_event_that_comes_twice_is_there_once(log: EventLog, session_id: str) -> None:
    event = an_event("e-1", session_id=session_id)

    log.append(event)
    log.append(event)

    assert all_of(log, session_id) == [event]


def test_two_events_of_one_moment_are_both_there(log: EventLog, session_id: str) -> None:
    events = [an_event(f"e-{n}", session_id=session_id) for n in range(2)]

    for event in events:
        log.append(event)

    assert all_of(log, session_id) == events


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
def test_pages_together_have_each_event_once(log: EventLog, session_id: str, limit: int) -> None:
    events = [an_event(f"e-{n}", NOW + timedelta(seconds=n // 2), session_id) for n in range(7)]
    for event in events:
        log.append(event)

    assert all_of(log, session_id, limit) == events


def test_another_screening_has_its_own_log(log: EventLog, session_id: str) -> None:
    log.append(an_event("e-1", session_id=f"other-{session_id}"))

    assert all_of(log, session_id) == []


def test_a_made_up_cursor_is_refused(log: EventLog, session_id: str) -> None:
    with pytest.raises(CursorInvalid):
        log.list_events(session_id, 10, "made up")
