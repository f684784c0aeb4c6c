"""Cancelling a screening: from then on nothing of it is booked, and what was paid for it goes back."""

import pytest

from chalicelib.domain.consumers import AUDIT
from chalicelib.domain.events import Event, EventType, RowClosed, SeatsSold
from chalicelib.domain.payments import PaymentStatus, RefundReason
from chalicelib.domain.refusals import PaymentForCancelledSession, SessionCancelled
from chalicelib.domain.reservations import State
from tests.builders import NOW, Cinema, a_sale
from tests.fakes import Crash, FakePayments, FakeRows, FakeSessions, crash, interposed


@pytest.fixture
def payments() -> FakePayments:
    return FakePayments()


@pytest.fixture
def rows() -> FakeRows:
    return FakeRows()


@pytest.fixture
def cinema(payments: FakePayments, rows: FakeRows) -> Cinema:
    return Cinema(payments=payments, rows=rows)


def test_nothing_is_held_any_more(cinema: Cinema) -> None:
    cinema.cancel_session()

    with pytest.raises(SessionCancelled):
        cinema.hold("A1")


def test_an_instance_that_still_remembers_the_screening_can_not_hold_either(cinema: Cinema) -> None:
    remembered = FakeSessions({cinema.session.id: cinema.session})
    cinema.cancel_session()
    cinema.sessions = remembered

    with pytest.raises(SessionCancelled):
        cinema.hold("A1")


def test_a_payment_for_it_is_refused_and_to_be_returned(cinema: Cinema, payments: FakePayments) -> None:
    held = cinema.hold("A1")
    cinema.cancel_session()

    with pytest.raises(PaymentForCancelledSession):
        cinema.confirm(held.id, "tx-1")

    payment = payments.known["tx-1"]
    assert (payment.status, payment.reason) == (PaymentStatus.REFUND_REQUESTED, RefundReason.SCREENING_CANCELLED)
    assert payment.sale_id == ""


def test_its_seat_map_is_no_more(cinema: Cinema) -> None:
    cinema.cancel_session()

    with pytest.raises(SessionCancelled):
        cinema.seats()


def test_every_sale_is_to_be_returned_once_whatever_rows_it_spans(cinema: Cinema, payments: FakePayments) -> None:
    wide = cinema.confirm(cinema.hold("A10", "B1").id, "tx-1")
    narrow = cinema.confirm(cinema.hold("A1").id, "tx-2")
    cinema.hold("B2")

    cancellation = cinema.cancel_session()

    assert {payment.transaction_id for payment in cancellation.payments_with_refund} == {"tx-1", "tx-2"}
    assert {key: (found.status, found.amount_cents) for key, found in payments.known.items()} == {
        "tx-1": (PaymentStatus.REFUND_REQUESTED, 5000),
        "tx-2": (PaymentStatus.REFUND_REQUESTED, 2500),
    }
    assert wide.sale
    assert narrow.sale
    assert {found.sale_id for found in payments.known.values()} == {wide.sale.id, narrow.sale.id}


def test_it_is_shown_as_cancelled_since_the_first_time(cinema: Cinema) -> None:
    cinema.cancel_session()
    cinema.clock.forward(seconds=60)

    assert cinema.cancel_session().session.cancelled_at == NOW


def test_run_again_it_changes_nothing(cinema: Cinema, payments: FakePayments) -> None:
    cinema.confirm(cinema.hold("A1").id, "tx-1")
    cinema.cancel_session()
    requested = payments.known["tx-1"]
    cinema.clock.forward(seconds=60)

    assert list(cinema.cancel_session().payments_with_refund) == [requested]


def test_a_hold_still_lapses_and_can_be_given_back(cinema: Cinema) -> None:
    held, other = cinema.hold("A1"), cinema.hold("A2")
    cinema.cancel_session()

    assert cinema.cancel(held.id).state is State.CANCELLED
    cinema.clock.forward(seconds=30)
    assert cinema.expire(other.hold)


def test_the_same_payment_again_still_gives_its_sale(cinema: Cinema) -> None:
    sold = cinema.confirm(cinema.hold("A1").id, "tx-1")
    cinema.cancel_session()

    assert cinema.confirm(sold.id, "tx-1") == sold


def test_interrupted_between_two_rows_it_sells_nothing_more_across_them_and_goes_on(
    cinema: Cinema, rows: FakeRows
) -> None:
    held = cinema.hold("A10", "B1")
    cinema.rows = interposed(rows, "close_row_and_read_entries_with_lapsed", after=crash)
    with pytest.raises(Crash):
        cinema.cancel_session()
    cinema.rows = rows

    with pytest.raises(PaymentForCancelledSession):
        cinema.confirm(held.id, "tx-1")
    cinema.cancel_session()

    assert rows.closed == {(cinema.session.id, "A"), (cinema.session.id, "B")}


def test_should_the_command_die_the_rows_stream_requests_the_refunds(cinema: Cinema, payments: FakePayments) -> None:
    sold = cinema.confirm(cinema.hold("A1").id, "tx-1")

    cinema.relay_row(RowClosed(sold.session_id, "A", (sold.id,), NOW))

    assert payments.known["tx-1"].status is PaymentStatus.REFUND_REQUESTED


def test_a_sale_whose_request_died_is_finished_by_the_stream_and_then_returned(
    cinema: Cinema, rows: FakeRows, payments: FakePayments
) -> None:
    held = cinema.hold("A1")
    sale = a_sale(held.hold, "tx-1", NOW)
    rows.sell(held.hold, sale, NOW)

    assert cinema.cancel_session().unfinished_sales == (held.id,)
    for event in list(rows.events[held.session_id, "A"]):
        cinema.relay_row(event)

    assert isinstance(rows.events[held.session_id, "A"][1], SeatsSold)
    assert payments.known["tx-1"].status is PaymentStatus.REFUND_REQUESTED


def test_that_it_is_cancelled_is_told_once_when_all_rows_are_closed(cinema: Cinema, rows: FakeRows) -> None:
    cinema.cancel_session()
    cinema.cancel_session()

    told = [(row, cinema.relay_row(event)) for (_, row), events in rows.events.items() for event in events]

    assert [row for row, _ in told] == ["B", "A"]
    (event,) = {message.content.id: message.content for _, sent in told for message in sent}.values()  # type: ignore[union-attr]
    assert isinstance(event, Event)
    assert (event.type, event.session_id, event.reservation_id) == (EventType.SESSION_CANCELLED, cinema.session.id, "")
    assert AUDIT in {message.queue for _, sent in told for message in sent}
