"""A screening's events give its rows and reservations; each way in which the tables may differ is named."""

from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from chalicelib.domain.events import EventType
from chalicelib.domain.reservations import HeldSeat, Occupancy, Reservation, SoldSeat, State
from infra.ops.screening_log import Difference, Tables, fold_events
from tests.builders import HOLD_SECONDS, NOW
from tests.telling import Stage

SEATS = ("A1", "A2", "A10", "B1")


@pytest.fixture
def stage() -> Stage:
    return Stage()


holds = some.tuples(
    some.just("hold"),
    some.lists(some.sampled_from(SEATS), min_size=1, max_size=3, unique=True),
    some.sampled_from(("ana", "bia")),
    some.sampled_from((None, "k1", "k2")),
    some.sampled_from(("", "", "", "get_or_add_unless_hold_barred")),
)
follow_ups = some.tuples(
    some.sampled_from(
        (
            ("confirm", ""),
            ("confirm", "mark_confirmed_unless_sold_and_read"),
            ("cancel", ""),
            ("cancel", "mark_ended_if_pending_with_hold_and_read"),
        )
    ),
    some.integers(0, 20),
)
passing_time = some.tuples(
    some.just("time"), some.sampled_from((0, 500, 1_000, 29_990, 30_000, 45_000)), some.booleans()
)
rarely = some.tuples(some.just("cancel the screening"), some.integers(0, 4))
histories = some.lists(some.one_of(holds, follow_ups, passing_time, rarely), max_size=25)


def lived_through(stage: Stage, history: list[Any]) -> None:
    for step in history:
        match step:
            case ("hold", seats, user, key, dying_at):
                stage.request("hold", *seats, user=user, key=key, dying_at=dying_at)
            case ("time", milliseconds, expiry_works):
                stage.clock.forward(milliseconds=milliseconds)
                if expiry_works:
                    stage.expire_all()
            case ("cancel the screening", 0):
                stage.cinema.cancel_session()
            case ((method, dying_at), number) if known := list(stage.reservations.stored):
                stage.request(method, known[number % len(known)], dying_at=dying_at)


def without_lone_holds(tables: Tables) -> Tables:
    """Leaves out holds whose request died before their reservation was remembered: no event describes them."""

    def is_remembered(entry: Occupancy) -> bool:
        stored = tables.reservations.get(entry.reservation_id)
        return isinstance(entry, SoldSeat) or (stored is not None and entry.is_exactly_of(stored.hold))

    return replace(tables, seats={seat: entry for seat, entry in tables.seats.items() if is_remembered(entry)})


@given(history=histories, chance=some.randoms(use_true_random=False))
def test_the_events_of_any_history_in_any_order_give_its_rows_and_reservations(
    history: list[Any], chance: Random
) -> None:
    stage = Stage()
    lived_through(stage, history)
    events = stage.events() * 2
    chance.shuffle(events)

    assert stage.differences(events=events, tables=without_lone_holds(stage.tables())) == []


@given(history=histories)
def test_once_all_holds_have_lapsed_nothing_at_all_differs(history: list[Any]) -> None:
    stage = Stage()
    lived_through(stage, history)
    stage.events()  # finishes sales
    stage.clock.forward(seconds=HOLD_SECONDS)

    assert stage.differences() == []


def held(stage: Stage, *seats: str, **named: Any) -> Reservation:
    reservation = stage.request("hold", *seats, **named)
    assert reservation
    return reservation


def test_a_story_has_all_of_a_sale(stage: Stage) -> None:
    reservation = held(stage, "A1", "A2", user="ana", key="k1")
    sold = stage.request("confirm", reservation.id, "tx-7")
    assert sold
    assert sold.sale

    story = fold_events(stage.events())

    logged = story.reservations[reservation.id]
    assert (logged.state, logged.seats, logged.amount) == (State.CONFIRMED, ("A1", "A2"), sold.amount)
    assert (logged.created_at, logged.expires_at, logged.fingerprint) == (
        sold.created_at,
        sold.expires_at,
        sold.fingerprint,
    )
    assert logged.sale == sold.sale
    assert story.seats_at(stage.clock()) == dict.fromkeys(("A1", "A2"), (SoldSeat(sold.id, sold.sale.id),))


def test_a_lapsed_hold_is_free_whether_or_not_it_still_stands_in_the_row(stage: Stage) -> None:
    reservation = held(stage, "A1")
    assert fold_events(stage.events()).seats_at(stage.clock()) == {
        "A1": (HeldSeat(reservation.id, reservation.expires_at, reservation.fingerprint),)
    }
    stage.clock.forward(seconds=HOLD_SECONDS)

    assert fold_events(stage.events()).seats_at(stage.clock()) == {}
    assert "A1" in stage.tables().seats
    assert stage.differences() == []


def test_seats_that_a_dying_cancellation_gave_back_are_free(stage: Stage) -> None:
    reservation = held(stage, "A1", "B1")
    stage.request("cancel", reservation.id, dying_at="mark_ended_if_pending_with_hold_and_read")

    assert stage.differences() == []
    assert fold_events(stage.events()).seats_at(stage.clock()) == {}


def test_a_key_that_was_forgotten_may_make_its_reservation_anew(stage: Stage) -> None:
    first = held(stage, "A1", key="k1")
    stage.request("cancel", first.id)
    stage.clock.forward(days=2)
    stage.reservations.forget(first.id)
    again = held(stage, "A1", key="k1")

    assert again.id == first.id
    assert fold_events(stage.events()).reservations[first.id].state is State.PENDING
    assert stage.differences() == []
    stage.request("cancel", again.id)
    assert fold_events(stage.events()).reservations[first.id].state is State.CANCELLED
    assert stage.differences() == []


def test_what_was_not_bought_may_be_forgotten_in_time_and_a_sale_never(stage: Stage) -> None:
    lapsed, sold = held(stage, "A1"), held(stage, "A2")
    stage.request("confirm", sold.id)
    stage.clock.forward(seconds=HOLD_SECONDS)
    stage.expire_all()
    gone = replace(stage.tables(), reservations={})

    assert [one.what for one in stage.differences(tables=gone)] == [
        f"reservation {id_}" for id_ in sorted((lapsed.id, sold.id))
    ]
    stage.clock.forward(days=1)
    assert [one.what for one in stage.differences(tables=gone)] == [f"reservation {sold.id}"]


def test_a_missing_event_shows_where_it_is_missed(stage: Stage) -> None:
    reservation = held(stage, "A1")
    stage.request("confirm", reservation.id)
    events = stage.events()

    found = stage.differences(events=[one for one in events if one.type is not EventType.PAYMENT_CONFIRMED])
    assert [one.what for one in found] == [
        "seat A1",
        f"reservation {reservation.id} state",
        f"reservation {reservation.id} sale",
    ]
    found = stage.differences(events=[one for one in events if one.type is not EventType.RESERVATION_CREATED])
    assert [(one.what, one.log) for one in found] == [
        (f"reservation {reservation.id} created_at", "nothing"),
        (f"reservation {reservation.id} expires_at", "nothing"),
    ]
    found = stage.differences(events=[])
    assert [(one.what, one.log) for one in found] == [
        ("seat A1", "free"),
        (f"reservation {reservation.id}", "nothing"),
    ]


@pytest.mark.parametrize(
    ("standing", "says"),
    [
        (None, "free"),
        (SoldSeat("res-9", "sale-9"), "sold by sale-9 to res-9"),
        (HeldSeat("res-9", NOW + timedelta(hours=1), "f"), "held for res-9 until 2044-02-15T19:00:00.123Z, request f"),
    ],
)
def test_another_entry_in_a_row_is_named(stage: Stage, standing: Occupancy | None, says: str) -> None:
    reservation = held(stage, "A1")
    sold = stage.request("confirm", reservation.id)
    assert sold
    assert sold.sale
    damaged = replace(stage.tables(), seats={"A1": standing} if standing else {})

    assert stage.differences(tables=damaged) == [
        Difference("seat A1", f"sold by {sold.sale.id} to {reservation.id}", says)
    ]


def test_a_hold_whose_request_died_is_said_to_lapse_by_itself(stage: Stage) -> None:
    stage.request("hold", "A1", dying_at="get_or_add_unless_hold_barred")

    (difference,) = stage.differences()
    assert (difference.what, difference.log) == ("seat A1", "free")
    assert "lapses by itself" in difference.remark
    stage.clock.forward(seconds=HOLD_SECONDS)
    assert stage.differences() == []


def test_a_seat_sold_twice_by_the_log_itself_is_told(stage: Stage) -> None:
    reservation = held(stage, "A1")
    stage.request("confirm", reservation.id)
    twin = [replace(one, id=f"{one.id}-2", reservation_id="res-2") for one in stage.events()]

    found = {one.what: one.log for one in stage.differences(events=stage.events() + twin)}

    assert found["seat A1"].count("sold by") == 2
