"""Messages in our queues, as versioned JSON: events, holds, payments and deliveries."""

import json
from collections.abc import Mapping
from typing import Any

from chalicelib.domain.events import Event, EventType, UnreadableMessage
from chalicelib.domain.payments import Charge, SettlementDue
from chalicelib.domain.reservations import Hold
from chalicelib.domain.times import from_ms, to_iso, to_ms, utc_whole_ms_from_iso_with_zone
from chalicelib.domain.webhooks import Delivery

VERSION = 1


def to_body(content: Hold | SettlementDue | Charge | Event | Delivery) -> str:
    """Encodes the content of a message as JSON, with its version."""
    return json.dumps({"version": VERSION, **_to_wire(content)})


def hold_in(record: Mapping[str, Any]) -> Hold:
    """Reads a hold from an SQS record. Raises UnreadableMessage."""
    wire = _parse_body(record)
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
    """Reads an event from an SQS record. Raises UnreadableMessage."""
    return event_from_wire(_parse_body(record))


def payment_in(record: Mapping[str, Any]) -> SettlementDue | Charge:
    """Reads a due payment, or a charge of the gateway, from an SQS record. Raises UnreadableMessage."""
    wire = _parse_body(record)
    try:
        return _charge_from_wire(wire["charge"]) if "charge" in wire else _due_from_wire(wire["due"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise UnreadableMessage(f"no payment: {error!r}") from error


def webhook_delivery_in(record: Mapping[str, Any]) -> Delivery:
    """Reads a webhook's delivery from an SQS record. Raises UnreadableMessage."""
    wire = _parse_body(record)
    try:
        return Delivery(
            webhook_id=str(wire["webhookId"]), session_id=str(wire["sessionId"]), sequence=int(wire["sequence"])
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise UnreadableMessage(f"no delivery: {error!r}") from error


def event_to_wire(event: Event) -> dict[str, Any]:
    return {
        "id": event.id,
        "type": event.type,
        "occurredAt": to_iso(event.occurred_at),
        "sessionId": event.session_id,
        "reservationId": event.reservation_id,
        "userId": event.buyer_pseudonym_or_empty,
        "seats": list(event.seats),
        "data": dict(event.data),
    }


def event_from_wire(wire: Mapping[str, Any]) -> Event:
    """Reads an event that `event_to_wire` wrote. Raises UnreadableMessage.

    Ignores `userId`: in old events it is the user's id, not the pseudonym that is used now.
    """
    try:
        return Event(
            id=wire["id"],
            type=EventType(wire["type"]),
            occurred_at=utc_whole_ms_from_iso_with_zone(wire["occurredAt"]),
            session_id=wire["sessionId"],
            reservation_id=wire["reservationId"],
            seats=tuple(wire["seats"]),
            data=dict(wire["data"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise UnreadableMessage(f"no event: {error!r}") from error


def _to_wire(content: Hold | SettlementDue | Charge | Event | Delivery) -> dict[str, Any]:
    match content:
        case Hold():
            return _hold_to_wire(content)
        case SettlementDue():
            return {"due": {"transactionId": content.transaction_id, "dueAtMs": to_ms(content.due_at)}}
        case Charge():
            return {"charge": _charge_to_wire(content)}
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


def _charge_to_wire(charge: Charge) -> dict[str, Any]:
    return {
        "transactionId": charge.transaction_id,
        "reservationId": charge.reservation_id,
        "amountCents": charge.amount_cents,
        "currency": charge.currency,
        "chargedAtMs": to_ms(charge.charged_at),
        "refundedCents": charge.refunded_cents,
    }


def _charge_from_wire(wire: Mapping[str, Any]) -> Charge:
    return Charge(
        transaction_id=str(wire["transactionId"]),
        reservation_id=str(wire["reservationId"]),
        amount_cents=int(wire["amountCents"]),
        currency=str(wire["currency"]),
        charged_at=from_ms(int(wire["chargedAtMs"])),
        refunded_cents=int(wire["refundedCents"]),
    )


def _due_from_wire(wire: Mapping[str, Any]) -> SettlementDue:
    return SettlementDue(transaction_id=str(wire["transactionId"]), due_at=from_ms(int(wire["dueAtMs"])))


def _parse_body(record: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        wire = json.loads(record["body"])
    except (ValueError, RecursionError) as error:
        raise UnreadableMessage(f"not JSON: {error}") from error
    if not isinstance(wire, dict) or wire.get("version") != VERSION:
        raise UnreadableMessage("not a message of version 1")
    return wire
