"""Screenings, as every use case may rely on them, wherever they are kept."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import randrange
from typing import cast

import pytest

from chalicelib.domain.refusals import BackendUnavailable, CursorInvalid, SessionNotFound
from chalicelib.domain.sessions import Session
from chalicelib.infrastructure.dynamodb.cursors import to_cursor
from chalicelib.infrastructure.dynamodb.sessions import PROGRAMME_SECONDS, DynamoSessions
from chalicelib.infrastructure.ttl_cache import TtlCache
from tests.builders import NOW, a_hold, a_session
from tests.contract.conftest import Backend, Dynamo
from tests.fakes import Ticks
from tests.injected import CONFLICT, Pauses, answering, cancelled, counting, hooked, unreachable

AN_HOUR = timedelta(hours=1)


@pytest.fixture
def far_future() -> datetime:
    """Gives a moment at which no other test's screening starts: all are in the same programme."""
    return datetime(3000, 1, 1, tzinfo=UTC) + timedelta(seconds=randrange(10**11))


def added(backend: Backend, *starts: datetime) -> list[Session]:
    sessions = [a_session(starts_at=start) for start in starts]
    for session in sessions:
        backend.sessions.get_or_add_with_rows(session)
    return sessions


def walked(backend: Backend, starting_from: datetime, limit: int) -> list[list[Session]]:
    """Reads the pages from a moment on, to the last."""
    pages: list[list[Session]] = []
    cursor = None
    while cursor or not pages:
        page = backend.sessions.list_by_start(starting_from, limit, cursor)
        pages.append(list(page.items))
        cursor = page.cursor
    return pages


def test_an_added_screening_is_found_as_it_is(backend: Backend, session: Session) -> None:
    assert backend.sessions.get(session.id) == session


def test_adding_again_replaces_nothing_and_gives_what_is_stored(backend: Backend, session: Session) -> None:
    hold = a_hold("A1", session=session)
    backend.rows.hold(hold, NOW)
    cancelled = backend.sessions.set_cancelled_at_for_display_if_unset(session.id, NOW)

    assert backend.sessions.get_or_add_with_rows(replace(session, created_at=NOW + AN_HOUR)) == cancelled
    assert backend.rows.read_entries_with_lapsed_or_raise_if_cancelled(session).keys() == {"A1"}
    assert backend.sessions.get(session.id) == cancelled


def test_what_died_after_some_rows_is_finished_by_who_comes_again(dynamo: Dynamo) -> None:
    smaller = a_session(total_seats=30, seats_per_row=10)
    with hooked(dynamo, "before-call.dynamodb.PutItem", unreachable), pytest.raises(BackendUnavailable):
        dynamo.sessions.get_or_add_with_rows(smaller)
    whole = replace(smaller, total_seats=50)

    assert dynamo.sessions.get_or_add_with_rows(whole) == whole
    dynamo.rows.hold(a_hold("A1", "E10", session=whole), NOW)


def test_a_hall_may_have_as_many_rows_as_seats(dynamo: Dynamo) -> None:
    session = a_session(total_seats=201, seats_per_row=1)

    with counting(dynamo) as calls:
        dynamo.sessions.get_or_add_with_rows(session)

    assert [call.operation for call in calls] == [*["TransactWriteItems"] * 3, "PutItem"]
    dynamo.rows.hold(a_hold("A1", "CV1", "GS1", session=session), NOW)


def test_a_conflict_with_a_twin_is_tried_again_before_anything_is_concluded(moto: Dynamo) -> None:
    session, pauses = a_session(), Pauses()
    there = {"Code": "ConditionalCheckFailed"}

    with answering(moto, "TransactWriteItems", cancelled(CONFLICT, CONFLICT), cancelled(there, CONFLICT), None):
        stored = replace(cast(DynamoSessions, moto.sessions), sleep=pauses).get_or_add_with_rows(session)

    assert stored == session
    assert len(pauses.seconds) == 1
    assert moto.client.get_item(TableName=moto.rows_table, Key={"id": {"S": f"{session.id}#B"}})["Item"]


@pytest.mark.parametrize("session_id", ["", "no such session", "550e8400-e29b-41d4-a716-446655440000", "x" * 3000])
def test_an_unknown_screening_is_not_found(backend: Backend, session_id: str) -> None:
    with pytest.raises(SessionNotFound) as refused:
        backend.sessions.get(session_id)

    assert refused.value.session_id == session_id


def test_a_screening_is_cancelled_once(backend: Backend, session: Session) -> None:
    cancelled = backend.sessions.set_cancelled_at_for_display_if_unset(session.id, NOW)

    assert backend.sessions.set_cancelled_at_for_display_if_unset(session.id, NOW + AN_HOUR) == cancelled


def test_cancelling_makes_no_screening(backend: Backend) -> None:
    with pytest.raises(SessionNotFound):
        backend.sessions.set_cancelled_at_for_display_if_unset(a_session().id, NOW)


def test_the_seats_of_a_new_screening_are_all_free(backend: Backend, session: Session) -> None:
    assert backend.rows.read_entries_with_lapsed_or_raise_if_cancelled(session) == {}


def test_the_programme_is_in_the_order_of_starts(backend: Backend, far_future: datetime) -> None:
    third, first, second = added(backend, far_future + 2 * AN_HOUR, far_future, far_future + AN_HOUR)

    assert backend.sessions.list_by_start(far_future, 3, None).items == [first, second, third]


def test_the_programme_begins_with_what_starts_at_the_moment_asked_for(backend: Backend, far_future: datetime) -> None:
    _, second = added(backend, far_future, far_future + AN_HOUR)

    assert backend.sessions.list_by_start(far_future + AN_HOUR, 1, None).items == [second]


def test_a_millisecond_later_it_is_past(backend: Backend, far_future: datetime) -> None:
    _, second = added(backend, far_future, far_future + AN_HOUR)

    assert backend.sessions.list_by_start(far_future + timedelta(milliseconds=1), 1, None).items == [second]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 100])
def test_all_pages_together_name_each_screening_once_though_some_start_together(
    backend: Backend, far_future: datetime, limit: int
) -> None:
    sessions = added(backend, far_future, far_future, far_future, far_future + AN_HOUR)

    pages = walked(backend, far_future, limit)

    listed = [session for page in pages for session in page if session in sessions]
    assert sorted(listed, key=lambda session: session.id) == sorted(sessions, key=lambda session: session.id)
    assert listed[-1] == sessions[-1]
    assert all(len(page) == limit for page in pages[:-1])


def test_the_programme_may_be_asked_for_from_its_beginning(backend: Backend, session: Session) -> None:
    page = backend.sessions.list_by_start(None, 1, None)

    assert len(page.items) == 1
    assert page.items[0].starts_at <= session.starts_at


@pytest.mark.parametrize("cursor", ["x", to_cursor(["one part"]), to_cursor(["three", "parts", "here"])])
def test_a_cursor_that_is_none_of_ours_is_refused(backend: Backend, cursor: str) -> None:
    with pytest.raises(CursorInvalid):
        backend.sessions.list_by_start(None, 1, cursor)


def test_a_cursor_from_before_the_moment_asked_for_is_refused(backend: Backend, far_future: datetime) -> None:
    added(backend, far_future, far_future + AN_HOUR)
    cursor = backend.sessions.list_by_start(far_future, 1, None).cursor

    with pytest.raises(CursorInvalid):
        backend.sessions.list_by_start(far_future + AN_HOUR, 1, cursor)


def test_a_made_up_cursor_of_the_right_form_does_no_harm(backend: Backend, far_future: datetime) -> None:
    (session,) = added(backend, far_future)
    before = to_cursor([f"{far_future.year - 1}-12-31T23:59:59.999Z", "made up"])

    assert backend.sessions.list_by_start(None, 1, before).items[0].starts_at <= session.starts_at


# Kept for a second.


def programme_of(sessions: DynamoSessions, session: Session) -> list[Session]:
    """The screenings that start when this one does."""
    return [one for one in sessions.list_by_start(session.starts_at, 10, None).items if one.id == session.id]


def test_a_page_of_the_programme_is_read_once_a_second(dynamo: Dynamo, far_future: datetime) -> None:
    ticks = Ticks()
    ours = DynamoSessions(dynamo.client, f"{dynamo.prefix}-sessions", pages=TtlCache(PROGRAMME_SECONDS, seconds=ticks))
    session = a_session(starts_at=far_future)
    assert programme_of(ours, session) == []
    dynamo.sessions.get_or_add_with_rows(session)

    ticks.now = 0.999
    assert programme_of(ours, session) == [], "another instance shows it within a second"
    ticks.now = 1.0
    assert programme_of(ours, session) == [session]


def test_each_question_has_a_page_of_its_own(dynamo: Dynamo, far_future: datetime) -> None:
    ours = DynamoSessions(dynamo.client, f"{dynamo.prefix}-sessions", pages=TtlCache(3600.0, max_entries=2))
    session = a_session(starts_at=far_future)
    ours.get_or_add_with_rows(session)
    assert programme_of(ours, session) == [session]

    later = ours.list_by_start(far_future + timedelta(milliseconds=1), 10, None)

    assert session.id not in {one.id for one in later.items}


def test_who_schedules_or_cancels_sees_it_in_the_programme_at_once(dynamo: Dynamo, far_future: datetime) -> None:
    ours = DynamoSessions(dynamo.client, f"{dynamo.prefix}-sessions", pages=TtlCache(3600.0))
    session = a_session(starts_at=far_future)
    programme_of(ours, session)
    ours.get_or_add_with_rows(session)
    assert programme_of(ours, session) == [session]

    ours.set_cancelled_at_for_display_if_unset(session.id, NOW)
    assert [one.cancelled_at for one in programme_of(ours, session)] == [NOW]
