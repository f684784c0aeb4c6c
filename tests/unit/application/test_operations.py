"""The operator's board: which screenings and moments it shows, what they sum up to, and what it does without a part."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from chalice.app import Chalice, SQSEventConfig

from chalicelib.api.wire import board as board_wire
from chalicelib.application.board import (
    FRESH,
    QUEUES,
    SCREENINGS,
    Board,
    RedriveDeadLetters,
    ShowBoard,
    ShowCachedBoard,
    ShowSomeDeadLettersOfQueue,
)
from chalicelib.application.queries import CheckDependencies
from chalicelib.domain.analytics import BUCKET_LENGTH, EMPTY_TALLY, Tally, bucket_start
from chalicelib.domain.board import WINDOW, DependencyState, QueueState, RedriveResult, shown_buckets
from chalicelib.domain.pages import Page
from chalicelib.domain.refusals import BackendUnavailable, CursorInvalid, DeploymentMayNotUseQueue, QueueNotFound
from chalicelib.domain.sessions import Session
from tests.builders import NOW, a_session
from tests.fakes import FakeAnalytics, FakeQueueBoard, FakeRefusals, FakeSessions, MovableClock, interposed

DYNAMODB = DependencyState("dynamodb", required=True, up=True, latency_ms=1.0)


def down() -> None:
    raise BackendUnavailable("Query")


@dataclass
class Stage:
    """Everything that a board is made of."""

    clock: MovableClock = field(default_factory=lambda: MovableClock(NOW))
    sessions: FakeSessions = field(default_factory=FakeSessions)
    analytics: FakeAnalytics = field(default_factory=FakeAnalytics)
    queues: FakeQueueBoard = field(default_factory=FakeQueueBoard)
    refusals: FakeRefusals = field(default_factory=FakeRefusals)

    def __post_init__(self) -> None:
        self.refusals.clock = self.clock

    def screening(self, starts_in: timedelta = BUCKET_LENGTH) -> Session:
        session = a_session(starts_at=NOW + starts_in)
        self.sessions.get_or_add_with_rows(session)
        return session

    def counts(self, session: Session, ago: timedelta = timedelta(0), **tally: int) -> None:
        number = len(self.analytics.added)
        self.analytics.add_tally_once(f"event-{number}", session.id, bucket_start(NOW - ago), Tally(**tally))

    @property
    def show(self) -> ShowBoard:
        readiness = CheckDependencies([lambda: DYNAMODB])
        return ShowBoard(self.sessions, self.analytics, self.queues, self.refusals, readiness, self.clock)

    def board(self, cursor: str | None = None) -> Board:
        return self.show(cursor)


@pytest.fixture
def stage() -> Stage:
    return Stage()


def screenings(board: Board) -> list[str]:
    assert board.screenings is not None
    return [each.session.id for each in board.screenings.items]


def test_screenings_that_run_or_come_are_shown_in_their_order_and_no_others(stage: Stage) -> None:
    stage.screening(-WINDOW - BUCKET_LENGTH)
    running, tomorrow = stage.screening(-WINDOW), stage.screening(timedelta(days=1))
    soon = stage.screening(BUCKET_LENGTH)

    assert screenings(stage.board()) == [running.id, soon.id, tomorrow.id]


def test_more_screenings_than_a_board_has_room_for_are_on_its_next_pages(stage: Stage) -> None:
    scheduled = [stage.screening(BUCKET_LENGTH * number).id for number in range(SCREENINGS + 2)]

    first = stage.board()
    assert first.screenings
    stage.clock.forward(hours=9)  # the first page's end has passed: its cursor still says where to go on
    second = stage.board(first.screenings.cursor)

    assert screenings(first) + screenings(second) == scheduled
    assert second.screenings
    assert second.screenings.cursor is None


def test_a_cursor_that_is_not_ours_is_refused(stage: Stage) -> None:
    with pytest.raises(CursorInvalid):
        stage.board("not a cursor")


def test_the_window_ends_with_the_five_minutes_that_are_going_on() -> None:
    buckets = shown_buckets(NOW)

    assert (len(buckets), buckets[-1]) == (36, bucket_start(NOW))
    assert {later - earlier for earlier, later in pairwise(buckets)} == {BUCKET_LENGTH}


def test_each_five_minutes_sum_up_all_screenings_and_are_there_when_nothing_happened(stage: Stage) -> None:
    one, other = stage.screening(), stage.screening()
    stage.counts(one, holds=3, seats_in_holds=3)
    stage.counts(other, holds=1, seats_in_holds=1, expiries=1)
    stage.counts(other, ago=BUCKET_LENGTH, sales=1)
    stage.counts(other, ago=WINDOW, holds=100)

    over_time = stage.board().totals_by_shown_bucket

    assert [at for at, _ in over_time] == shown_buckets(NOW)
    assert [tally for _, tally in over_time[-2:]] == [
        Tally(sales=1),
        Tally(holds=4, seats_in_holds=4, expiries=1),
    ]
    assert all(tally == EMPTY_TALLY for _, tally in over_time[:-2])


def test_totals_are_of_all_time_and_of_the_screenings_shown(stage: Stage) -> None:
    stage.counts(
        stage.screening(), ago=WINDOW * 2, holds=2, seats_in_holds=4, sales=1, seats_in_sales=2, revenue_cents=5000
    )
    stage.counts(stage.screening(), holds=2, seats_in_holds=2)
    stage.counts(stage.screening(-WINDOW * 2), holds=50)

    total = stage.board().total_of_listed_screenings

    assert (total.holds, total.sales, total.held_seats, total.gross_revenue) == (4, 1, 4, Decimal(50))
    assert total.conversion_rate == Decimal("0.25")


def test_the_wire_shows_shares_money_and_reasons_the_most_frequent_first(stage: Stage) -> None:
    session = stage.screening()
    stage.counts(session, holds=3, seats_in_holds=4, sales=1, seats_in_sales=2, revenue_cents=5000)
    for code in ("RESERVATION_EXPIRED", "SEAT_ALREADY_RESERVED", "SEAT_ALREADY_RESERVED"):
        stage.refusals.count_refusal(code)

    body = board_wire.board(stage.board())

    assert body.screenings
    (shown,) = body.screenings
    assert (bytes(shown.occupancy), bytes(shown.revenue)) == (b"0.1250", b"50.00")
    assert shown.conversion is not None
    assert bytes(shown.conversion) == b"0.3333"
    assert (shown.sold_seats, shown.held_seats, shown.total_seats) == (2, 2, 16)
    assert body.refusals
    assert [(reason.code, reason.count) for reason in body.refusals.by_reason] == [
        ("SEAT_ALREADY_RESERVED", 2),
        ("RESERVATION_EXPIRED", 1),
    ]
    assert [each.count for each in body.refusals.over_time] == [0] * 35 + [3]


def test_a_cancelled_screening_says_so_and_what_is_left_of_its_revenue(stage: Stage) -> None:
    session = replace(a_session(starts_at=NOW), cancelled_at=NOW)
    stage.sessions.get_or_add_with_rows(session)
    stage.counts(session, sales=2, revenue_cents=5000, refunds=2, refunded_cents=5000, refunded_revenue_cents=5000)

    body = board_wire.board(stage.board())

    assert body.screenings
    (shown,) = body.screenings
    assert (shown.status, bytes(shown.revenue), bytes(shown.net_revenue)) == ("cancelled", b"50.00", b"0.00")


def test_an_empty_programme_makes_a_board_without_shares(stage: Stage) -> None:
    body = board_wire.board(stage.board())

    assert (body.screenings, body.next_cursor) == ([], None)
    assert body.totals
    assert (body.totals.total_seats, body.totals.occupancy, body.totals.conversion) == (0, None, None)


def test_without_the_database_the_rest_is_shown(stage: Stage) -> None:
    show = replace(stage.show, sessions=interposed(stage.sessions, "list_by_start", before=down))

    body = board_wire.board(show(None))

    assert (body.screenings, body.totals, body.over_time) == (None, None, None)
    assert body.queues
    assert body.refusals


def test_numbers_of_which_one_could_not_be_read_are_not_shown_at_all(stage: Stage) -> None:
    stage.screening()

    assert (
        replace(stage.show, analytics=interposed(stage.analytics, "read_tallies_by_bucket", before=down))(
            None
        ).screenings
        is None
    )


def out_of_reach() -> None:
    raise DeploymentMayNotUseQueue


@pytest.mark.parametrize("trouble", [down, out_of_reach])
def test_without_the_queues_the_rest_is_shown(stage: Stage, trouble: Callable[[], None]) -> None:
    stage.screening()

    body = board_wire.board(replace(stage.show, queues=interposed(stage.queues, "states", before=trouble))(None))

    assert body.queues is None
    assert body.screenings


def test_without_counts_of_refusals_the_board_says_nothing_of_them(stage: Stage) -> None:
    stage.refusals.there = False

    assert board_wire.board(stage.board()).refusals is None


def test_a_board_is_shown_again_while_it_is_fresh(stage: Stage) -> None:
    recent = ShowCachedBoard(stage.show, stage.clock)
    first = recent(None)
    stage.clock.forward(seconds=FRESH.total_seconds() - 0.001)
    assert recent(None) is first
    stage.clock.forward(seconds=0.001)

    assert recent(None) is not first


def test_a_redrive_shows_on_the_very_next_board(stage: Stage) -> None:
    stage.queues.park("email", "one", "two", "three")
    recent = ShowCachedBoard(stage.show, stage.clock)
    recent(None)

    assert RedriveDeadLetters(stage.queues, recent)("email", 2) == RedriveResult(moved=2, left=1)

    states = recent(None).queues
    assert states is not None
    assert next(state for state in states if state.name == "email") == QueueState("email", 2, 0, 0, 1, redrivable=True)


def test_letters_of_an_unknown_queue_are_not_found(stage: Stage) -> None:
    with pytest.raises(QueueNotFound):
        ShowSomeDeadLettersOfQueue(stage.queues)("nonsense")


def test_the_boards_of_many_pages_are_not_kept_for_ever(stage: Stage) -> None:
    shown: list[str | None] = []

    @dataclass(frozen=True)
    class Pages:
        def __call__(self, cursor: str | None) -> Board:
            shown.append(cursor)
            return Board(NOW, Page([], None), (), None, ())

    recent = ShowCachedBoard(Pages(), stage.clock)  # type: ignore[arg-type] # called, and no more
    for number in range(1000):
        recent(str(number))

    assert len(recent.board_by_cursor) < 20


def test_the_board_shows_each_queue_that_has_a_handler(app: Chalice) -> None:
    handled = [source for source in app.event_sources if isinstance(source, SQSEventConfig)]

    assert {str(source.queue) for source in handled} == {f"cinema-test-{queue}" for queue in QUEUES}
