"""What messages look like on the wire between our queues: versioned JSON, for events, holds and deliveries."""

import json
from collections.abc import Mapping
from typing import Any

from chalicelib.domain.events import Event, EventType, UnreadableMessage
from chalicelib.domain.reservations import Hold
from chalicelib.domain.times import from_iso, from_ms, to_iso, to_ms
from chalicelib.domain.webhooks import Delivery

VERSION = 1


def to_body(content: Hold | Event | Delivery) -> str:
    return json.dumps({"version": VERSION, **_to_wire(content)})


def hold_in(record: Mapping[str, Any]) -> Hold:
    """The hold in an SQS record. Raises UnreadableMessage."""
    wire = _wire_in(record)
    try:
        return Hold(
            session_id=wire["sessionId"],
            reservation_id=wire["reservationId"],
            seats=tuple(wire["seats"]),
            expires_at=from_ms(wire["expiresAtMs"]),
            fingerprint=wire["fingerprint"],
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise UnreadableMessage(f"no hold: {error!r}") from error


def event_in(record: Mapping[str, Any]) -> Event:
    """The event in an SQS record. Raises UnreadableMessage."""
    return event_from_wire(_wire_in(record))


def delivery_in(record: Mapping[str, Any]) -> Delivery:
    """The delivery in an SQS record. Raises UnreadableMessage."""
    wire = _wire_in(record)
    try:
        return Delivery(str(wire["webhookId"]), str(wire["sessionId"]), int(wire["sequence"]))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise UnreadableMessage(f"no delivery: {error!r}") from error


def event_to_wire(event: Event) -> dict[str, Any]:
    return {
        "id": event.id,
        "type": event.type,
        "occurredAt": to_iso(event.occurred_at),
        "sessionId": event.session_id,
        "reservationId": event.reservation_id,
        "userId": event.user_id,
        "seats": list(event.seats),
        "data": dict(event.data),
    }


def event_from_wire(wire: Mapping[str, Any]) -> Event:
    """Raises UnreadableMessage."""
    try:
        return Event(
            id=wire["id"],
            type=EventType(wire["type"]),
            occurred_at=from_iso(wire["occurredAt"]),
            session_id=wire["sessionId"],
            reservation_id=wire["reservationId"],
            user_id=wire["userId"],
            seats=tuple(wire["seats"]),
            data=dict(wire["data"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise UnreadableMessage(f"no event: {error!r}") from error


def _to_wire(content: Hold | Event | Delivery) -> dict[str, Any]:
    match content:
        case Hold():
            return _hold_to_wire(content)
        case Event():
            return event_to_wire(content)
        case Delivery():
            return {
                "webhookId": content.webhook_id,
                "sessionId": content.session_id,
                "sequence": content.sequence,
            }


def _hold_to_wire(hold: Hold) -> dict[str, Any]:
    return {
        "sessionId": hold.session_id,
        "reservationId": hold.reservation_id,
        "seats": list(hold.seats),
        "expiresAtMs": to_ms(hold.expires_at),
        "fingerprint": hold.fingerprint,
    }


def _wire_in(record: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        wire = json.loads(record["body"])
    except (ValueError, RecursionError) as error:
        raise UnreadableMessage(f"not JSON: {error}") from error
    if not isinstance(wire, dict) or wire.get("version") != VERSION:
        raise UnreadableMessage("not a message of version 1")
    return wire
