"""Reservations in DynamoDB, each beside its buyer's others, so that purchases are read consistently.

Under an id whose hold ended before it was remembered lies a bar: {barred_ms: the hold's expiry}. It counts as nothing,
but that this hold can't be remembered any more.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.domain.money import Money
from chalicelib.domain.ports import Page
from chalicelib.domain.reservations import Contact, Hold, HoldHasEnded, Reservation, Sale, State
from chalicelib.domain.times import from_iso, from_ms, to_iso, to_ms
from chalicelib.infrastructure.ids import buyer_of_reservation, buyer_of_user

from .connection import ConditionFailed, Item, Table, outages_as_refusals
from .cursors import from_cursor, to_cursor
from .tables import ReservationItem

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

REMEMBERED = timedelta(hours=24)
"""How long after its expiry a reservation that was not bought is kept: as long its idempotency key works."""


@dataclass(frozen=True)
class DynamoReservations:
    client: "DynamoDBClient"
    table_name: str

    def add(self, reservation: Reservation) -> Reservation:
        try:
            self._put(reservation.hold, _item(reservation).serialize())
        except ConditionFailed as failed:
            if stored := _stored(failed):
                return stored
            raise HoldHasEnded(reservation.id) from failed
        return reservation

    def bar(self, hold: Hold) -> Reservation | None:
        forgotten_at = {"N": str(to_ms(hold.expires_at + REMEMBERED) // 1000)}
        bar = {**_key(hold.reservation_id), "barred_ms": {"N": str(to_ms(hold.expires_at))}, "ttl": forgotten_at}
        try:
            self._put(hold, bar)
        except ConditionFailed as failed:
            return _stored(failed)
        return None

    def restore(self, reservation: Reservation) -> Reservation:
        item = _item(reservation).serialize()
        nothing_is_remembered = "attribute_not_exists(id) OR attribute_exists(barred_ms)"
        try:
            self._table.put(_key(reservation.id), Item=item, ConditionExpression=nothing_is_remembered)
        except ConditionFailed as failed:
            return _stored(failed) or reservation
        return reservation

    def find(self, reservation_id: str) -> Reservation | None:
        if not buyer_of_reservation(reservation_id):
            return None
        item = self._table.get(_key(reservation_id))
        return reservation_of(item) if item else None

    def confirm(self, reservation_id: str, sale: Sale) -> Reservation | None:
        return self._change(
            reservation_id,
            "SET #state = :state, sale_id = :sale, transaction_id = :transaction, payment_method = :method,"
            " paid_at = :paid REMOVE #ttl, ended_at_ms",
            "attribute_exists(#state) AND attribute_not_exists(sale_id)",
            names={"#ttl": "ttl"},
            values={
                ":state": {"S": State.CONFIRMED},
                ":sale": {"S": sale.id},
                ":transaction": {"S": sale.transaction_id},
                ":method": {"S": sale.payment_method},
                ":paid": {"S": to_iso(sale.paid_at)},
            },
        )

    def end(self, hold: Hold, state: State, now: datetime) -> Reservation | None:
        return self._change(
            hold.reservation_id,
            "SET #state = :state, ended_at_ms = :now",
            "#state = :pending AND expires_at_ms = :expires",
            names={},
            values={
                ":pending": {"S": State.PENDING},
                ":state": {"S": state},
                ":expires": {"N": str(to_ms(hold.expires_at))},
                ":now": {"N": str(to_ms(now))},
            },
        )

    def mark_refunded(self, reservation_id: str, sale_id: str, refunded_at: datetime) -> None:
        with suppress(ConditionFailed):
            self._table.update(
                _key(reservation_id),
                UpdateExpression="SET refunded_at = :at",
                ConditionExpression="sale_id = :sale",
                ExpressionAttributeValues={":at": {"S": to_iso(refunded_at)}, ":sale": {"S": sale_id}},
            )

    def purchases(self, user_id: str, limit: int, cursor: str | None) -> Page[Reservation]:
        buyer = buyer_of_user(user_id)
        after = _last_key(buyer, from_cursor(cursor, 2)) if cursor else None
        found = ReservationItem.purchases.query(
            buyer, consistent_read=True, scan_index_forward=False, limit=limit + 1, last_evaluated_key=after
        )
        with outages_as_refusals("Query"):
            bought = [_reservation(item) for item in found if item.user_id == user_id]
        last = bought[limit - 1] if len(bought) > limit else None
        return Page(bought[:limit], to_cursor((_paid_at(last), last.id)) if last else None)

    def _change(
        self, reservation_id: str, change: str, condition: str, *, names: dict[str, str], values: Item
    ) -> Reservation | None:
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
            return _stored(failed)
        return reservation_of(item)

    def _put(self, hold: Hold, item: Item) -> None:
        """Where nothing lies, or a bar of an earlier hold. Raises ConditionFailed."""
        self._table.put(
            _key(hold.reservation_id),
            Item=item,
            ConditionExpression="attribute_not_exists(id) OR barred_ms < :expires",
            ExpressionAttributeValues={":expires": {"N": str(to_ms(hold.expires_at))}},
        )

    @property
    def _table(self) -> Table:
        return Table(self.client, self.table_name)


def reservation_of(item: Mapping[str, Any]) -> Reservation | None:
    """The reservation that an item, or a stream record's image of one, stands for; None for a bar."""
    return None if "barred_ms" in item else _reservation(ReservationItem.from_raw_data(dict(item)))


def _stored(failed: ConditionFailed) -> Reservation | None:
    return reservation_of(failed.item) if failed.item else None


def _item(reservation: Reservation) -> ReservationItem:
    sale = reservation.sale
    return ReservationItem(
        buyer_of_reservation(reservation.id),
        reservation.id,
        session_id=reservation.session_id,
        movie_title=reservation.movie_title,
        user_id=reservation.user_id,
        seats=list(reservation.seats),
        amount_cents=reservation.amount_cents,
        fingerprint=reservation.fingerprint or None,
        created_at_ms=to_ms(reservation.created_at),
        expires_at_ms=to_ms(reservation.expires_at),
        state=reservation.state,
        ttl=None if sale else to_ms(reservation.expires_at + REMEMBERED) // 1000,
        sale_id=sale.id if sale else None,
        transaction_id=(sale.transaction_id or None) if sale else None,
        payment_method=(sale.payment_method or None) if sale else None,
        paid_at=to_iso(sale.paid_at) if sale else None,
        email=reservation.contact.email if reservation.contact else None,
        language=reservation.contact.language if reservation.contact else None,
    )


def _reservation(item: ReservationItem) -> Reservation:
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
        sale=_sale(item),
        contact=Contact(item.email, item.language or "") if item.email else None,
        refunded_at=from_iso(item.refunded_at) if item.refunded_at else None,
        ended_at=from_ms(int(item.ended_at_ms)) if item.ended_at_ms else None,
    )


def _sale(item: ReservationItem) -> Sale | None:
    if not item.sale_id:
        return None
    return Sale(item.sale_id, item.transaction_id or "", item.payment_method or "", from_iso(item.paid_at or ""))


def _key(reservation_id: str) -> Item:
    return {"buyer": {"S": buyer_of_reservation(reservation_id)}, "id": {"S": reservation_id}}


def _last_key(buyer: str, parts: list[str]) -> Item:
    paid_at, reservation_id = parts
    return {"buyer": {"S": buyer}, "paid_at": {"S": paid_at}, "id": {"S": reservation_id}}


def _paid_at(reservation: Reservation) -> str:
    return to_iso(reservation.sale.paid_at) if reservation.sale else ""
