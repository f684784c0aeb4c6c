"""Reservations, as every use case may rely on them, wherever they are kept."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from chalicelib.domain.refusals import CursorInvalid
from chalicelib.domain.reservations import Contact, HoldBarredBeforeStored, Reservation, Sale, State
from chalicelib.infrastructure.dynamodb.cursors import to_cursor
from tests.builders import IDS, NOW, a_reservation, a_sale, a_user, later_hold_of
from tests.contract.conftest import Backend

LATER = NOW + timedelta(seconds=5)


def bought(backend: Backend, user_id: str, paid_at: datetime) -> Reservation:
    reservation = backend.reservations.get_or_add_unless_hold_barred(a_reservation(user_id=user_id))
    return paid(backend, reservation, paid_at)


def paid(backend: Backend, reservation: Reservation, paid_at: datetime = NOW) -> Reservation:
    confirmed = backend.reservations.mark_confirmed_unless_sold_and_read(
        reservation.id, a_sale(reservation.hold, paid_at=paid_at)
    )
    assert confirmed
    return confirmed


def closed(backend: Backend, reservation: Reservation, state: State) -> Reservation:
    ended = backend.reservations.mark_ended_if_pending_with_hold_and_read(reservation.hold, state, NOW)
    assert ended
    return ended


@pytest.mark.parametrize("fingerprint", ["", "0123456789ab"])
def test_an_added_reservation_is_given_and_found_as_it_is(backend: Backend, fingerprint: str) -> None:
    reservation = a_reservation("A1", "B1", user_id=f"{a_user()} ção 🎬", fingerprint=fingerprint)

    assert backend.reservations.get_or_add_unless_hold_barred(reservation) == reservation
    assert backend.reservations.find(reservation.id) == reservation


def test_the_buyers_contact_is_kept_through_the_sale(backend: Backend) -> None:
    contact = Contact("ana@example.com", "pt-BR")
    reservation = backend.reservations.get_or_add_unless_hold_barred(replace(a_reservation(), contact=contact))

    assert backend.reservations.find(reservation.id) == reservation
    assert paid(backend, reservation).contact == contact


def test_a_reservation_added_again_leaves_the_earlier_one_which_is_given(backend: Backend) -> None:
    earlier = backend.reservations.get_or_add_unless_hold_barred(a_reservation())
    again = replace(earlier, seats=("A3",), expires_at=earlier.expires_at + timedelta(seconds=5))

    assert backend.reservations.get_or_add_unless_hold_barred(again) == earlier
    assert backend.reservations.find(earlier.id) == earlier


def test_a_reservation_added_again_after_its_sale_gives_the_sale(backend: Backend) -> None:
    reservation = backend.reservations.get_or_add_unless_hold_barred(a_reservation())
    sold = paid(backend, reservation)

    assert backend.reservations.get_or_add_unless_hold_barred(reservation) == sold


NOBODYS = {
    "empty": "",
    "prefix": "res-",
    "short": "res-1",
    "long": "x" * 3000,
    "well-formed": IDS.reservation_id("nobody", None),
}


@pytest.mark.parametrize("reservation_id", NOBODYS.values(), ids=NOBODYS)
def test_an_unknown_reservation_is_not_found(backend: Backend, reservation_id: str) -> None:
    assert backend.reservations.find(reservation_id) is None


# Confirming.


def test_a_pending_reservation_is_confirmed_with_its_sale(backend: Backend) -> None:
    reservation = backend.reservations.get_or_add_unless_hold_barred(a_reservation())
    sale = a_sale(reservation.hold)

    assert backend.reservations.mark_confirmed_unless_sold_and_read(reservation.id, sale) == reservation.confirmed(sale)
    assert backend.reservations.find(reservation.id) == reservation.confirmed(sale)


def test_a_confirmed_reservation_keeps_its_first_sale(backend: Backend) -> None:
    reservation = backend.reservations.get_or_add_unless_hold_barred(a_reservation())
    first = paid(backend, reservation)

    assert (
        backend.reservations.mark_confirmed_unless_sold_and_read(reservation.id, a_sale(reservation.hold, "tx-2"))
        == first
    )
    assert backend.reservations.find(reservation.id) == first


@pytest.mark.parametrize("state", [State.CANCELLED, State.EXPIRED])
def test_what_the_rows_have_sold_is_confirmed_whatever_was_written_before(backend: Backend, state: State) -> None:
    """A reservation is closed only once its seats were released, so this should not happen. The row is right."""
    reservation = backend.reservations.get_or_add_unless_hold_barred(a_reservation())
    closed(backend, reservation, state)

    sold = backend.reservations.mark_confirmed_unless_sold_and_read(reservation.id, a_sale(reservation.hold))

    assert sold == reservation.confirmed(a_sale(reservation.hold))
    assert backend.reservations.find(reservation.id) == sold


def test_an_unknown_reservation_is_not_confirmed(backend: Backend) -> None:
    unknown = a_reservation()

    assert backend.reservations.mark_confirmed_unless_sold_and_read(unknown.id, a_sale(unknown.hold)) is None
    assert backend.reservations.find(unknown.id) is None


# Closing.


@pytest.mark.parametrize("state", [State.CANCELLED, State.EXPIRED])
def test_a_pending_reservation_is_closed(backend: Backend, state: State) -> None:
    reservation = backend.reservations.get_or_add_unless_hold_barred(a_reservation())

    ended = replace(reservation, state=state, ended_at=LATER)
    assert backend.reservations.mark_ended_if_pending_with_hold_and_read(reservation.hold, state, LATER) == ended
    assert backend.reservations.find(reservation.id) == ended


def test_a_closed_reservation_stays_as_it_was_closed(backend: Backend) -> None:
    reservation = backend.reservations.get_or_add_unless_hold_barred(a_reservation())
    cancelled = closed(backend, reservation, State.CANCELLED)

    assert (
        backend.reservations.mark_ended_if_pending_with_hold_and_read(reservation.hold, State.EXPIRED, NOW) == cancelled
    )
    assert backend.reservations.find(reservation.id) == cancelled


def test_a_confirmed_reservation_is_not_closed(backend: Backend) -> None:
    reservation = backend.reservations.get_or_add_unless_hold_barred(a_reservation())
    sold = paid(backend, reservation)

    assert backend.reservations.mark_ended_if_pending_with_hold_and_read(reservation.hold, State.EXPIRED, NOW) == sold


def test_a_reservation_is_not_closed_for_another_hold_under_its_id(backend: Backend) -> None:
    reservation = backend.reservations.get_or_add_unless_hold_barred(a_reservation())

    assert (
        backend.reservations.mark_ended_if_pending_with_hold_and_read(
            later_hold_of(reservation.hold), State.EXPIRED, NOW
        )
        == reservation
    )
    assert backend.reservations.find(reservation.id) == reservation


def test_an_unknown_reservation_is_not_closed(backend: Backend) -> None:
    unknown = a_reservation()

    assert backend.reservations.mark_ended_if_pending_with_hold_and_read(unknown.hold, State.EXPIRED, NOW) is None
    assert backend.reservations.find(unknown.id) is None


# Holds that ended before they were remembered.


def test_a_barred_hold_is_not_remembered_any_more(backend: Backend) -> None:
    reservation = a_reservation(fingerprint="0123456789ab")

    assert backend.reservations.bar_hold_and_earlier_or_read_stored(reservation.hold) is None
    assert backend.reservations.bar_hold_and_earlier_or_read_stored(reservation.hold) is None

    with pytest.raises(HoldBarredBeforeStored):
        backend.reservations.get_or_add_unless_hold_barred(reservation)
    assert backend.reservations.find(reservation.id) is None


def test_a_bar_keeps_an_earlier_hold_out_and_lets_a_later_one_in(backend: Backend) -> None:
    barred = a_reservation()
    earlier = replace(barred, expires_at=barred.expires_at - timedelta(milliseconds=1))
    later = replace(barred, expires_at=barred.expires_at + timedelta(milliseconds=1))
    backend.reservations.bar_hold_and_earlier_or_read_stored(barred.hold)

    assert backend.reservations.bar_hold_and_earlier_or_read_stored(earlier.hold) is None
    with pytest.raises(HoldBarredBeforeStored):
        backend.reservations.get_or_add_unless_hold_barred(earlier)
    with pytest.raises(HoldBarredBeforeStored):
        backend.reservations.get_or_add_unless_hold_barred(barred)
    assert backend.reservations.get_or_add_unless_hold_barred(later) == later
    assert backend.reservations.find(later.id) == later


def test_what_is_remembered_is_given_and_not_barred(backend: Backend) -> None:
    reservation = backend.reservations.get_or_add_unless_hold_barred(a_reservation())

    assert backend.reservations.bar_hold_and_earlier_or_read_stored(later_hold_of(reservation.hold)) == reservation
    assert backend.reservations.find(reservation.id) == reservation


def test_a_bar_is_nothing_that_could_be_closed_confirmed_or_refunded(backend: Backend) -> None:
    barred = a_reservation()
    backend.reservations.bar_hold_and_earlier_or_read_stored(barred.hold)

    assert backend.reservations.mark_ended_if_pending_with_hold_and_read(barred.hold, State.EXPIRED, NOW) is None
    assert backend.reservations.mark_confirmed_unless_sold_and_read(barred.id, a_sale(barred.hold)) is None
    backend.reservations.set_refunded_at_if_sale_matches(barred.id, a_sale(barred.hold).id, NOW)
    assert backend.reservations.find(barred.id) is None


def test_a_buyer_whose_partition_is_anothers_sees_none_of_their_purchases(backend: Backend) -> None:
    """The partition is a hash of 64 bits, which two users may share."""
    ours, theirs = a_user(), a_user()
    shared = backend.reservations.get_or_add_unless_hold_barred(replace(a_reservation(user_id=ours), user_id=theirs))
    paid(backend, shared)

    assert backend.reservations.list_purchases(ours, 20, None).items == []


def test_a_refund_is_marked_on_the_sale_that_it_is_of(backend: Backend) -> None:
    sold = paid(backend, backend.reservations.get_or_add_unless_hold_barred(a_reservation()))

    backend.reservations.set_refunded_at_if_sale_matches(sold.id, a_sale(sold.hold, "tx-other").id, NOW)
    assert backend.reservations.find(sold.id) == sold

    backend.reservations.set_refunded_at_if_sale_matches(sold.id, a_sale(sold.hold).id, LATER)
    assert backend.reservations.find(sold.id) == replace(sold, refunded_at=LATER)


@pytest.mark.parametrize("is_barred", [False, True])
def test_a_sale_whose_reservation_is_gone_is_restored_and_is_a_purchase(backend: Backend, is_barred: bool) -> None:
    gone = a_reservation(user_id=(user := a_user()))
    if is_barred:
        backend.reservations.bar_hold_and_earlier_or_read_stored(gone.hold)
    sold = gone.confirmed(a_sale(gone.hold))

    assert backend.reservations.add_sold_if_missing(sold) == sold
    assert [bought.id for bought in backend.reservations.list_purchases(user, 20, None).items] == [gone.id]


def test_what_is_remembered_is_not_restored(backend: Backend) -> None:
    reservation = backend.reservations.get_or_add_unless_hold_barred(a_reservation())
    sold = paid(backend, reservation)

    assert backend.reservations.add_sold_if_missing(reservation.confirmed(a_sale(reservation.hold, "tx-other"))) == sold


def test_a_sale_that_was_free_of_charge_has_no_transaction(backend: Backend) -> None:
    reservation = backend.reservations.get_or_add_unless_hold_barred(replace(a_reservation(), amount=Decimal("0.00")))
    sale = Sale(id=IDS.sale_id(reservation.id, ""), transaction_id="", payment_method="", paid_at=NOW)

    assert backend.reservations.mark_confirmed_unless_sold_and_read(reservation.id, sale) == reservation.confirmed(sale)
    assert backend.reservations.find(reservation.id) == reservation.confirmed(sale)


# Purchases.


def test_purchases_are_listed_newest_first_at_once(backend: Backend) -> None:
    user_id = a_user()
    second = bought(backend, user_id, NOW + timedelta(milliseconds=1))
    first = bought(backend, user_id, NOW)
    third = bought(backend, user_id, NOW + timedelta(days=400))

    page = backend.reservations.list_purchases(user_id, 20, None)

    assert page.items == [third, second, first]
    assert page.cursor is None


def test_only_what_was_bought_is_a_purchase(backend: Backend) -> None:
    user_id = a_user()
    backend.reservations.get_or_add_unless_hold_barred(a_reservation(user_id=user_id))
    closed(backend, backend.reservations.get_or_add_unless_hold_barred(a_reservation(user_id=user_id)), State.CANCELLED)
    closed(backend, backend.reservations.get_or_add_unless_hold_barred(a_reservation(user_id=user_id)), State.EXPIRED)

    assert backend.reservations.list_purchases(user_id, 20, None).items == []


def test_purchases_are_the_users_own(backend: Backend) -> None:
    user_id = a_user()
    own = bought(backend, user_id, NOW)
    bought(backend, f"{user_id}-other", NOW)

    assert backend.reservations.list_purchases(user_id, 20, None).items == [own]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 100])
def test_all_pages_together_list_each_purchase_once_though_some_were_paid_together(
    backend: Backend, limit: int
) -> None:
    user_id = a_user()
    newest = bought(backend, user_id, NOW + timedelta(seconds=1))
    others = [bought(backend, user_id, NOW) for _ in range(3)]

    pages: list[list[Reservation]] = []
    cursor = None
    while cursor or not pages:
        page = backend.reservations.list_purchases(user_id, limit, cursor)
        pages.append(list(page.items))
        cursor = page.cursor

    listed = [purchase for page in pages for purchase in page]
    assert listed[0] == newest
    assert sorted(listed[1:], key=lambda one: one.id) == sorted(others, key=lambda one: one.id)
    assert all(len(page) == limit for page in pages[:-1])


def test_another_users_cursor_shows_nothing_of_theirs(backend: Backend) -> None:
    theirs = a_user()
    for _ in range(2):
        bought(backend, theirs, NOW)
    cursor = backend.reservations.list_purchases(theirs, 1, None).cursor

    assert backend.reservations.list_purchases(a_user(), 20, cursor).items == []


@pytest.mark.parametrize("cursor", ["x", to_cursor(["one part"]), to_cursor(["three", "parts", "here"])])
def test_a_cursor_that_is_none_of_ours_is_refused(backend: Backend, cursor: str) -> None:
    with pytest.raises(CursorInvalid):
        backend.reservations.list_purchases(a_user(), 1, cursor)
