"""From what the streams tell to messages: each fact an event, each event to whom it concerns."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.application.relay import ROUTES, TELLS, MarkReservationIfRefundedAndListPaymentMessages
from chalicelib.domain.events import (
    Event,
    EventType,
    OutgoingMessage,
    ReservationChange,
    SeatsHeld,
    SeatsReleased,
    SeatsSold,
)
from chalicelib.domain.payments import PaymentChange, RefundReason, sold_payment_of
from chalicelib.domain.reservations import Reservation, State
from chalicelib.domain.times import to_ms
from tests.builders import HOLD_SECONDS, NOW, Cinema, a_hold, a_sale
from tests.fakes import FakeReservations, crash, interposed

LATER = NOW + timedelta(seconds=10)


@pytest.fixture
def cinema() -> Cinema:
    return Cinema()


def changed(before: Reservation | None, after: Reservation | None) -> ReservationChange:
    return ReservationChange(before, after, LATER)


def the_event(messages: list[OutgoingMessage]) -> Event:
    """The one event that all the messages carry, to each of its consumers."""
    event = messages[0].content
    assert isinstance(event, Event)
    assert all(message.content == event for message in messages)
    assert tuple(message.queue for message in messages) == ROUTES[event.type]
    return event


def test_every_event_has_somebody_who_is_told() -> None:
    assert ROUTES.keys() == set(EventType)
    assert all(ROUTES.values())


def test_every_event_is_told_by_one_relay() -> None:
    assert sorted(kind for kinds in TELLS.values() for kind in kinds) == sorted(EventType)


def test_held_seats_go_to_the_expiry_queue(cinema: Cinema) -> None:
    hold = a_hold("A1")

    assert cinema.relay_row(SeatsHeld(hold, NOW)) == [OutgoingMessage("expiry", hold)]


def test_a_sale_that_its_request_could_not_finish_is_finished(cinema: Cinema) -> None:
    held = cinema.hold("A1", user="ana")
    sale = a_sale(held.hold)
    cinema.rows.sell(held.hold, sale, NOW)

    assert cinema.relay_row(SeatsSold(held.session_id, held.id, held.seats, sale, NOW)) == []

    assert cinema.bought_by("ana") == [held.id]
    assert cinema.reservations.find(held.id) == held.confirmed(sale)


def test_a_finished_sale_is_left_alone_by_a_second_delivery(cinema: Cinema) -> None:
    held = cinema.hold("A1")
    paid = cinema.confirm(held.id)
    again = SeatsSold(held.session_id, held.id, held.seats, a_sale(held.hold, transaction_id="tx-2"), NOW)
    written_no_more = interposed(cinema.reservations, "mark_confirmed_unless_sold_and_read", before=crash)

    replace(cinema, reservations=written_no_more).relay_row(again)

    assert cinema.reservations.find(held.id) == paid


def test_a_sale_whose_reservation_is_gone_is_no_failure(cinema: Cinema) -> None:
    cinema.relay_row(SeatsSold(cinema.session.id, "gone", ("A1",), a_sale(), NOW))

    assert cinema.reservations.find("gone") is None


def test_released_seats_are_told_once_for_each_release(cinema: Cinema) -> None:
    released = SeatsReleased(cinema.session.id, "res-1", ("A1", "A2"), NOW)

    event = the_event(cinema.relay_row(released))

    assert (event.type, event.seats, event.occurred_at) == (EventType.SEAT_RELEASED, ("A1", "A2"), NOW)
    assert the_event(cinema.relay_row(released)).id == event.id
    for other in (
        replace(released, occurred_at=LATER),
        replace(released, seats=("B1",)),
        replace(released, reservation_id="res-2"),
    ):
        assert the_event(cinema.relay_row(other)).id != event.id


def test_a_new_reservation_is_told_with_its_amount_and_expiry(cinema: Cinema) -> None:
    held = cinema.hold("A1", "A2", user="ana")

    event = the_event(cinema.relay_reservation(changed(None, held)))

    assert event == Event(
        id=f"ReservationCreated:{held.id}:{to_ms(held.expires_at)}",
        type=EventType.RESERVATION_CREATED,
        occurred_at=held.created_at,
        session_id=held.session_id,
        reservation_id=held.id,
        seats=("A1", "A2"),
        data={"amountCents": 5000, "expiresAtMs": to_ms(held.expires_at)},
    )


def test_a_payment_is_told_with_its_sale(cinema: Cinema) -> None:
    held = cinema.hold("A1")
    paid = cinema.confirm(held.id, "tx-7")
    assert paid.sale

    event = the_event(cinema.relay_reservation(changed(held, paid)))

    assert event.id == f"PaymentConfirmed:{held.id}:{to_ms(held.expires_at)}"
    assert event.type is EventType.PAYMENT_CONFIRMED
    assert event.occurred_at == paid.sale.paid_at
    assert event.data == {
        "amountCents": 2500,
        "saleId": paid.sale.id,
        "transactionId": "tx-7",
        "paymentMethod": "credit_card",
    }


@pytest.mark.parametrize(
    ("state", "kind"),
    [(State.EXPIRED, EventType.RESERVATION_EXPIRED), (State.CANCELLED, EventType.RESERVATION_CANCELLED)],
)
def test_the_end_of_a_reservation_is_told_at_its_moment(cinema: Cinema, state: State, kind: EventType) -> None:
    held = cinema.hold("A1")

    event = the_event(cinema.relay_reservation(changed(held, replace(held, state=state))))

    assert (event.type, event.occurred_at) == (kind, LATER)
    assert event.id == f"{kind}:{held.id}:{to_ms(held.expires_at)}"


@pytest.mark.parametrize("state", [State.EXPIRED, State.CANCELLED])
@pytest.mark.parametrize("skew", [-5, 0, 0.4, 5])
def test_a_reservations_end_stands_after_its_beginning_in_the_log(cinema: Cinema, state: State, skew: float) -> None:
    """Streams tell whole seconds, and instances' clocks differ."""
    held = cinema.hold("A1")
    ended = replace(held, state=state, ended_at=held.created_at + timedelta(seconds=skew))
    told = ReservationChange(held, ended, held.created_at.replace(microsecond=0))

    end = the_event(cinema.relay_reservation(told))

    assert end.occurred_at == max(ended.ended_at or NOW, held.created_at + timedelta(milliseconds=1))


def test_a_payment_stands_after_its_reservation_in_the_log_though_its_instances_clock_is_behind(
    cinema: Cinema,
) -> None:
    held = cinema.hold("A1")
    cinema.clock.forward(seconds=-5)
    paid = cinema.confirm(held.id)

    assert the_event(cinema.relay_reservation(changed(held, paid))).occurred_at > held.created_at


def test_a_sale_that_was_restored_is_told_from_its_beginning(cinema: Cinema) -> None:
    held = cinema.hold("A1")
    paid = cinema.confirm(held.id)

    told = {m.content.type for m in cinema.relay_reservation(changed(None, paid)) if isinstance(m.content, Event)}

    assert told == {EventType.RESERVATION_CREATED, EventType.PAYMENT_CONFIRMED}


def test_a_reservation_made_anew_under_its_old_id_is_another_event(cinema: Cinema) -> None:
    """Its key was used again after TTL had deleted the first one."""
    first = cinema.hold("A1", key="k")
    anew = replace(first, expires_at=first.expires_at + timedelta(days=2))

    created = [the_event(cinema.relay_reservation(changed(None, held))) for held in (first, anew)]

    assert created[0].reservation_id == created[1].reservation_id
    assert created[0].id != created[1].id


def test_a_change_that_is_no_change_of_state_tells_nothing(cinema: Cinema) -> None:
    held = cinema.hold("A1")

    assert cinema.relay_reservation(changed(held, held)) == []


def test_a_pending_reservation_that_ttl_deleted_gives_its_seats_back_and_is_told_as_expired(cinema: Cinema) -> None:
    stored = FakeReservations()
    cinema.reservations = stored
    forgotten = cinema.hold("A1")
    stored.stored.clear()
    cinema.clock.forward(days=1)

    event = the_event(cinema.relay_reservation(changed(forgotten, None)))

    assert cinema.rows.read_entries_with_lapsed_or_raise_if_cancelled(cinema.session) == {}
    assert event.id == f"ReservationExpired:{forgotten.id}:{to_ms(forgotten.expires_at)}"


def test_a_deleted_reservation_whose_seats_were_sold_is_not_told_as_expired(cinema: Cinema) -> None:
    forgotten = cinema.hold("A1")
    cinema.rows.sell(forgotten.hold, a_sale(forgotten.hold), NOW)
    cinema.clock.forward(seconds=HOLD_SECONDS)

    assert cinema.relay_reservation(changed(forgotten, None)) == []


@pytest.mark.parametrize("state", [State.CONFIRMED, State.CANCELLED, State.EXPIRED])
def test_a_deleted_reservation_that_was_settled_sets_nothing_off(cinema: Cinema, state: State) -> None:
    forgotten = cinema.hold("A1")
    cinema.clock.forward(days=1)

    assert cinema.relay_reservation(changed(replace(forgotten, state=state), None)) == []
    assert list(cinema.rows.read_entries_with_lapsed_or_raise_if_cancelled(cinema.session)) == ["A1"]


def test_the_refund_of_a_sale_is_marked_on_its_reservation_when_it_was_made(cinema: Cinema) -> None:
    sold, other = (cinema.confirm(cinema.hold(seat, user=seat).id, f"tx-{seat}") for seat in ("A1", "A2"))
    payment = sold_payment_of(sold)
    assert payment
    requested = payment.with_refund_requested(RefundReason.SCREENING_CANCELLED, LATER)
    relay = MarkReservationIfRefundedAndListPaymentMessages(cinema.reservations)

    assert the_event(relay(PaymentChange(payment, requested))).type is EventType.REFUND_REQUESTED
    assert cinema.reservations.find(sold.id) == sold, "not refunded yet"
    refunded = requested.with_refund_completed("re-1", LATER)
    done = the_event(relay(PaymentChange(requested, refunded)))

    assert done.type is EventType.REFUND_COMPLETED
    assert cinema.reservations.find(sold.id) == replace(sold, refunded_at=refunded.refunded_at)
    assert cinema.reservations.find(other.id) == other
