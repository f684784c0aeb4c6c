"""Reservations in DynamoDB, each in its buyer's partition, so that purchases are read consistently.

A hold may end before its reservation was written. Then a bar is put under the id: {barred_ms: the hold's expiry}. A bar
is no reservation: it only keeps the reservation of this hold, or of an earlier one, from being written later.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.domain.money import Money
from chalicelib.domain.pages import Page
from chalicelib.domain.reservations import (
    Contact,
    Hold,
    HoldBarredBeforeStored,
    Reservation,
    Sale,
    State,
    buyer_pseudonym_or_empty,
)
from chalicelib.domain.times import from_ms, to_iso, to_ms, utc_whole_ms_from_iso_with_zone
from chalicelib.infrastructure.ids import buyer_partition_of_user

from .connection import ConditionFailed, Table, let_client_query, outages_as_refusals
from .cursors import from_cursor, to_cursor
from .tables import ReservationItem, item_from_attributes, read_known_attributes_missing_as_none
from .values import Item, ms_value, text_key, text_value, ttl_seconds_rounded_down, ttl_value

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

REMEMBERED = timedelta(hours=24)
"""How long after its expiry a reservation that was not bought is kept: as long as its idempotency key works."""


@dataclass(frozen=True)
class DynamoReservations:
    """The reservations in a table, each in its buyer's partition."""

    client: "DynamoDBClient"
    table_name: str

    def get_or_add_unless_hold_barred(self, reservation: Reservation) -> Reservation:
        try:
            self._put_if_none(reservation.hold, _item_from_reservation(reservation))
        except ConditionFailed as failed:
            if stored := _stored_reservation(failed):
                return stored
            raise HoldBarredBeforeStored(reservation.id) from failed
        return reservation

    def bar_hold_and_earlier_or_read_stored(self, hold: Hold) -> Reservation | None:
        ttl = ttl_value(hold.expires_at + REMEMBERED)
        bar = {**_key(hold.reservation_id), "barred_ms": ms_value(hold.expires_at), "ttl": ttl}
        try:
            self._put_if_none(hold, bar)
        except ConditionFailed as failed:
            return _stored_reservation(failed)
        return None

    def add_sold_if_missing(self, reservation: Reservation) -> Reservation:
        item = _item_from_reservation(reservation)
        nothing_is_stored = "attribute_not_exists(id) OR attribute_exists(barred_ms)"
        try:
            self._table.put(item, ConditionExpression=nothing_is_stored)
        except ConditionFailed as failed:
            return _stored_reservation(failed) or reservation
        return reservation

    def find(self, reservation_id: str) -> Reservation | None:
        if not buyer_pseudonym_or_empty(reservation_id):
            return None
        item = self._table.get(_key(reservation_id))
        return reservation_from_item_unless_bar(item) if item else None

    def mark_confirmed_unless_sold_and_read(self, reservation_id: str, sale: Sale) -> Reservation | None:
        return self._update(
            reservation_id,
            "SET #state = :state, sale_id = :sale, transaction_id = :transaction, payment_method = :method,"
            " paid_at = :paid REMOVE #ttl, ended_at_ms",
            "attribute_exists(#state) AND attribute_not_exists(sale_id)",
            names={"#ttl": "ttl"},
            values={
                ":state": text_value(State.CONFIRMED),
                ":sale": text_value(sale.id),
                ":transaction": text_value(sale.transaction_id),
                ":method": text_value(sale.payment_method),
                ":paid": text_value(to_iso(sale.paid_at)),
            },
        )

    def mark_ended_if_pending_with_hold_and_read(self, hold: Hold, state: State, now: datetime) -> Reservation | None:
        return self._update(
            hold.reservation_id,
            "SET #state = :state, ended_at_ms = :now",
            "#state = :pending AND expires_at_ms = :expires",
            names={},
            values={
                ":pending": text_value(State.PENDING),
                ":state": text_value(state),
                ":expires": ms_value(hold.expires_at),
                ":now": ms_value(now),
            },
        )

    def set_refunded_at_if_sale_matches(self, reservation_id: str, sale_id: str, refunded_at: datetime) -> None:
        with suppress(ConditionFailed):
            self._table.update(
                _key(reservation_id),
                UpdateExpression="SET refunded_at = :at",
                ConditionExpression="sale_id = :sale",
                ExpressionAttributeValues={":at": text_value(to_iso(refunded_at)), ":sale": text_value(sale_id)},
            )

    def list_purchases(self, user_id: str, limit: int, cursor: str | None) -> Page[Reservation]:
        buyer = buyer_partition_of_user(user_id)
        after = _key_from_cursor(buyer, cursor) if cursor else None
        found = let_client_query(self.client, ReservationItem).purchases.query(
            buyer, consistent_read=True, scan_index_forward=False, limit=limit + 1, last_evaluated_key=after
        )
        with outages_as_refusals("Query"):
            bought = [_reservation_from_model(item) for item in found if item.user_id == user_id]
        last = bought[limit - 1] if len(bought) > limit else None
        return Page(items=bought[:limit], cursor=_cursor_after(last) if last else None)

    def _update(
        self, reservation_id: str, change: str, condition: str, *, names: dict[str, str], values: Item
    ) -> Reservation | None:
        """Makes the change if the condition holds. Gives the reservation as stored afterwards, changed or not.

        None if no reservation is stored under the id.
        """
        try:
            item = self._table.update(
                _key(reservation_id),
                UpdateExpression=change,
                ConditionExpression=condition,
                ExpressionAttributeNames={"#state": "state", **names},
                ExpressionAttributeValues=values,
                ReturnValues="ALL_NEW",
            )
        except ConditionFailed as failed:
            return _stored_reservation(failed)
        return reservation_from_item_unless_bar(item)

    def _put_if_none(self, hold: Hold, item: Item) -> None:
        """Puts the item if its id is free, or has only the bar of an earlier hold. Otherwise raises ConditionFailed."""
        self._table.put(
            item,
            ConditionExpression="attribute_not_exists(id) OR barred_ms < :expires",
            ExpressionAttributeValues={":expires": ms_value(hold.expires_at)},
        )

    @property
    def _table(self) -> Table:
        return Table(self.client, self.table_name)


def reservation_from_item_unless_bar(item: Mapping[str, Any]) -> Reservation | None:
    """Reads a reservation from an item, or from an item's image in a stream record.

    None if the item only bars an ended hold: see `Reservations.bar_hold_and_earlier_or_read_stored`.
    """
    if "barred_ms" in item:
        return None
    return _reservation_from_model(read_known_attributes_missing_as_none(ReservationItem, item))


def _stored_reservation(failed: ConditionFailed) -> Reservation | None:
    return reservation_from_item_unless_bar(failed.item) if failed.item else None


def _item_from_reservation(reservation: Reservation) -> Item:
    sale = reservation.sale
    return item_from_attributes(
        ReservationItem,
        buyer=buyer_pseudonym_or_empty(reservation.id),
        id=reservation.id,
        session_id=reservation.session_id,
        movie_title=reservation.movie_title,
        user_id=reservation.user_id,
        seats=reservation.seats,
        amount_cents=reservation.amount_cents,
        fingerprint=reservation.fingerprint or None,
        created_at_ms=to_ms(reservation.created_at),
        expires_at_ms=to_ms(reservation.expires_at),
        state=reservation.state,
        ttl=None if sale else ttl_seconds_rounded_down(reservation.expires_at + REMEMBERED),
        sale_id=sale.id if sale else None,
        transaction_id=(sale.transaction_id or None) if sale else None,
        payment_method=(sale.payment_method or None) if sale else None,
        paid_at=to_iso(sale.paid_at) if sale else None,
        email=reservation.contact.email if reservation.contact else None,
        language=reservation.contact.language if reservation.contact else None,
    )


def _reservation_from_model(item: Any) -> Reservation:
    """Makes a reservation from an object that has the reservation's attributes: a pynamodb model, or what
    `read_known_attributes_missing_as_none` gives."""
    return Reservation(
        id=item.id,
        session_id=item.session_id,
        movie_title=item.movie_title,
        user_id=item.user_id,
        seats=tuple(item.seats),
        amount=Money(int(item.amount_cents)).amount,
        fingerprint=item.fingerprint or "",
        created_at=from_ms(int(item.created_at_ms)),
        expires_at=from_ms(int(item.expires_at_ms)),
        state=State(item.state),
        sale=_sale_from_model(item),
        contact=Contact(email=item.email, language=item.language or "") if item.email else None,
        refunded_at=utc_whole_ms_from_iso_with_zone(item.refunded_at) if item.refunded_at else None,
        ended_at=from_ms(int(item.ended_at_ms)) if item.ended_at_ms else None,
    )


def _sale_from_model(item: Any) -> Sale | None:
    if not item.sale_id:
        return None
    return Sale(
        id=item.sale_id,
        transaction_id=item.transaction_id or "",
        payment_method=item.payment_method or "",
        paid_at=utc_whole_ms_from_iso_with_zone(item.paid_at or ""),
    )


def _key(reservation_id: str) -> Item:
    return text_key(buyer=buyer_pseudonym_or_empty(reservation_id), id=reservation_id)


def _key_from_cursor(buyer: str, cursor: str) -> Item:
    """Reads from a page's cursor the index key of the last purchase on that page. Raises CursorInvalid."""
    paid_at, reservation_id = from_cursor(cursor, 2)
    return text_key(buyer=buyer, paid_at=paid_at, id=reservation_id)


def _cursor_after(purchase: Reservation) -> str:
    return to_cursor((to_iso(purchase.sale.paid_at) if purchase.sale else "", purchase.id))
