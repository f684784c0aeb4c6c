"""Events say all that their fact says, and have its id."""

from dataclasses import replace

from chalicelib.domain.events import (
    Event,
    EventType,
    RowClosed,
    SeatsReleased,
    refund_completed,
    refund_requested,
    reservation_confirmed_or_ended,
    reservation_created,
    seat_released,
    session_cancelled,
)
from chalicelib.domain.payments import RefundReason, sold_payment_of
from chalicelib.domain.reservations import State
from chalicelib.domain.times import to_ms
from tests.builders import NOW, PAID_AT, a_reservation, a_sale, seconds

LATER, LAST = PAID_AT + seconds(1), PAID_AT + seconds(2)


def test_a_new_reservation_tells_its_fingerprint_only_if_it_has_one() -> None:
    reservation = a_reservation(fingerprint="f")
    facts = {"amountCents": 5000, "expiresAtMs": to_ms(reservation.expires_at)}

    assert reservation_created(reservation).data == {**facts, "fingerprint": "f"}
    assert reservation_created(replace(reservation, fingerprint="")).data == facts


def test_the_end_of_a_hold_has_no_data() -> None:
    assert reservation_confirmed_or_ended(a_reservation(), State.CANCELLED, LATER).data == {}


def test_released_seats_name_their_hold() -> None:
    assert seat_released(SeatsReleased("s", "res-1", ("A1", "A2"), NOW)) == Event(
        f"SeatReleased:res-1:A1:{to_ms(NOW)}", EventType.SEAT_RELEASED, NOW, "s", "res-1", ("A1", "A2"), {}
    )


def test_a_cancelled_session_is_one_event_whichever_row_was_closed_last() -> None:
    closed = RowClosed("s", "A", ("res-1",), NOW)

    assert session_cancelled(closed) == Event("SessionCancelled:s", EventType.SESSION_CANCELLED, NOW, "s", "", (), {})
    assert session_cancelled(replace(closed, row="B")).id == session_cancelled(closed).id


def test_a_refund_names_payment_reservation_and_sale() -> None:
    reservation = a_reservation()
    sale = a_sale(reservation.hold)
    payment = sold_payment_of(reservation.confirmed(sale))
    assert payment
    requested = payment.with_refund_requested(RefundReason.SCREENING_CANCELLED, LATER)
    event, done = refund_requested(requested), refund_completed(requested.with_refund_completed("re-1", LAST))

    facts = {"transactionId": "tx-1", "reason": requested.reason, "amountCents": 5000, "saleId": sale.id}
    assert (event.id, event.reservation_id) == (f"RefundRequested:tx-1:{to_ms(LATER)}", reservation.id)
    assert event.data == facts
    assert (done.id, done.reservation_id) == (f"RefundCompleted:tx-1:{to_ms(LAST)}", reservation.id)
    assert done.data == {**facts, "refundId": "re-1"}
