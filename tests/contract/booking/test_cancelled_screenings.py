"""A cancelled screening: its rows are closed, it is marked as cancelled, its purchases are refunded."""

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.events import RowClosed
from chalicelib.domain.refusals import SessionNotFound
from chalicelib.domain.reservations import (
    HeldSeat,
    ReleaseResult,
    RowsOfCancelledSession,
    SeatsTakenOrHoldEnded,
    SoldSeat,
    State,
)
from chalicelib.domain.sessions import Session
from chalicelib.infrastructure.dynamodb.sessions import KEPT_SECONDS, DynamoSessions
from chalicelib.infrastructure.dynamodb.tables import row_id
from tests.builders import NOW, a_hold, a_reservation, a_sale, a_session, a_user, seconds
from tests.contract.conftest import Backend, Dynamo
from tests.contract.seats import held, in_one_row_and_in_two, sold

LATER = NOW + timedelta(minutes=1)


# Rows.


def test_closing_a_row_says_what_stands_in_it(backend: Backend, session: Session) -> None:
    hold = held(backend, session, "A1")
    bought, sale = sold(backend, session, "A10", "B1")

    standing = backend.rows.close_row_and_read_entries_with_lapsed(session.id, "A", NOW)

    assert standing == {
        "A1": HeldSeat(reservation_id=hold.reservation_id, expires_at=hold.expires_at, fingerprint=hold.fingerprint),
        "A10": SoldSeat(bought.reservation_id, sale.id),
    }
    assert backend.last_event(session.id, "A") == RowClosed(
        session_id=session.id, row="A", sold_reservation_ids=(bought.reservation_id,), occurred_at=NOW
    )


def test_closing_it_again_says_the_same_and_tells_nothing(backend: Backend, session: Session) -> None:
    sold(backend, session, "A1")
    first = backend.rows.close_row_and_read_entries_with_lapsed(session.id, "A", NOW)

    assert backend.rows.close_row_and_read_entries_with_lapsed(session.id, "A", LATER) == first
    event = backend.last_event(session.id, "A")
    assert event
    assert event.occurred_at == NOW


@in_one_row_and_in_two
def test_no_seat_is_held_where_one_row_is_closed(backend: Backend, session: Session, seats: tuple[str, ...]) -> None:
    backend.rows.close_row_and_read_entries_with_lapsed(session.id, "A", NOW)

    with pytest.raises(RowsOfCancelledSession):
        backend.rows.hold(a_hold(*seats, session=session), NOW)
    backend.rows.hold(a_hold("B2", session=session), NOW)


def test_a_closed_row_says_more_than_a_taken_seat_in_another(dynamo: Dynamo) -> None:
    session = a_session()
    dynamo.sessions.get_or_add_with_rows(session)
    held(dynamo, session, "B1")
    dynamo.rows.close_row_and_read_entries_with_lapsed(session.id, "A", NOW)

    with pytest.raises(RowsOfCancelledSession):
        dynamo.rows.hold(a_hold("A1", "B1", session=session), NOW)


@in_one_row_and_in_two
def test_no_hold_is_sold_where_one_row_is_closed(backend: Backend, session: Session, seats: tuple[str, ...]) -> None:
    hold = held(backend, session, *seats)
    backend.rows.close_row_and_read_entries_with_lapsed(session.id, "A", NOW)

    with pytest.raises(RowsOfCancelledSession) as refused:
        backend.rows.sell(hold, a_sale(hold), NOW)

    assert refused.value.sale_id_of_any_seat_of(hold.reservation_id) is None


def test_who_sells_again_what_was_sold_before_is_shown_its_sale(backend: Backend, session: Session) -> None:
    hold, sale = sold(backend, session, "A1")
    backend.rows.close_row_and_read_entries_with_lapsed(session.id, "A", NOW)

    with pytest.raises(RowsOfCancelledSession) as refused:
        backend.rows.sell(hold, sale, NOW)

    assert refused.value.sale_id_of_any_seat_of(hold.reservation_id) == sale.id


@in_one_row_and_in_two
def test_a_hold_is_still_given_back(backend: Backend, session: Session, seats: tuple[str, ...]) -> None:
    hold = held(backend, session, *seats)
    for row in session.rows:
        backend.rows.close_row_and_read_entries_with_lapsed(session.id, row, NOW)

    assert backend.rows.release(hold, NOW) == ReleaseResult(seats)
    assert backend.rows.close_row_and_read_entries_with_lapsed(session.id, "A", NOW) == {}


@in_one_row_and_in_two
def test_a_sold_hold_that_is_given_back_is_known_to_be_of_a_closed_row(
    backend: Backend, session: Session, seats: tuple[str, ...]
) -> None:
    hold, sale = sold(backend, session, *seats)
    assert backend.rows.release(hold, NOW) == ReleaseResult((), sale.id)
    backend.rows.close_row_and_read_entries_with_lapsed(session.id, "A", NOW)

    assert backend.rows.release(hold, NOW) == ReleaseResult((), sale.id, was_sold_and_session_cancelled_since=True)


def test_the_seats_of_a_screening_with_a_closed_row_are_shown_as_such(backend: Backend, session: Session) -> None:
    hold, sale = sold(backend, session, "A1")
    backend.rows.close_row_and_read_entries_with_lapsed(session.id, "B", NOW)

    with pytest.raises(RowsOfCancelledSession) as refused:
        backend.rows.read_entries_with_lapsed_or_raise_if_cancelled(session)

    assert refused.value.occupancy == {"A1": SoldSeat(hold.reservation_id, sale.id)}
    assert isinstance(refused.value, SeatsTakenOrHoldEnded)


def test_a_row_that_is_not_there_is_not_made_by_closing_it(backend: Backend, session: Session) -> None:
    assert backend.rows.close_row_and_read_entries_with_lapsed(session.id, "Z", NOW) == {}
    if isinstance(backend, Dynamo):
        assert "Item" not in backend.client.get_item(
            TableName=backend.rows_table, Key={"id": {"S": row_id(session.id, "Z")}}
        )


# The screening.


def test_a_cancelled_screening_says_since_when(backend: Backend, session: Session) -> None:
    assert backend.sessions.set_cancelled_at_for_display_if_unset(session.id, NOW).cancelled_at == NOW

    assert backend.sessions.set_cancelled_at_for_display_if_unset(session.id, LATER).cancelled_at == NOW
    assert backend.sessions.get(session.id).cancelled_at == NOW


def test_what_is_no_screening_is_not_made_by_cancelling_it(backend: Backend) -> None:
    unknown = a_session()
    for _ in range(2):
        with pytest.raises(SessionNotFound):
            backend.sessions.set_cancelled_at_for_display_if_unset(unknown.id, NOW)


def test_the_programme_says_that_a_screening_is_cancelled(dynamo: Dynamo) -> None:
    session = a_session(starts_at=NOW.replace(year=8765))
    dynamo.sessions.get_or_add_with_rows(session)
    dynamo.sessions.set_cancelled_at_for_display_if_unset(session.id, NOW)

    shown = dynamo.sessions.list_by_start(session.starts_at, 100, None).items

    assert [found.cancelled_at for found in shown if found.id == session.id] == [NOW]


def test_another_instance_shows_it_as_cancelled_after_a_minute_at_most(dynamo: Dynamo) -> None:
    elapsed = 0.0
    other = DynamoSessions(dynamo.client, f"{dynamo.prefix}-sessions", seconds=lambda: elapsed)
    session = a_session()
    dynamo.sessions.get_or_add_with_rows(session)
    other.get(session.id)
    dynamo.sessions.set_cancelled_at_for_display_if_unset(session.id, NOW)

    elapsed = KEPT_SECONDS - 0.001
    assert other.get(session.id).cancelled_at is None
    elapsed = KEPT_SECONDS
    assert other.get(session.id).cancelled_at == NOW


# The purchase.


def test_a_purchase_says_when_its_money_went_back_and_stays_a_purchase(backend: Backend) -> None:
    reservation = backend.reservations.get_or_add_unless_hold_barred(a_reservation(user_id=(user := a_user())))
    sale = a_sale(reservation.hold)
    backend.reservations.mark_confirmed_unless_sold_and_read(reservation.id, sale)

    for _ in range(2):
        backend.reservations.set_refunded_at_if_sale_matches(reservation.id, sale.id, LATER)

    found = backend.reservations.find(reservation.id)
    assert found
    assert (found.state, found.sale, found.refunded_at) == (State.CONFIRMED, sale, LATER)
    assert list(backend.reservations.list_purchases(user, 20, None).items) == [found]


@pytest.mark.parametrize("bought", [True, False])
def test_only_the_sale_that_was_returned_says_so(backend: Backend, bought: Any) -> None:
    reservation = backend.reservations.get_or_add_unless_hold_barred(a_reservation())
    if bought:
        backend.reservations.mark_confirmed_unless_sold_and_read(reservation.id, a_sale(reservation.hold))
    before = backend.reservations.find(reservation.id)

    backend.reservations.set_refunded_at_if_sale_matches(reservation.id, "sale-of-another", NOW + seconds(1))

    assert backend.reservations.find(reservation.id) == before


def test_what_is_forgotten_is_not_remembered_for_its_refund(backend: Backend) -> None:
    reservation = a_reservation()
    backend.reservations.set_refunded_at_if_sale_matches(reservation.id, "sale-1", LATER)

    assert backend.reservations.find(reservation.id) is None
