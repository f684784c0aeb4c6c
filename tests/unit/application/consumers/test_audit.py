"""The audit log, as use cases write and read it."""

from datetime import timedelta

import pytest

from chalicelib.application.consumers.audit import ListEventsPage, RecordEvent
from chalicelib.domain.refusals import SessionNotFound
from tests.builders import NOW, Cinema, an_event
from tests.fakes import FakeEventLog


def test_events_of_one_session_are_listed_page_by_page_oldest_first() -> None:
    cinema, log = Cinema(), FakeEventLog()
    session_id = cinema.session.id
    events = [an_event(f"e-{number}", NOW + timedelta(seconds=number), session_id) for number in range(3)]
    for event in [*reversed(events), events[0], an_event("of another", NOW, "another session")]:
        RecordEvent(log)(event)
    list_events = ListEventsPage(cinema.sessions, log)

    first = list_events(session_id, 2, None)
    second = list_events(session_id, 2, first.cursor)

    assert ([*first.items], [*second.items]) == (events[:2], events[2:])
    assert second.cursor is None


def test_an_unknown_session_has_no_list() -> None:
    with pytest.raises(SessionNotFound):
        ListEventsPage(Cinema().sessions, FakeEventLog())("no such session", 10, None)
