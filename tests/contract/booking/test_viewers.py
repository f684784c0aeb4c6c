"""Viewers of screenings, by screening and by connection."""

import time
import uuid
from collections.abc import Iterator

import pytest

from chalicelib.domain.ports import ViewerRegistry
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.dynamodb.viewers import DynamoViewers
from tests.fakes import FakeViewers


@pytest.fixture(scope="module", params=["fake", "moto", "emulator"])
def viewers(request: pytest.FixtureRequest) -> Iterator[ViewerRegistry]:
    if request.param == "fake":
        yield FakeViewers()
    else:
        dynamo = request.getfixturevalue("moto" if request.param == "moto" else "emulated")
        yield DynamoViewers(client=dynamo.client, table_name=f"{dynamo.prefix}-viewers", clock=utc_now)


@pytest.fixture
def session_id() -> str:
    return str(uuid.uuid4())


def a_viewer() -> str:
    return f"viewer-{uuid.uuid4()}"


def test_nobody_looks_at_what_nobody_has_asked_for(viewers: ViewerRegistry, session_id: str) -> None:
    assert not viewers.viewers_of(session_id)


def test_all_who_look_at_a_screening_are_found_at_once(viewers: ViewerRegistry, session_id: str) -> None:
    watching = {a_viewer() for _ in range(3)}
    for viewer_id in watching:
        viewers.set_watched_session(viewer_id, session_id)
        viewers.set_watched_session(viewer_id, session_id)

    assert sorted(viewers.viewers_of(session_id)) == sorted(watching)


def test_who_looks_at_another_screening_is_not_found_at_the_first(viewers: ViewerRegistry, session_id: str) -> None:
    viewer_id, other = a_viewer(), str(uuid.uuid4())
    viewers.set_watched_session(viewer_id, session_id)
    _until_the_index_has(viewers, viewer_id)
    viewers.set_watched_session(viewer_id, other)

    assert not viewers.viewers_of(session_id)
    assert viewers.viewers_of(other) == [viewer_id]


def test_who_is_removed_is_not_found(viewers: ViewerRegistry, session_id: str) -> None:
    viewer_id, staying = a_viewer(), a_viewer()
    viewers.set_watched_session(viewer_id, session_id)
    viewers.set_watched_session(staying, session_id)
    _until_the_index_has(viewers, viewer_id)

    viewers.remove(viewer_id)
    viewers.remove(viewer_id)

    assert viewers.viewers_of(session_id) == [staying]


def _until_the_index_has(viewers: ViewerRegistry, viewer_id: str) -> None:
    deadline = time.monotonic() + 5
    while isinstance(viewers, DynamoViewers) and not viewers._query_sessions(viewer_id):
        assert time.monotonic() < deadline, "the index did not follow"
        time.sleep(0.05)


def test_viewers_are_counted_up_to_as_many_as_matter(viewers: ViewerRegistry, session_id: str) -> None:
    for _ in range(5):
        viewers.set_watched_session(a_viewer(), session_id)

    assert [viewers.count(session_id, most) for most in (3, 5, 1000)] == [3, 5, 5]
    assert viewers.count(str(uuid.uuid4()), 1000) == 0
