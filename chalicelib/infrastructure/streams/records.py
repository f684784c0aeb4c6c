"""Writes and reads what the streams' records contain.

For a row, its attribute `event`. For a reservation or a payment, the item before and after the write.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar

from chalicelib.domain.events import (
    ReservationChange,
    RowClosed,
    RowEvent,
    SeatsHeld,
    SeatsReleased,
    SeatsSold,
    UnreadableMessage,
)
from chalicelib.domain.payments import PaymentChange
from chalicelib.domain.reservations import Hold, Sale
from chalicelib.domain.times import from_ms
from chalicelib.infrastructure.dynamodb.payments import payment_from_item
from chalicelib.infrastructure.dynamodb.reservations import reservation_from_item_unless_bar
from chalicelib.infrastructure.dynamodb.values import (
    Item,
    Value,
    find_text,
    map_value,
    ms_value,
    read_map_of_maps_or_empty,
    read_ms,
    read_required_map,
    read_required_texts,
    read_text,
    text_list_value,
    text_value,
)

T = TypeVar("T")


def row_event_attribute_value(event: RowEvent) -> Value:
    """Writes an event as the value of the attribute `event` of its row. Leaves out what the row stores elsewhere: the
    session in its id, and the sales of a closed row in its seats."""
    match event:
        case SeatsHeld(hold=hold):
            fingerprint = {"fingerprint": text_value(hold.fingerprint)} if hold.fingerprint else {}
            own = {"expires": ms_value(hold.expires_at), **fingerprint}
            return _seats_event_value(event, hold.reservation_id, hold.seats, own)
        case SeatsSold(sale=sale):
            payment = {"transaction": text_value(sale.transaction_id), "method": text_value(sale.payment_method)}
            own = {"sale": text_value(sale.id), **payment}
            return _seats_event_value(event, event.reservation_id, event.seats, own)
        case SeatsReleased():
            return _seats_event_value(event, event.reservation_id, event.seats, {})
        case RowClosed():
            return map_value(_type_and_moment(event))


def _seats_event_value(event: RowEvent, reservation_id: str, seats: tuple[str, ...], own: Item) -> Value:
    common = {"reservation": text_value(reservation_id), "seats": text_list_value(seats)}
    return map_value({**_type_and_moment(event), **common, **own})


def _type_and_moment(event: RowEvent) -> Item:
    return {"type": text_value(type(event).__name__), "at": ms_value(event.occurred_at)}


def _raising_unreadable(read: Callable[[Mapping[str, Any]], T]) -> Callable[[Mapping[str, Any]], T]:
    """Wraps `read` so that every error becomes UnreadableMessage. A record that raises it is not retried.

    A retry would fail again, because `read` calls no service.
    """

    @wraps(read)
    def reads(record: Mapping[str, Any]) -> T:
        try:
            return read(record)
        except Exception as error:
            raise UnreadableMessage(f"not readable: {error!r}") from error

    return reads


@_raising_unreadable
def row_event(record: Mapping[str, Any]) -> RowEvent | None:
    """Reads the event from a record of the rows' stream. None for a new row, which has no event yet.

    Raises UnreadableMessage.
    """
    image = record["dynamodb"].get("NewImage", {})
    if "event" not in image:
        return None
    row_id, event = read_text(image, "id"), read_required_map(image, "event")
    session_id, _, row = row_id.rpartition("#")
    if read_text(event, "type") == RowClosed.__name__:
        sold = _sold_reservations(image)
        return RowClosed(session_id=session_id, row=row, sold_reservation_ids=sold, occurred_at=read_ms(event, "at"))
    return _seats_event(event, row_id)


def _seats_event(event: Item, row_id: str) -> RowEvent:
    session_id = row_id.rpartition("#")[0]
    reservation_id, seats = read_text(event, "reservation"), tuple(read_required_texts(event, "seats"))
    occurred_at = read_ms(event, "at")
    match read_text(event, "type"):
        case "SeatsHeld":
            hold = Hold(
                session_id=session_id,
                reservation_id=reservation_id,
                seats=seats,
                expires_at=read_ms(event, "expires"),
                fingerprint=find_text(event, "fingerprint") or "",
            )
            return SeatsHeld(hold=hold, occurred_at=occurred_at)
        case "SeatsSold":
            sale = _sale_of_event(event, occurred_at)
            return SeatsSold(
                session_id=session_id, reservation_id=reservation_id, seats=seats, sale=sale, occurred_at=occurred_at
            )
        case "SeatsReleased":
            return SeatsReleased(
                session_id=session_id, reservation_id=reservation_id, seats=seats, occurred_at=occurred_at
            )
        case unknown:
            raise ValueError(f"unknown event {unknown!r} in row {row_id}")


def _sale_of_event(event: Item, paid_at: datetime) -> Sale:
    return Sale(
        id=read_text(event, "sale"),
        transaction_id=read_text(event, "transaction"),
        payment_method=read_text(event, "method"),
        paid_at=paid_at,
    )


def _sold_reservations(image: Item) -> tuple[str, ...]:
    """Gives the reservations that own seats of the row, each once."""
    entries = read_map_of_maps_or_empty(image, "seats").values()
    return tuple(sorted({read_text(entry, "r") for entry in entries if "s" in entry}))


@_raising_unreadable
def reservation_change(record: Mapping[str, Any]) -> ReservationChange:
    """Reads a change from a record of the reservations' stream. Raises UnreadableMessage.

    `occurred_at` is the moment of the write, in whole seconds, as the stream gives it.
    """
    change = record["dynamodb"]
    return ReservationChange(
        before=reservation_from_item_unless_bar(change["OldImage"]) if "OldImage" in change else None,
        after=reservation_from_item_unless_bar(change["NewImage"]) if "NewImage" in change else None,
        occurred_at=from_ms(int(change["ApproximateCreationDateTime"]) * 1000),
    )


@_raising_unreadable
def payment_change(record: Mapping[str, Any]) -> PaymentChange:
    """Reads a change from a record of the payments' stream. Raises UnreadableMessage."""
    change = record["dynamodb"]
    return PaymentChange(
        before=payment_from_item(change["OldImage"]) if "OldImage" in change else None,
        after=payment_from_item(change["NewImage"]) if "NewImage" in change else None,
    )
