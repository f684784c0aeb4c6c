"""Holding seats."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from chalicelib.domain.refusals import (
    IdempotencyKeyReused,
    ReservationCancelled,
    ReservationExpired,
    SalesClosed,
    SeatsNotFound,
    SeatsUnavailable,
    SessionNotFound,
    TooManySeats,
)
from chalicelib.domain.reservations import HeldSeat, Hold, SeatsTakenOrHoldEnded, State
from tests.builders import HOLD_SECONDS, MAX_SEATS, NOW, Cinema, a_session
from tests.fakes import Crash, MovableClock, crash, interposed, sent_twice


@pytest.fixture
def cinema() -> Cinema:
    return Cinema()


def test_held_seats_are_reserved_for_the_hold_time_at_the_ticket_price(cinema: Cinema) -> None:
    reservation = cinema.hold("A1", "A2")

    assert cinema.seats() == {"A1": "reserved", "A2": "reserved"}
    assert reservation.state is State.PENDING
    assert reservation.expires_at == NOW + timedelta(seconds=HOLD_SECONDS)
    assert reservation.amount == Decimal("50.00")


def test_a_hold_is_remembered(cinema: Cinema) -> None:
    reservation = cinema.hold("A1")

    assert cinema.reservations.find(reservation.id) == reservation


def test_seats_are_held_once_each_in_the_halls_order(cinema: Cinema) -> None:
    assert cinema.hold("B1", "A2", "B1", "A10").seats == ("A2", "A10", "B1")


def test_the_same_request_without_a_key_is_another_request(cinema: Cinema) -> None:
    cinema.hold("A1")

    with pytest.raises(SeatsUnavailable):
        cinema.hold("A1")


# Refusals.


@pytest.mark.parametrize("minutes", [0, 15, -15])
def test_a_screening_that_has_begun_is_not_sold_any_more(cinema: Cinema, minutes: int) -> None:
    cinema.change_settings(sales_end_minutes_after_start=minutes)
    closed_at = cinema.session.starts_at + timedelta(minutes=minutes)
    cinema.clock.now = closed_at - timedelta(milliseconds=1)
    in_time = cinema.hold("A1", user="ana")
    cinema.clock.now = closed_at

    with pytest.raises(SalesClosed) as refused:
        cinema.hold("A2", user="bia")

    assert (refused.value.session_id, refused.value.closed_at) == (cinema.session.id, closed_at)
    assert cinema.confirm(in_time.id).state is State.CONFIRMED, "a promise is kept"


def test_an_unknown_screening_is_refused(cinema: Cinema) -> None:
    with pytest.raises(SessionNotFound):
        cinema.hold("A1", session_id="no such session")


def test_seats_that_the_hall_lacks_are_named_and_the_others_not_held(cinema: Cinema) -> None:
    with pytest.raises(SeatsNotFound) as refused:
        cinema.hold("A1", "B7", "C1")

    assert refused.value.seats == ("B7", "C1")
    assert cinema.seats() == {}


def test_more_seats_than_allowed_are_refused(cinema: Cinema) -> None:
    with pytest.raises(TooManySeats) as refused:
        cinema.hold(*(f"A{number}" for number in range(1, MAX_SEATS + 2)))

    assert (refused.value.asked, refused.value.limit) == (MAX_SEATS + 1, MAX_SEATS)
    assert cinema.seats() == {}


def test_as_many_seats_as_allowed_are_held_however_often_each_is_named(cinema: Cinema) -> None:
    allowed = [f"A{number}" for number in range(1, MAX_SEATS + 1)]

    assert len(cinema.hold(*allowed, *allowed).seats) == MAX_SEATS


def test_taken_seats_are_named_held_and_sold_and_the_free_ones_not_held(cinema: Cinema) -> None:
    cinema.hold("A1")
    cinema.confirm(cinema.hold("A2").id)

    with pytest.raises(SeatsUnavailable) as refused:
        cinema.hold("A1", "A2", "A3", user="bia")

    assert set(refused.value.seats) == {"A1", "A2"}
    assert cinema.seats() == {"A1": "reserved", "A2": "sold"}


def test_one_taken_seat_refuses_a_request_for_two_rows(cinema: Cinema) -> None:
    cinema.hold("B1")

    with pytest.raises(SeatsUnavailable) as refused:
        cinema.hold("A10", "B1", user="bia")

    assert refused.value.seats == ("B1",)
    assert cinema.seats() == {"B1": "reserved"}


def test_a_lapsed_hold_can_be_taken_by_someone_else(cinema: Cinema) -> None:
    cinema.hold("A1", user="ana")
    cinema.clock.forward(seconds=HOLD_SECONDS)

    assert cinema.hold("A1", user="bia").user_id == "bia"


def test_a_hold_lasts_until_the_last_millisecond(cinema: Cinema) -> None:
    cinema.hold("A1", user="ana")
    cinema.clock.forward(seconds=HOLD_SECONDS, milliseconds=-1)

    with pytest.raises(SeatsUnavailable):
        cinema.hold("A1", user="bia")


def test_a_seat_that_was_held_and_given_back_meanwhile_is_refused_and_no_other(cinema: Cinema) -> None:
    """The rows refuse it, so that no delayed write brings back a hold; the other seats nobody ever had."""

    def hold_and_give_back() -> None:
        cinema.clock.forward(milliseconds=1)
        cinema.cancel(cinema.hold("A2", user="bia").id)

    slow = replace(cinema, rows=interposed(cinema.rows, "hold", before=hold_and_give_back))

    with pytest.raises(SeatsUnavailable) as refused:
        slow.hold("A1", "A2", "A3")

    assert refused.value.seats == ("A2",)


# The same request again.


def test_a_resend_gets_the_first_answer(cinema: Cinema) -> None:
    first = cinema.hold("A1", "A2", key="k")
    cinema.clock.forward(seconds=5)

    assert cinema.hold("A1", "A2", key="k") == first
    assert cinema.seats() == {"A1": "reserved", "A2": "reserved"}


def test_a_resend_may_name_the_seats_in_another_order(cinema: Cinema) -> None:
    first = cinema.hold("A1", "A2", key="k")

    assert cinema.hold("A2", "A1", "A2", key="k") == first


def test_a_resend_after_the_lapse_is_told_so_and_holds_nothing(cinema: Cinema) -> None:
    first = cinema.hold("A1", key="k")
    cinema.clock.forward(seconds=HOLD_SECONDS)

    with pytest.raises(ReservationExpired) as refused:
        cinema.hold("A1", key="k")

    assert (refused.value.reservation_id, refused.value.expired_at) == (first.id, first.expires_at)
    assert cinema.seats() == {}


def test_a_resend_after_cancelling_is_told_so_and_holds_nothing(cinema: Cinema) -> None:
    first = cinema.hold("A1", key="k")
    cinema.cancel(first.id)

    with pytest.raises(ReservationCancelled):
        cinema.hold("A1", key="k")

    assert cinema.seats() == {}


def test_a_released_hold_can_not_be_made_again_bit_for_bit(cinema: Cinema) -> None:
    """As a request of the client library's does that was thought lost and takes effect after all."""
    held = cinema.hold("A1")
    cinema.cancel(held.id)

    for _ in range(2):
        with pytest.raises(SeatsTakenOrHoldEnded):
            cinema.rows.hold(held.hold, held.created_at)
        theirs = cinema.hold("A1", user="bia")
        cinema.cancel(theirs.id)

    assert cinema.seats() == {}


def test_a_hold_that_has_lapsed_by_another_instances_clock_is_not_told_that_somebody_has_cancelled(
    cinema: Cinema,
) -> None:
    def expire_by_a_clock_that_is_ahead() -> None:
        cinema.clock.forward(seconds=HOLD_SECONDS - 4)
        ahead = replace(cinema, clock=MovableClock(cinema.clock() + timedelta(seconds=5)))
        (entry,) = cinema.rows.read_entries_with_lapsed_or_raise_if_cancelled(cinema.session).values()
        assert isinstance(entry, HeldSeat)
        ahead.expire(Hold(cinema.session.id, entry.reservation_id, ("A1",), entry.expires_at))

    stopped = replace(
        cinema,
        reservations=interposed(
            cinema.reservations, "get_or_add_unless_hold_barred", before=expire_by_a_clock_that_is_ahead
        ),
    )

    with pytest.raises(ReservationExpired) as refused:
        stopped.hold("A1")

    assert refused.value.expired_at == cinema.clock()
    assert cinema.seats() == {}


def test_a_hold_whose_instance_stopped_until_it_had_expired_is_told_so_and_has_ended(cinema: Cinema) -> None:
    def expire_meanwhile() -> None:
        cinema.clock.forward(seconds=HOLD_SECONDS + 1)
        (told,) = cinema.rows.events[cinema.session.id, "A"]  # type: ignore[attr-defined]
        cinema.expire(told.hold)

    stopped = replace(
        cinema, reservations=interposed(cinema.reservations, "get_or_add_unless_hold_barred", before=expire_meanwhile)
    )

    with pytest.raises(ReservationExpired):
        stopped.hold("A1")

    assert cinema.reservations.stored == {}  # type: ignore[attr-defined]


def test_a_hold_that_is_remembered_after_it_expired_is_told_so_and_ends_with_its_message(cinema: Cinema) -> None:
    def pass_time() -> None:
        cinema.clock.forward(seconds=HOLD_SECONDS)

    with pytest.raises(ReservationExpired) as refused:
        replace(
            cinema, reservations=interposed(cinema.reservations, "get_or_add_unless_hold_barred", before=pass_time)
        ).hold("A1")
    stored = cinema.reservations.find(refused.value.reservation_id)
    assert stored
    cinema.expire(stored.hold)

    ended = cinema.reservations.find(stored.id)
    assert ended
    assert ended.state is State.EXPIRED


def test_a_resend_after_paying_gets_the_first_answer(cinema: Cinema) -> None:
    first = cinema.hold("A1", key="k")
    cinema.confirm(first.id)

    assert cinema.hold("A1", key="k").hold == first.hold
    assert cinema.seats() == {"A1": "sold"}


def test_a_resend_is_told_of_the_lapse_though_the_seat_is_someone_elses_by_now(cinema: Cinema) -> None:
    cinema.hold("A1", user="ana", key="k")
    cinema.clock.forward(seconds=HOLD_SECONDS)
    theirs = cinema.hold("A1", user="bia")

    with pytest.raises(ReservationExpired):
        cinema.hold("A1", user="ana", key="k")
    assert cinema.confirm(theirs.id).state is State.CONFIRMED


def test_the_same_key_of_another_user_is_another_key(cinema: Cinema) -> None:
    first = cinema.hold("A1", user="ana", key="k")

    assert cinema.hold("A2", user="bia", key="k").id != first.id


# The same key with another request.


@pytest.mark.parametrize(
    "others", [("A2",), ("A1", "A2"), ("A2", "A3"), ("A1",), ("A10", "B1")], ids=lambda seats: "+".join(seats)
)
def test_a_key_reused_for_other_seats_is_refused_and_holds_nothing(cinema: Cinema, others: tuple[str, ...]) -> None:
    cinema.hold("A1", "A3", key="k")

    with pytest.raises(IdempotencyKeyReused):
        cinema.hold(*others, key="k")

    assert cinema.seats() == {"A1": "reserved", "A3": "reserved"}


def test_a_key_reused_for_another_screening_is_refused_and_holds_nothing(cinema: Cinema) -> None:
    another = a_session()
    cinema.sessions.get_or_add_with_rows(another)
    cinema.hold("A1", key="k")

    with pytest.raises(IdempotencyKeyReused):
        cinema.hold("A1", key="k", session_id=another.id)

    assert cinema.rows.read_entries_with_lapsed_or_raise_if_cancelled(another) == {}


def test_a_key_reused_after_the_first_hold_lapsed_is_refused_and_holds_nothing(cinema: Cinema) -> None:
    cinema.hold("A1", key="k")
    cinema.clock.forward(seconds=HOLD_SECONDS)

    with pytest.raises(IdempotencyKeyReused):
        cinema.hold("A1", "A2", key="k")

    assert cinema.seats() == {}


def test_a_key_reused_for_someone_elses_seats_is_refused_as_such(cinema: Cinema) -> None:
    cinema.hold("A1", user="ana", key="k")
    cinema.hold("A2", user="bia")

    with pytest.raises(IdempotencyKeyReused):
        cinema.hold("A2", user="ana", key="k")


def test_a_refused_request_may_be_sent_with_its_key_again_when_the_seat_is_free(cinema: Cinema) -> None:
    theirs = cinema.hold("A1", user="bia")
    with pytest.raises(SeatsUnavailable):
        cinema.hold("A1", user="ana", key="k")
    cinema.cancel(theirs.id)

    assert cinema.hold("A1", user="ana", key="k").user_id == "ana"


@pytest.mark.parametrize("lost", ["A1", "A2"])
def test_an_earlier_attempt_that_lost_a_part_of_its_seats_is_none(cinema: Cinema, lost: str) -> None:
    dying = replace(cinema, reservations=interposed(cinema.reservations, "get_or_add_unless_hold_barred", before=crash))
    with pytest.raises(Crash):
        dying.hold("A1", "A2", user="ana", key="k")
    (told,) = cinema.rows.events[cinema.session.id, "A"]  # type: ignore[attr-defined]
    cinema.rows.release(replace(told.hold, seats=(lost,)), cinema.clock())
    cinema.clock.forward(milliseconds=1)
    theirs = cinema.hold(lost, user="bia")

    with pytest.raises(SeatsUnavailable) as refused:
        cinema.hold("A1", "A2", user="ana", key="k")

    assert refused.value.seats == (lost,)
    assert cinema.reservations.find(told.hold.reservation_id) is None
    assert cinema.confirm(theirs.id).state is State.CONFIRMED


# Crashes and lost answers.


def test_a_crash_before_the_reservation_leaves_a_hold_that_lapses(cinema: Cinema) -> None:
    dying = replace(cinema, reservations=interposed(cinema.reservations, "get_or_add_unless_hold_barred", before=crash))

    with pytest.raises(Crash):
        dying.hold("A1", user="ana")
    cinema.clock.forward(seconds=HOLD_SECONDS)

    assert cinema.hold("A1", user="bia").user_id == "bia"


@pytest.mark.parametrize("seats", [("A1", "A2"), ("A10", "B1")], ids=["one row", "two rows"])
def test_a_resend_finishes_what_a_twin_began_with_the_twins_expiry(cinema: Cinema, seats: tuple[str, ...]) -> None:
    dying = replace(cinema, reservations=interposed(cinema.reservations, "get_or_add_unless_hold_barred", before=crash))
    with pytest.raises(Crash):
        dying.hold(*seats, key="k")
    cinema.clock.forward(seconds=5)

    finished = cinema.hold(*seats, key="k")

    assert finished.expires_at == NOW + timedelta(seconds=HOLD_SECONDS)
    assert cinema.reservations.find(finished.id) == finished
    assert cinema.confirm(finished.id).state is State.CONFIRMED


def test_a_resend_gets_the_first_answer_when_that_was_lost_after_the_reservation(cinema: Cinema) -> None:
    dying = replace(cinema, reservations=interposed(cinema.reservations, "get_or_add_unless_hold_barred", after=crash))
    with pytest.raises(Crash):
        dying.hold("A1", key="k")
    cinema.clock.forward(seconds=5)

    assert cinema.hold("A1", key="k").expires_at == NOW + timedelta(seconds=HOLD_SECONDS)


def test_a_twin_that_died_does_not_lend_its_seats_to_another_request_with_its_key(cinema: Cinema) -> None:
    dying = replace(cinema, reservations=interposed(cinema.reservations, "get_or_add_unless_hold_barred", before=crash))
    with pytest.raises(Crash):
        dying.hold("A1", key="k")

    with pytest.raises(IdempotencyKeyReused):
        cinema.hold("A1", "A2", key="k")

    assert cinema.seats() == {"A1": "reserved"}


def test_twins_at_the_same_time_get_one_answer(cinema: Cinema) -> None:
    answers = []

    def twin() -> None:
        answers.append(cinema.hold("A1", key="k"))

    first = replace(cinema, reservations=interposed(cinema.reservations, "get_or_add_unless_hold_barred", before=twin))
    answers.append(first.hold("A1", key="k"))

    assert answers[0] == answers[1]
    assert cinema.seats() == {"A1": "reserved"}


def test_of_two_requests_at_the_same_time_with_one_key_one_is_refused_and_holds_nothing(cinema: Cinema) -> None:
    first = replace(
        cinema,
        reservations=interposed(
            cinema.reservations, "get_or_add_unless_hold_barred", before=lambda: cinema.hold("A2", key="k")
        ),
    )

    with pytest.raises(IdempotencyKeyReused):
        first.hold("A1", key="k")

    assert cinema.seats() == {"A2": "reserved"}


def test_a_refused_reuse_that_died_before_giving_back_is_given_back_by_its_resend(cinema: Cinema) -> None:
    cinema.hold("A1", key="k")
    dying = replace(cinema, rows=interposed(cinema.rows, "release", before=crash))
    with pytest.raises(Crash):
        dying.hold("A2", key="k")

    with pytest.raises(IdempotencyKeyReused):
        cinema.hold("A2", key="k")

    assert cinema.seats() == {"A1": "reserved"}


@pytest.mark.parametrize("key", [None, "k"])
def test_a_hold_that_the_client_library_sends_twice_is_no_conflict_with_itself(cinema: Cinema, key: str | None) -> None:
    """The first answer is lost on its way, the write stands; the library's second try then finds its own seats."""
    cinema.rows = sent_twice(cinema.rows, "hold")

    reservation = cinema.hold("A1", "B1", key=key)

    assert cinema.reservations.find(reservation.id) == reservation
    assert cinema.confirm(reservation.id).state is State.CONFIRMED
