"""What the streams tell: a row's `event`, written with the fact; a reservation or a payment, before and after."""

from collections.abc import Callable, Mapping
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
from chalicelib.domain.times import from_ms, to_ms

from .payments import payment_of
from .reservations import reservation_of

T = TypeVar("T")
Attribute = dict[str, Any]


def event_attribute(event: RowEvent) -> Attribute:
    """The session is not in it: the row's id begins with it. Nor is what a closed row has sold: it stands beside it."""
    match event:
        case SeatsHeld(hold=hold):
            fingerprint = {"fingerprint": _text(hold.fingerprint)} if hold.fingerprint else {}
            own = {"expires": _number(to_ms(hold.expires_at)), **fingerprint}
            return _attribute(event, hold.reservation_id, hold.seats, own)
        case SeatsSold(sale=sale):
            payment = {"transaction": _text(sale.transaction_id), "method": _text(sale.payment_method)}
            return _attribute(event, event.reservation_id, event.seats, {"sale": _text(sale.id), **payment})
        case SeatsReleased():
            return _attribute(event, event.reservation_id, event.seats, {})
        case RowClosed():
            return {"M": _type_and_moment(event)}


def _or_unreadable(read: Callable[[Mapping[str, Any]], T]) -> Callable[[Mapping[str, Any]], T]:
    """Reading asks nothing of anybody: whatever goes wrong there goes wrong each time. Raises UnreadableMessage."""

    @wraps(read)
    def reads(record: Mapping[str, Any]) -> T:
        try:
            return read(record)
        except Exception as error:
            raise UnreadableMessage(f"not readable: {error!r}") from error

    return reads


@_or_unreadable
def row_event(record: Mapping[str, Any]) -> RowEvent | None:
    """The event in a record of the rows' stream; None for a record that tells of none (a new, empty row)."""
    image = record["dynamodb"].get("NewImage", {})
    if "event" not in image:
        return None
    event = image["event"]["M"]
    session_id, _, row = image["id"]["S"].rpartition("#")
    occurred_at = from_ms(int(event["at"]["N"]))
    if event["type"]["S"] == RowClosed.__name__:
        return RowClosed(session_id, row, _sold_in(image), occurred_at)
    reservation_id = event["reservation"]["S"]
    seats = tuple(seat["S"] for seat in event["seats"]["L"])
    match event["type"]["S"]:
        case "SeatsHeld":
            expires_at = from_ms(int(event["expires"]["N"]))
            fingerprint = event["fingerprint"]["S"] if "fingerprint" in event else ""
            return SeatsHeld(Hold(session_id, reservation_id, seats, expires_at, fingerprint), occurred_at)
        case "SeatsSold":
            sale = Sale(event["sale"]["S"], event["transaction"]["S"], event["method"]["S"], occurred_at)
            return SeatsSold(session_id, reservation_id, seats, sale, occurred_at)
        case "SeatsReleased":
            return SeatsReleased(session_id, reservation_id, seats, occurred_at)
        case unknown:
            raise ValueError(f"unknown event {unknown!r} in row {image['id']['S']}")


@_or_unreadable
def reservation_change(record: Mapping[str, Any]) -> ReservationChange:
    """A record of the reservations' stream. Its moment is the stream's, in whole seconds."""
    change = record["dynamodb"]
    return ReservationChange(
        before=reservation_of(change["OldImage"]) if "OldImage" in change else None,
        after=reservation_of(change["NewImage"]) if "NewImage" in change else None,
        occurred_at=from_ms(int(change["ApproximateCreationDateTime"]) * 1000),
    )


@_or_unreadable
def payment_change(record: Mapping[str, Any]) -> PaymentChange:
    """A record of the payments' stream."""
    change = record["dynamodb"]
    return PaymentChange(
        before=payment_of(change["OldImage"]) if "OldImage" in change else None,
        after=payment_of(change["NewImage"]) if "NewImage" in change else None,
    )


def _sold_in(image: Attribute) -> tuple[str, ...]:
    """The reservations that own seats of the row, each once."""
    entries = (entry["M"] for entry in image.get("seats", {}).get("M", {}).values())
    return tuple(sorted({entry["r"]["S"] for entry in entries if "s" in entry}))


def _attribute(event: RowEvent, reservation_id: str, seats: tuple[str, ...], own: Attribute) -> Attribute:
    common = {"reservation": _text(reservation_id), "seats": {"L": [_text(seat) for seat in seats]}}
    return {"M": {**_type_and_moment(event), **common, **own}}


def _type_and_moment(event: RowEvent) -> Attribute:
    return {"type": _text(type(event).__name__), "at": _number(to_ms(event.occurred_at))}


def _text(text: str) -> Attribute:
    return {"S": text}


def _number(number: int) -> Attribute:
    return {"N": str(number)}
