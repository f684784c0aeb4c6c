"""Who is shown what while seats change."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from chalicelib.application.live import (
    ROWS_PER_MESSAGE,
    SHOWING_TIME,
    SendRowChangesWithinTimeLimit,
    StopWatchingSession,
    SwitchWatchedSessionUnlessFull,
)
from chalicelib.domain.live import RowState
from chalicelib.domain.refusals import SessionNotFound
from chalicelib.domain.reservations import HeldSeat, SoldSeat
from chalicelib.settings import MAX_LIVE_VIEWERS, SETTINGS
from infra.cloud.functions import TIMEOUT_SECONDS
from tests.builders import NOW, a_session
from tests.fakes import FakeConnections, FakeSessions, FakeViewers, MovableClock, interposed

HELD = HeldSeat("res-1", NOW + timedelta(seconds=30))


def a_row(row: str = "A", version: int = 1, session_id: str = "s", **seats: HeldSeat | SoldSeat) -> RowState:
    return RowState(session_id, row, version, seats)


def as_text(rows: Sequence[RowState]) -> str:
    return " ".join(f"{row.row}{row.version}{sorted(row.occupancy)}" for row in rows)


def shown(*states: RowState, viewers: dict[str, str], gone: set[str] | None = None) -> dict[str, list[str]]:
    """What each viewer sees of these states."""
    screens = FakeConnections(gone or set())
    SendRowChangesWithinTimeLimit(FakeViewers(viewers), screens, MovableClock(NOW))(states, as_text)
    return dict(screens.shown)


def test_a_change_is_shown_to_those_who_look_at_its_screening() -> None:
    change = a_row(A1=HELD)

    assert shown(change, viewers={"one": "s", "two": "s", "other": "t"}) == {"one": ["A1['A1']"], "two": ["A1['A1']"]}


def test_of_each_row_only_its_last_state_is_shown_whatever_order_they_came_in() -> None:
    states = a_row(version=2, A1=HELD), a_row(version=3), a_row(version=1), a_row("B", 7)

    assert shown(*states, viewers={"one": "s"}) == {"one": ["A3[] B7[]"]}


def test_a_hold_that_has_lapsed_meanwhile_is_not_shown() -> None:
    assert shown(a_row(A1=HeldSeat("res-1", NOW), A2=HELD, A3=SoldSeat("r", "s")), viewers={"one": "s"}) == {
        "one": ["A1['A2', 'A3']"]
    }


def test_many_rows_come_in_messages_that_fit_a_frame() -> None:
    rows = [a_row(chr(ord("A") + number)) for number in range(2 * ROWS_PER_MESSAGE + 1)]

    assert [len(message.split(" ")) for message in shown(*rows, viewers={"one": "s"})["one"]] == [8, 8, 1]


def test_who_is_gone_is_forgotten_and_the_others_are_shown_everything() -> None:
    viewers = FakeViewers({"one": "s", "gone": "s"})
    screens = FakeConnections({"gone"})
    rows = [a_row(chr(ord("A") + number)) for number in range(ROWS_PER_MESSAGE + 1)]

    SendRowChangesWithinTimeLimit(viewers, screens, MovableClock(NOW))(rows, as_text)

    assert viewers.watched == {"one": "s"}
    assert len(screens.shown["one"]) == 2


def test_a_viewer_looks_at_one_screening_at_a_time() -> None:
    one, other = a_session(), a_session()
    viewers = FakeViewers()
    watch = SwitchWatchedSessionUnlessFull(FakeSessions({one.id: one, other.id: other}), viewers, most_viewers=10)

    watch("viewer", one.id)
    watch("viewer", other.id)

    assert viewers.watched == {"viewer": other.id}


def test_an_unknown_screening_can_not_be_watched() -> None:
    viewers = FakeViewers()

    with pytest.raises(SessionNotFound):
        SwitchWatchedSessionUnlessFull(FakeSessions(), viewers, most_viewers=10)("viewer", "unknown")
    assert not viewers.watched


def test_who_leaves_is_shown_nothing_more() -> None:
    viewers = FakeViewers({"one": "s"})

    StopWatchingSession(viewers)("one")
    StopWatchingSession(viewers)("one")

    assert not viewers.watched


# More viewers, or more changes, than can be sent in time.


def test_a_screening_that_has_its_most_viewers_takes_one_more_when_one_has_left() -> None:
    session = a_session()
    viewers = FakeViewers()
    watch = SwitchWatchedSessionUnlessFull(FakeSessions({session.id: session}), viewers, most_viewers=2)

    assert [watch(viewer, session.id) for viewer in ("one", "two", "three")] == [True, True, False]
    assert viewers.viewers_of(session.id) == ["one", "two"]
    StopWatchingSession(viewers)("one")
    assert watch("three", session.id)


def test_a_batch_that_takes_too_long_drops_its_rest_before_the_function_is_stopped() -> None:
    clock = MovableClock(NOW)
    screens = interposed(FakeConnections(), "send_and_list_gone", after=lambda: clock.forward(seconds=7))
    rows = [a_row(chr(ord("A") + number)) for number in range(26)]

    SendRowChangesWithinTimeLimit(FakeViewers({"one": "s"}), screens, clock)(rows, as_text)

    assert screens.seconds == [20, 13, 6], "three messages of four: the fourth would begin after 21 s"
    assert len(screens.shown["one"]) == 3
    assert SHOWING_TIME + timedelta(seconds=5) < timedelta(seconds=TIMEOUT_SECONDS)


def test_by_default_a_batch_of_one_screening_is_sent_to_all_its_viewers_in_time() -> None:
    """0.92 ms of CPU a post, as measured; a batch has a hundred records, and each may be of another row."""
    default = int(SETTINGS["max_live_viewers"].default)
    messages = -(-100 // ROWS_PER_MESSAGE)

    assert timedelta(milliseconds=0.92) * default * messages < SHOWING_TIME
    assert timedelta(milliseconds=0.92) * MAX_LIVE_VIEWERS * messages < timedelta(seconds=TIMEOUT_SECONDS)
