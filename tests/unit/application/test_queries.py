"""What is shown."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from threading import Semaphore

import pytest

from chalicelib.application.queries import CachedReadinessCheck, CheckDependencies, SeatView, ShowSeatMapUnlessCancelled
from chalicelib.domain.board import DependencyState
from chalicelib.domain.refusals import ReservationNotFound, SessionNotFound
from chalicelib.domain.reservations import State
from tests.builders import HOLD_SECONDS, NOW, Cinema
from tests.fakes import MovableClock


@pytest.fixture
def cinema() -> Cinema:
    return Cinema()


@pytest.fixture
def show_seats(cinema: Cinema) -> ShowSeatMapUnlessCancelled:
    return ShowSeatMapUnlessCancelled(cinema.sessions, cinema.rows, cinema.clock)


def test_every_seat_is_shown_in_the_halls_order(cinema: Cinema, show_seats: ShowSeatMapUnlessCancelled) -> None:
    shown = show_seats(cinema.session.id)

    assert [seat.number for seat in shown.seats] == list(cinema.session.seats)
    assert shown.available_seats == cinema.session.total_seats


def test_a_held_seat_shows_when_it_lapses(cinema: Cinema, show_seats: ShowSeatMapUnlessCancelled) -> None:
    held = cinema.hold("A2")

    assert show_seats(cinema.session.id).seats[1] == SeatView("A2", "reserved", held.expires_at)


def test_a_sold_seat_shows_no_expiry(cinema: Cinema, show_seats: ShowSeatMapUnlessCancelled) -> None:
    cinema.confirm(cinema.hold("A2").id)

    assert show_seats(cinema.session.id).seats[1] == SeatView("A2", "sold")


def test_only_free_seats_count_as_available(cinema: Cinema, show_seats: ShowSeatMapUnlessCancelled) -> None:
    cinema.hold("A1")
    cinema.confirm(cinema.hold("A2", "A3").id)

    assert show_seats(cinema.session.id).available_seats == cinema.session.total_seats - 3


def test_a_hold_is_shown_until_its_last_millisecond(cinema: Cinema) -> None:
    cinema.hold("A1")
    cinema.clock.forward(seconds=HOLD_SECONDS, milliseconds=-1)

    assert cinema.seats() == {"A1": "reserved"}


def test_a_lapsed_hold_is_shown_as_available_from_its_very_moment(
    cinema: Cinema, show_seats: ShowSeatMapUnlessCancelled
) -> None:
    cinema.hold("A1")
    cinema.clock.forward(seconds=HOLD_SECONDS)

    assert show_seats(cinema.session.id).seats[0] == SeatView("A1", "available")


def test_the_seats_of_an_unknown_screening_are_not_found(show_seats: ShowSeatMapUnlessCancelled) -> None:
    with pytest.raises(SessionNotFound):
        show_seats("no such session")


def test_a_reservation_is_shown_as_expired_from_its_very_moment(cinema: Cinema) -> None:
    held = cinema.hold("A1")

    assert cinema.show_reservation(held.id) == (held, State.PENDING)
    cinema.clock.now = NOW + timedelta(seconds=HOLD_SECONDS)
    assert cinema.show_reservation(held.id) == (held, State.EXPIRED)


def test_an_unknown_reservation_is_not_found(cinema: Cinema) -> None:
    with pytest.raises(ReservationNotFound):
        cinema.show_reservation("no such reservation")


def test_a_hold_is_no_purchase(cinema: Cinema) -> None:
    cinema.hold("A1", user="ana")

    assert cinema.bought_by("ana") == []


def test_readiness_asks_every_dependency_though_one_is_down() -> None:
    states = [DependencyState("one", True, False, 1.0, "Timeout"), DependencyState("two", False, True, 2.0)]

    assert CheckDependencies([lambda: states[0], lambda: states[1]])() == tuple(states)


@dataclass
class CountingProbe:
    """The payment gateway, say: it takes until all who are to ask at once have come."""

    asked: int = 0
    wait: Callable[[], object] = lambda: None

    def __call__(self) -> DependencyState:
        self.asked += 1
        self.wait()
        return DependencyState("payments", False, True, 1.0)


def test_who_asks_whether_we_are_ready_within_a_second_gets_the_same_answer() -> None:
    gateway, clock = CountingProbe(), MovableClock(NOW)
    ready = CachedReadinessCheck(CheckDependencies([gateway]), clock)

    first = [ready() for _ in range(100)]
    clock.forward(milliseconds=999)
    first.append(ready())

    assert gateway.asked == 1
    assert {answer.checked_at for answer in first} == {NOW}
    clock.forward(milliseconds=1)
    assert ready().checked_at == clock()
    assert gateway.asked == 2


def test_a_hundred_at_once_ask_each_dependency_once_however_long_it_takes() -> None:
    clock, here = MovableClock(NOW), Semaphore(0)

    def hang() -> None:
        for _ in range(100):
            here.acquire()
        clock.forward(seconds=5)

    gateway = CountingProbe(wait=hang)
    ready = CachedReadinessCheck(CheckDependencies([gateway]), clock)

    def ask(_: int) -> object:
        here.release()
        return ready()

    with ThreadPoolExecutor(100) as threads:
        answers = set(threads.map(ask, range(100)))

    assert gateway.asked == 1
    assert len(answers) == 1


def test_a_clock_that_goes_back_keeps_no_old_answer() -> None:
    gateway, clock = CountingProbe(), MovableClock(NOW)
    ready = CachedReadinessCheck(CheckDependencies([gateway]), clock)
    ready()
    clock.forward(seconds=-60)
    ready()

    assert gateway.asked == 2
