"""So many live holds for each user and screening, and no more."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.ports import HoldsCountedUntilExpiry
from chalicelib.domain.refusals import (
    BackendUnavailable,
    IdempotencyKeyReused,
    ReservationCancelled,
    ReservationNotFound,
    SeatsUnavailable,
    TooManyHoldsInSession,
)
from chalicelib.domain.reservations import CountedHold, Hold, HoldLimitReachedOrReplacedHoldChanged, State
from tests.builders import HOLD_SECONDS, MAX_LIVE_HOLDS, NOW, Cinema, a_hold, a_session
from tests.fakes import Crash, crash, interposed, sent_twice


@pytest.fixture
def cinema() -> Cinema:
    return Cinema()


@pytest.fixture
def full(cinema: Cinema) -> Cinema:
    """Ana holds A1 and, a second later, A2: as much as she may."""
    cinema.hold("A1", user="ana", key="first")
    cinema.clock.forward(seconds=1)
    cinema.hold("A2", user="ana", key="second")
    return cinema


def refused(cinema: Cinema, *seats: str, key: str | None = None) -> TooManyHoldsInSession:
    with pytest.raises(TooManyHoldsInSession) as refusal:
        cinema.hold(*seats, user="ana", key=key)
    return refusal.value


@pytest.mark.parametrize("seats", [("A3",), ("A3", "B1")], ids=["one row", "two rows"])
@pytest.mark.parametrize("key", [None, "third"])
def test_one_hold_too_many_is_refused_with_the_facts_and_holds_nothing(
    full: Cinema, seats: tuple[str, ...], key: str | None
) -> None:
    refusal = refused(full, *seats, key=key)

    assert refusal.limit == MAX_LIVE_HOLDS
    assert refusal.free_at == NOW + timedelta(seconds=HOLD_SECONDS)
    assert full.seats() == {"A1": "reserved", "A2": "reserved"}


def test_others_and_other_screenings_have_limits_of_their_own(full: Cinema) -> None:
    another = a_session()
    full.sessions.get_or_add_with_rows(another)

    assert full.hold("A3", user="bia").user_id == "bia"
    assert full.hold("A1", user="ana", session_id=another.id).session_id == another.id


def test_who_holds_in_somebodys_name_from_elsewhere_takes_none_of_their_room(cinema: Cinema) -> None:
    for seat in ("A1", "A2"):
        cinema.hold(seat, user="ana", source="192.0.2.1")
    with pytest.raises(TooManyHoldsInSession):
        cinema.hold("A3", user="ana", source="192.0.2.1")

    cinema.hold("B1", user="ana", source="198.51.100.7")
    cinema.hold("B2", user="ana", source="198.51.100.7")
    with pytest.raises(TooManyHoldsInSession):
        cinema.hold("B3", user="ana", source="198.51.100.7")


def test_a_resend_from_another_network_gets_its_answer(cinema: Cinema) -> None:
    held = cinema.hold("A1", user="ana", key="k", source="192.0.2.1")

    assert cinema.hold("A1", user="ana", key="k", source="198.51.100.7") == held


def test_a_lapsed_hold_counts_no_more_from_its_very_millisecond(full: Cinema) -> None:
    full.clock.forward(seconds=HOLD_SECONDS - 1, milliseconds=-1)
    refused(full, "A3")
    full.clock.forward(milliseconds=1)

    full.hold("A3", user="ana")

    assert refused(full, "A4").free_at == NOW + timedelta(seconds=HOLD_SECONDS + 1)


def test_a_hold_that_lapsed_before_an_older_one_counts_no_more(full: Cinema) -> None:
    """As when an instance's clock was behind, or holds were shortened meanwhile."""
    short = a_hold("A9", session=full.session, expires_in=2)
    ended = CountedHold(full.ids.reservation_id("ana", "second"), NOW + timedelta(seconds=HOLD_SECONDS + 1), 0)
    full.holds_counted_until_expiry.count_hold("ana", short, MAX_LIVE_HOLDS, full.clock(), ended)
    refused(full, "A3")
    full.clock.forward(seconds=1)

    assert full.hold("A3", user="ana").state is State.PENDING


def paid(cinema: Cinema, reservation_id: str) -> None:
    cinema.confirm(reservation_id)


def cancelled(cinema: Cinema, reservation_id: str) -> None:
    cinema.cancel(reservation_id)


@pytest.mark.parametrize("which", ["first", "second"])
@pytest.mark.parametrize("ended", [paid, cancelled])
def test_a_hold_that_has_ended_counts_no_more_at_once_and_makes_room_for_one(
    full: Cinema, ended: Callable[[Cinema, str], None], which: str
) -> None:
    ended(full, full.ids.reservation_id("ana", which))

    full.hold("A3", user="ana")

    left = NOW + timedelta(seconds=HOLD_SECONDS + (1 if which == "first" else 0))
    assert refused(full, "A4").free_at == left


def test_any_number_of_holds_may_be_made_one_after_the_other(cinema: Cinema) -> None:
    for number in range(1, 7):
        cinema.confirm(cinema.hold(f"A{number}", user="ana").id, f"tx-{number}")
        cinema.cancel(cinema.hold(f"A{number + 1}", user="ana").id)

    assert set(cinema.seats()) == {f"A{number}" for number in range(1, 7)}


def test_a_hold_that_is_refused_for_its_seats_counts_nothing(cinema: Cinema) -> None:
    cinema.hold("A1", user="bia")
    for _ in range(3):
        with pytest.raises(SeatsUnavailable):
            cinema.hold("A1", user="ana")
    cinema.hold("A2", user="ana")

    assert cinema.hold("A3", user="ana").state is State.PENDING


# A key.


def test_a_resend_gets_its_answer_though_there_is_no_room(full: Cinema) -> None:
    first = full.reservations.find(full.ids.reservation_id("ana", "first"))

    assert full.hold("A1", user="ana", key="first") == first
    assert full.seats() == {"A1": "reserved", "A2": "reserved"}


def test_a_resend_of_what_was_given_back_is_told_so_though_there_is_no_room(full: Cinema) -> None:
    cancelled(full, full.ids.reservation_id("ana", "first"))
    full.hold("A3", user="ana")

    with pytest.raises(ReservationCancelled):
        full.hold("A1", user="ana", key="first")
    assert full.seats() == {"A2": "reserved", "A3": "reserved"}


def test_a_resend_of_what_was_given_back_takes_no_room(cinema: Cinema) -> None:
    cancelled(cinema, cinema.hold("A1", user="ana", key="k").id)
    for milliseconds in (0, 1, 1):
        cinema.clock.forward(milliseconds=milliseconds)
        with pytest.raises(ReservationCancelled):
            cinema.hold("A1", user="ana", key="k")

    cinema.hold("A2", user="ana")
    cinema.hold("A3", user="ana")
    refused(cinema, "A4")


def test_a_key_reused_is_refused_as_such_though_there_is_no_room_and_takes_none(full: Cinema) -> None:
    with pytest.raises(IdempotencyKeyReused):
        full.hold("A3", user="ana", key="first")

    assert full.seats() == {"A1": "reserved", "A2": "reserved"}


def test_a_key_reused_takes_no_room(cinema: Cinema) -> None:
    cinema.hold("A1", user="ana", key="k")
    cinema.clock.forward(seconds=1)
    with pytest.raises(IdempotencyKeyReused):
        cinema.hold("A2", user="ana", key="k")

    cinema.hold("A3", user="ana")
    refused(cinema, "A4")


def test_a_key_that_other_requests_are_being_counted_with_is_refused_as_reused(cinema: Cinema) -> None:
    """None of them is remembered yet: they came together."""
    for seat in ("A1", "A2"):
        with pytest.raises(Crash):
            replace(
                cinema, reservations=interposed(cinema.reservations, "get_or_add_unless_hold_barred", before=crash)
            ).hold(seat, user="ana", key="k")
        cinema.clock.forward(milliseconds=1)

    with pytest.raises(IdempotencyKeyReused):
        cinema.hold("A3", user="ana", key="k")

    assert cinema.seats() == {"A1": "reserved", "A2": "reserved"}


def test_a_refused_hold_may_be_sent_with_its_key_again_when_there_is_room(full: Cinema) -> None:
    refused(full, "A3", key="third")
    full.clock.forward(seconds=HOLD_SECONDS - 1)

    assert full.hold("A3", user="ana", key="third").state is State.PENDING


# Crashes, lost answers, twins.


def hold_of(cinema: Cinema, key: str) -> Hold:
    reservation = cinema.reservations.find(cinema.ids.reservation_id("ana", key))
    assert reservation
    return reservation.hold


@pytest.mark.parametrize("key", [None, "k"])
def test_a_hold_that_the_client_library_counts_twice_takes_one_place(cinema: Cinema, key: str | None) -> None:
    cinema.holds_counted_until_expiry = sent_twice(cinema.holds_counted_until_expiry, "count_hold")
    cinema.hold("A1", user="ana", key=key)

    cinema.hold("A2", user="ana")
    refused(cinema, "A3")


def test_a_hold_in_an_ended_ones_place_that_is_counted_twice_takes_one_place(full: Cinema) -> None:
    paid(full, full.ids.reservation_id("ana", "first"))
    full.holds_counted_until_expiry = sent_twice(full.holds_counted_until_expiry, "count_hold")
    full.hold("A3", user="ana")

    refused(full, "A4")


@pytest.mark.parametrize("key", [None, "k"])
def test_a_lost_answer_of_the_rows_and_no_room_leave_the_seats_free_or_lapsing(full: Cinema, key: str | None) -> None:
    """With a key the seats may be a twin's, who gives them back itself; without one they are surely ours."""
    full.rows = sent_twice(full.rows, "hold")
    refused(full, "A3", key=key)
    assert ("A3" in full.seats()) is (key is not None)

    full.clock.forward(seconds=HOLD_SECONDS)
    assert full.seats() == {}


@pytest.mark.parametrize(
    ("port", "method"),
    [("holds_counted_until_expiry", "count_hold"), ("reservations", "get_or_add_unless_hold_barred")],
)
def test_whatever_a_request_died_at_lapses_with_its_hold(cinema: Cinema, port: str, method: str) -> None:
    for seat, when in (("A1", "before"), ("A2", "after")):
        broken = interposed(getattr(cinema, port), method, **{when: crash})
        with pytest.raises(Crash):
            replace(cinema, **{port: broken}).hold(seat, user="ana")
    cinema.clock.forward(seconds=HOLD_SECONDS)

    cinema.hold("A1", user="ana")
    cinema.hold("A2", user="ana")


def test_a_hold_that_is_counted_and_not_remembered_counts_until_it_would_lapse(cinema: Cinema) -> None:
    """Its request may be at work. To let another one in would let two in."""
    for seat in ("A1", "A2"):
        with pytest.raises(Crash):
            replace(
                cinema, reservations=interposed(cinema.reservations, "get_or_add_unless_hold_barred", before=crash)
            ).hold(seat, user="ana")

    refused(cinema, "A3")


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_resend_finishes_what_died_at_counting(cinema: Cinema, when: str) -> None:
    broken = interposed(cinema.holds_counted_until_expiry, "count_hold", **{when: crash})
    with pytest.raises(Crash):
        replace(cinema, holds_counted_until_expiry=broken).hold("A1", user="ana", key="k")
    cinema.clock.forward(seconds=5)

    finished = cinema.hold("A1", user="ana", key="k")
    cinema.hold("A2", user="ana")

    assert finished.expires_at == NOW + timedelta(seconds=HOLD_SECONDS)
    refused(cinema, "A3")


def test_a_resend_of_what_died_at_counting_is_refused_when_there_is_no_room_and_its_seats_lapse(full: Cinema) -> None:
    with pytest.raises(Crash):
        replace(
            full, holds_counted_until_expiry=interposed(full.holds_counted_until_expiry, "count_hold", before=crash)
        ).hold("A3", user="ana", key="k")

    refused(full, "A3", key="k")

    full.clock.forward(seconds=HOLD_SECONDS)
    assert full.seats() == {}


def test_of_twins_one_let_in_before_the_other_is_refused_both_have_the_seats(full: Cinema) -> None:
    """There is no room for the first; before it gives its seat back, room comes, and its twin makes use of it."""

    def twin() -> None:
        paid(full, full.ids.reservation_id("ana", "first"))
        full.hold("A3", user="ana", key="k")

    held = replace(
        full, reservations=interposed(full.reservations, "bar_hold_and_earlier_or_read_stored", before=twin)
    ).hold("A3", user="ana", key="k")

    assert full.seats() == {"A1": "sold", "A2": "reserved", "A3": "reserved"}
    assert full.confirm(held.id, "tx-2").state is State.CONFIRMED


@pytest.mark.parametrize("moment", ["before", "after"])
def test_of_twins_one_refused_first_neither_is_promised_what_it_gives_back(full: Cinema, moment: str) -> None:
    def twin() -> None:
        paid(full, full.ids.reservation_id("ana", "first"))
        with pytest.raises(ReservationCancelled):
            full.hold("A3", user="ana", key="k")

    port = {"before": ("rows", "release"), "after": ("reservations", "bar_hold_and_earlier_or_read_stored")}[moment]
    broken = interposed(getattr(full, port[0]), port[1], **{moment: twin})
    with pytest.raises(TooManyHoldsInSession):
        replace(full, **{port[0]: broken}).hold("A3", user="ana", key="k")

    assert full.seats() == {"A1": "sold", "A2": "reserved"}
    full.clock.forward(seconds=HOLD_SECONDS)
    again = full.hold("A3", user="ana", key="k")
    assert full.confirm(again.id, "tx-2").state is State.CONFIRMED, "the key is not used up"


# At the same time.


def test_of_two_that_see_the_same_ended_hold_one_takes_its_place(full: Cinema) -> None:
    paid(full, full.ids.reservation_id("ana", "first"))
    other: list[str] = []

    def rival() -> None:
        if not other:
            other.append("A4")
            other.append(full.hold("A4", user="ana").id)

    late = replace(full, reservations=interposed(full.reservations, "find", after=rival))
    refused(late, "A3")

    assert full.seats() == {"A1": "sold", "A2": "reserved", "A4": "reserved"}


def test_when_the_limit_is_lowered_and_holds_shortened_no_live_hold_is_forgotten(cinema: Cinema) -> None:
    cinema.change_settings(max_live_holds=MAX_LIVE_HOLDS + 1)
    oldest = cinema.hold("A1", user="ana")
    cinema.hold("A2", user="ana")
    cinema.change_settings(hold_seconds=HOLD_SECONDS // 2)
    short = cinema.hold("A3", user="ana")
    cinema.cancel(oldest.id)
    cinema.cancel(short.id)
    cinema.change_settings(max_live_holds=MAX_LIVE_HOLDS, hold_seconds=HOLD_SECONDS)

    cinema.hold("A4", user="ana")
    cinema.clock.forward(seconds=HOLD_SECONDS // 2)

    refused(cinema, "A5")


def test_a_hold_that_never_comes_to_its_place_says_ask_again(full: Cinema) -> None:
    class Unlucky:
        def count_hold(self, user_id: str, hold: object, *_: object) -> None:
            raise HoldLimitReachedOrReplacedHoldChanged(())

    unlucky: HoldsCountedUntilExpiry = Unlucky()
    with pytest.raises(BackendUnavailable):
        replace(full, holds_counted_until_expiry=unlucky).hold("A3", user="ana")


def test_a_refusal_names_no_reservation(full: Cinema) -> None:
    assert vars(refused(full, "A3")).keys() == {"limit", "free_at"}
    with pytest.raises(ReservationNotFound):
        full.cancel("res-ana-third")
