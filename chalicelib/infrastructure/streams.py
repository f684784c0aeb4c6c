"""What the streams tell: a row's `event` attribute, written with the fact, and a reservation before and after."""

from collections.abc import Mapping
from typing import Any

from chalicelib.domain.events import ReservationChange, RowEvent, SeatsHeld, SeatsReleased, SeatsSold
from chalicelib.domain.reservations import Hold, Sale
from chalicelib.domain.times import from_ms, to_ms

from .reservations import reservation_of

Attribute = dict[str, Any]


def event_attribute(event: RowEvent) -> Attribute:
    """The session is not in it: the row's id begins with it."""
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


def row_event(record: Mapping[str, Any]) -> RowEvent | None:
    """The event in a record of the rows' stream; None for a record that tells of none (a new, empty row)."""
    image = record["dynamodb"].get("NewImage", {})
    if "event" not in image:
        return None
    event = image["event"]["M"]
    session_id = image["id"]["S"].rpartition("#")[0]
    reservation_id = event["reservation"]["S"]
    seats = tuple(seat["S"] for seat in event["seats"]["L"])
    occurred_at = from_ms(int(event["at"]["N"]))
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


def reservation_change(record: Mapping[str, Any]) -> ReservationChange:
    """A record of the reservations' stream. Its moment is the stream's, in whole seconds."""
    change = record["dynamodb"]
    return ReservationChange(
        before=reservation_of(change["OldImage"]) if "OldImage" in change else None,
        after=reservation_of(change["NewImage"]) if "NewImage" in change else None,
        occurred_at=from_ms(int(change["ApproximateCreationDateTime"]) * 1000),
    )


def _attribute(event: RowEvent, reservation_id: str, seats: tuple[str, ...], own: Attribute) -> Attribute:
    common = {
        "type": _text(type(event).__name__),
        "reservation": _text(reservation_id),
        "seats": {"L": [_text(seat) for seat in seats]},
        "at": _number(to_ms(event.occurred_at)),
    }
    return {"M": {**common, **own}}


def _text(text: str) -> Attribute:
    return {"S": text}


def _number(number: int) -> Attribute:
    return {"N": str(number)}
