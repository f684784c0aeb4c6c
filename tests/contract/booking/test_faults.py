"""Faults that no emulator has by itself, injected into the client: conflicts, outages, lost answers."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.application.hold import HoldSeatsCommand, PlaceHold
from chalicelib.application.live_holds import CountUserHoldInSessionOrRefuse
from chalicelib.application.release import ExpireLapsedHoldUnlessSold
from chalicelib.domain.refusals import BackendUnavailable
from chalicelib.domain.reservations import ReleaseResult, Reservation, SeatsTakenOrHoldEnded, State
from chalicelib.domain.sessions import Session
from chalicelib.infrastructure.dynamodb.connection import (
    CONFLICT_ATTEMPTS,
    CONFLICT_FIRST_PAUSE_SECONDS,
    UNPROCESSED_ATTEMPTS,
    UNPROCESSED_FIRST_PAUSE_SECONDS,
    UNPROCESSED_LONGEST_PAUSE_SECONDS,
    UNPROCESSED_SECONDS,
    BatchReader,
)
from chalicelib.infrastructure.dynamodb.rows import DynamoRows
from tests.builders import (
    IDS,
    MAX_LIVE_HOLDS,
    NOW,
    SETTINGS,
    a_hold,
    a_reservation,
    a_session,
)
from tests.contract.conftest import Dynamo
from tests.contract.seats import ONE_ROW, TWO_ROWS, held_entry
from tests.fakes import MovableClock, Ticks
from tests.injected import CONFLICT, NOTHING_WRONG, HttpStatus, Pauses, answering, cancelled, error, hooked, unreachable


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
def rows(moto: Dynamo, pauses: Pauses) -> DynamoRows:
    return DynamoRows(moto.client, moto.rows_table, sleep=pauses)


@pytest.fixture
def session(moto: Dynamo) -> Session:
    session = a_session()
    moto.sessions.get_or_add_with_rows(session)
    return session


# Conflicts of transactions.


def test_a_conflict_is_tried_again_until_it_is_over(
    moto: Dynamo, rows: DynamoRows, session: Session, pauses: Pauses
) -> None:
    hold = a_hold(*TWO_ROWS, session=session)

    with answering(moto, "TransactWriteItems", cancelled(CONFLICT, NOTHING_WRONG), cancelled(CONFLICT, CONFLICT)):
        rows.hold(hold, NOW)

    assert rows.read_entries_with_lapsed_or_raise_if_cancelled(session) == dict.fromkeys(TWO_ROWS, held_entry(hold))
    assert len(pauses.seconds) == 2


def test_a_single_row_waits_for_a_transaction_to_end(
    moto: Dynamo, rows: DynamoRows, session: Session, pauses: Pauses
) -> None:
    hold = a_hold(*ONE_ROW, session=session)

    with answering(moto, "UpdateItem", error("TransactionConflictException")):
        rows.hold(hold, NOW)

    assert rows.read_entries_with_lapsed_or_raise_if_cancelled(session) == dict.fromkeys(ONE_ROW, held_entry(hold))
    assert len(pauses.seconds) == 1


def test_giving_back_waits_for_a_transaction_to_end_too(
    moto: Dynamo, rows: DynamoRows, session: Session, pauses: Pauses
) -> None:
    hold = a_hold(*ONE_ROW, session=session)
    rows.hold(hold, NOW)

    with answering(moto, "UpdateItem", error("TransactionConflictException")):
        assert rows.release(hold, NOW) == ReleaseResult(ONE_ROW)

    assert len(pauses.seconds) == 1


def test_pauses_grow_with_full_jitter_and_end_in_unavailable(
    moto: Dynamo, rows: DynamoRows, session: Session, pauses: Pauses
) -> None:
    endless = [cancelled(CONFLICT)] * 100

    with answering(moto, "TransactWriteItems", *endless) as scripted, pytest.raises(BackendUnavailable):
        rows.hold(a_hold(*TWO_ROWS, session=session), NOW)

    assert scripted.calls == CONFLICT_ATTEMPTS
    longest = [CONFLICT_FIRST_PAUSE_SECONDS * 2**attempt for attempt in range(CONFLICT_ATTEMPTS - 1)]
    assert all(0 <= pause <= most for pause, most in zip(pauses.seconds, longest, strict=False))
    assert len(set(pauses.seconds)) > 1
    assert rows.read_entries_with_lapsed_or_raise_if_cancelled(session) == {}


@pytest.mark.parametrize("is_mine", [False, True], ids=["somebody else's", "my own"])
def test_nothing_is_concluded_from_one_row_while_another_has_a_conflict(
    moto: Dynamo, rows: DynamoRows, session: Session, pauses: Pauses, is_mine: bool
) -> None:
    """My own entry in one of two rows means nothing by itself: the conflict is with my own first try."""
    hold = a_hold(*TWO_ROWS, session=session)
    standing = hold if is_mine else a_hold(*TWO_ROWS, session=session)
    rows.hold(standing, NOW)
    item = moto.client.get_item(TableName=moto.rows_table, Key={"id": {"S": f"{session.id}#B"}})["Item"]
    failed = {"Code": "ConditionalCheckFailed", "Item": item}

    with (
        answering(moto, "TransactWriteItems", cancelled(CONFLICT, failed)),
        pytest.raises(SeatsTakenOrHoldEnded) as refused,
    ):
        rows.hold(hold, NOW)

    assert refused.value.occupancy == dict.fromkeys(TWO_ROWS, held_entry(standing))
    assert len(pauses.seconds) == 1


@pytest.mark.parametrize("code", ["ThrottlingError", "ProvisionedThroughputExceeded", "ValidationError"])
def test_a_transaction_cancelled_for_any_other_reason_is_not_tried_again(
    moto: Dynamo, rows: DynamoRows, session: Session, pauses: Pauses, code: str
) -> None:
    other = cancelled(NOTHING_WRONG, {"Code": code})

    with answering(moto, "TransactWriteItems", other) as scripted, pytest.raises(BackendUnavailable):
        rows.hold(a_hold(*TWO_ROWS, session=session), NOW)

    assert scripted.calls == 1
    assert pauses.seconds == []


def test_a_transaction_that_its_own_first_try_holds_up_is_an_outage(
    moto: Dynamo, rows: DynamoRows, session: Session
) -> None:
    with (
        answering(moto, "TransactWriteItems", error("TransactionInProgressException")),
        pytest.raises(BackendUnavailable),
    ):
        rows.hold(a_hold(*TWO_ROWS, session=session), NOW)


def test_a_query_that_is_throttled_is_an_outage(moto: Dynamo) -> None:
    throttled = [error("ProvisionedThroughputExceededException")] * 20

    with answering(moto, "Query", *throttled), pytest.raises(BackendUnavailable):
        moto.sessions.list_by_start(NOW, 7, None)


def test_the_rows_of_a_transaction_go_in_the_order_of_their_ids(
    moto: Dynamo, rows: DynamoRows, session: Session
) -> None:
    """Whoever asks for [A10, B1] and whoever asks for [B1, A10] meet in the same row first."""
    asked: list[str] = []

    def listen(params: dict[str, Any], **_: Any) -> None:
        asked.extend(write["Update"]["Key"]["id"]["S"][-1] for write in params["TransactItems"])

    with hooked(moto, "provide-client-params.dynamodb.TransactWriteItems", listen):
        rows.hold(a_hold("B1", "A10", session=session), NOW)

    assert asked == ["A", "B"]


# An endpoint that is away, slow, or says what we did not expect.


@pytest.mark.parametrize(
    "code", ["ThrottlingException", "InternalServerError", "ProvisionedThroughputExceededException"]
)
@pytest.mark.parametrize(
    ("operation", "seats"), [("UpdateItem", ONE_ROW), ("TransactWriteItems", TWO_ROWS)], ids=["one row", "two rows"]
)
def test_an_overloaded_table_is_unavailable(
    moto: Dynamo, rows: DynamoRows, session: Session, code: str, operation: str, seats: tuple[str, ...]
) -> None:
    with answering(moto, operation, error(code)), pytest.raises(BackendUnavailable):
        rows.hold(a_hold(*seats, session=session), NOW)


def test_an_overloaded_table_of_live_holds_is_unavailable(moto: Dynamo) -> None:
    with answering(moto, "UpdateItem", error("ThrottlingException")), pytest.raises(BackendUnavailable):
        moto.live_holds.count_hold("ana", a_hold(), 2, NOW)


def test_a_table_that_does_not_answer_is_unavailable(moto: Dynamo) -> None:
    with hooked(moto, "before-call.dynamodb.GetItem", unreachable), pytest.raises(BackendUnavailable):
        moto.reservations.find(a_reservation().id)


def test_a_mistake_of_ours_stays_loud(moto: Dynamo, rows: DynamoRows, session: Session) -> None:
    with answering(moto, "UpdateItem", error("ValidationException")), pytest.raises(ClientError):
        rows.hold(a_hold("A1", session=session), NOW)


def test_seats_of_a_row_that_was_never_made_are_not_held_but_loud(rows: DynamoRows) -> None:
    with pytest.raises(ClientError):
        rows.hold(a_hold("A1"), NOW)


# Answers in parts, and answers without what stood in the way.


def test_rows_that_a_batch_left_out_are_read_again(moto: Dynamo, rows: DynamoRows, session: Session) -> None:
    hold = a_hold(*TWO_ROWS, session=session)
    rows.hold(hold, NOW)
    keys = {"Keys": [{"id": {"S": f"{session.id}#{row}"}} for row in "AB"], "ConsistentRead": True}
    nothing_yet = HttpStatus(200), {"Responses": {moto.rows_table: []}, "UnprocessedKeys": {moto.rows_table: keys}}

    with answering(moto, "BatchGetItem", nothing_yet, nothing_yet) as scripted:
        assert rows.read_entries_with_lapsed_or_raise_if_cancelled(session) == dict.fromkeys(TWO_ROWS, held_entry(hold))

    assert scripted.calls == 3


def nothing_of(rows: DynamoRows, session: Session) -> tuple[HttpStatus, dict[str, Any]]:
    """An answer that leaves every row out, as DynamoDB gives under load (BatchGetItem, "UnprocessedKeys")."""
    keys = {"Keys": [{"id": {"S": f"{session.id}#{row}"}} for row in "AB"], "ConsistentRead": True}
    return HttpStatus(200), {"Responses": {}, "UnprocessedKeys": {rows.table_name: keys}}


def test_rows_that_are_left_out_again_and_again_are_unavailable_after_growing_pauses(
    moto: Dynamo, rows: DynamoRows, session: Session, pauses: Pauses
) -> None:
    tries = UNPROCESSED_ATTEMPTS
    with answering(moto, "BatchGetItem", *[nothing_of(rows, session)] * (2 * tries)) as scripted:
        for _ in range(2):
            with pytest.raises(BackendUnavailable):
                rows.read_entries_with_lapsed_or_raise_if_cancelled(session)

    assert scripted.calls == 2 * tries
    first, second = pauses.seconds[: tries - 1], pauses.seconds[tries - 1 :]
    longest = [min(UNPROCESSED_FIRST_PAUSE_SECONDS * 2**n, UNPROCESSED_LONGEST_PAUSE_SECONDS) for n in range(tries - 1)]
    assert all(0 <= pause <= most for pauses in (first, second) for pause, most in zip(pauses, longest, strict=True))
    assert first != second, "full jitter: those who were refused at once do not ask again at once"


def test_a_batch_that_answers_slowly_is_not_asked_for_longer_than_its_time(
    moto: Dynamo, rows: DynamoRows, session: Session, pauses: Pauses
) -> None:
    ticks = Ticks()

    def slow_answer(**_: Any) -> Any:
        ticks.now += 1.0
        return nothing_of(rows, session)

    read = BatchReader(moto.client, rows.table_name, sleep=pauses, seconds=ticks)
    with hooked(moto, "before-call.dynamodb.BatchGetItem", slow_answer), pytest.raises(BackendUnavailable):
        list(read([{"id": {"S": f"{session.id}#A"}}]))

    assert ticks.now <= UNPROCESSED_SECONDS + 1.0


# What a refused write says is what it met, at that moment.


@dataclass
class WakingUp:
    """A request that stood still, and stores its reservation right after another's refused UpdateItem: the `nth`."""

    moto: Dynamo
    reservation: Reservation
    nth: int
    calls: int = 0

    def __call__(self, **_: Any) -> None:
        self.calls += 1
        if self.calls == self.nth:
            self.moto.reservations.get_or_add_unless_hold_barred(self.reservation)


def test_a_refused_end_does_not_tell_of_a_reservation_that_came_after_it(moto: Dynamo) -> None:
    reservation = a_reservation()

    with hooked(moto, "after-call.dynamodb.UpdateItem", WakingUp(moto, reservation, nth=1)):
        ended = moto.reservations.mark_ended_if_pending_with_hold_and_read(reservation.hold, State.EXPIRED, NOW)

    assert ended is None


def test_a_hold_whose_request_wakes_up_while_it_expires_ends(moto: Dynamo, rows: DynamoRows, session: Session) -> None:
    """Found by the simulator: it stayed pending for a day, without its event."""
    reservation = a_reservation(session=session)
    expire = ExpireLapsedHoldUnlessSold(rows, moto.reservations, MovableClock(reservation.expires_at))

    with hooked(moto, "after-call.dynamodb.UpdateItem", WakingUp(moto, reservation, nth=2)):
        expire(reservation.hold)

    stored = moto.reservations.find(reservation.id)
    assert stored
    assert stored.state is State.EXPIRED


# Writes whose answer was lost: the client library sends them again.


@dataclass
class LosingTheFirstAnswer:
    lost: int = 0

    def __call__(self, **_: Any) -> int | None:
        """Gives the delay before the next try; None for an answer that arrives."""
        self.lost += 1
        return 0 if self.lost == 1 else None


@pytest.mark.parametrize(
    ("operation", "seats"),
    [("UpdateItem", ONE_ROW), ("TransactWriteItems", TWO_ROWS), ("PutItem", ONE_ROW)],
    ids=["one row", "two rows", "the reservation"],
)
@pytest.mark.parametrize("key", [None, "k"])
def test_a_hold_whose_answer_was_lost_does_not_refuse_itself(
    moto: Dynamo, rows: DynamoRows, session: Session, operation: str, seats: tuple[str, ...], key: str | None
) -> None:
    count_live_hold = CountUserHoldInSessionOrRefuse(moto.live_holds, moto.reservations, MAX_LIVE_HOLDS)
    place_hold = PlaceHold(
        sessions=moto.sessions,
        rows=rows,
        count_live_hold=count_live_hold,
        reservations=moto.reservations,
        clock=MovableClock(NOW),
        ids=IDS,
        rules=SETTINGS,
    )
    losing = LosingTheFirstAnswer()

    with hooked(moto, f"needs-retry.dynamodb.{operation}", losing):
        reservation = place_hold(
            HoldSeatsCommand(session_id=session.id, user_id=session.id, seat_numbers=seats, idempotency_key=key)
        )

    assert losing.lost >= 2
    assert moto.reservations.find(reservation.id) == reservation
    found = rows.read_entries_with_lapsed_or_raise_if_cancelled(session)
    assert found == dict.fromkeys(seats, held_entry(reservation.hold))


def test_a_count_whose_answer_was_lost_counts_once(moto: Dynamo) -> None:
    first, second = a_hold(), a_hold()
    losing = LosingTheFirstAnswer()

    with hooked(moto, "needs-retry.dynamodb.UpdateItem", losing):
        moto.live_holds.count_hold("ana", first, 2, NOW)
    moto.live_holds.count_hold("ana", replace(second, session_id=first.session_id), 2, NOW)

    assert losing.lost == 2


def test_a_release_whose_answer_was_lost_leaves_the_seats_free(
    moto: Dynamo, rows: DynamoRows, session: Session
) -> None:
    hold = a_hold(*ONE_ROW, session=session)
    rows.hold(hold, NOW)

    with hooked(moto, "needs-retry.dynamodb.UpdateItem", LosingTheFirstAnswer()):
        rows.release(hold, NOW)

    assert rows.read_entries_with_lapsed_or_raise_if_cancelled(session) == {}
