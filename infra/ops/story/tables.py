"""Reads a reservation from the tables: item, seats, hold, payments, events, consumers' entries, invoice, tickets."""

from collections.abc import Iterator
from datetime import UTC, datetime

from chalicelib.domain.email import mask_email_local_parts
from chalicelib.domain.money import Money
from chalicelib.domain.sessions import row_of_seat
from chalicelib.domain.times import from_ms, to_iso, utc_whole_ms_from_iso_with_zone
from chalicelib.infrastructure.dynamodb.events.invoices import DynamoInvoices
from chalicelib.infrastructure.dynamodb.events.processed_events import REMEMBERED
from chalicelib.infrastructure.dynamodb.events.tickets import DynamoTickets
from chalicelib.infrastructure.dynamodb.tables import row_id
from infra.ops.find import Item
from infra.ops.story.known import KnownFacts, Line, Told

ENTRIES = {"email": "an email was sent about", "analytics": "was counted:"}
"""What an entry in the table of processed events means, in words, by consumer."""


def tell_reservation(known: KnownFacts) -> Iterator[Told]:
    item = known.reservation
    if not item:
        yield "reservations: no item. It was never written; or TTL deleted it, a day after a hold that bought nothing."
        return
    if "barred_ms" in item:
        yield Line(from_ms(item["barred_ms"]), "reservation", "its hold ended before the reservation was written")
        return
    yield from _tell_steps(item)
    yield Line(known.now, "reservation", f"now: {_state_text(item, known.now)}")


def _tell_steps(item: Item) -> Iterator[Line]:
    """Tells the steps in the reservation's item: its hold, its end, its sale, its refund."""
    contact = f", emails to {mask_email_local_parts(item['email'])}" if item.get("email") else ", no email"
    until = to_iso(from_ms(item["expires_at_ms"]))
    held = f"held {' '.join(item['seats'])} for {_money_text(item['amount_cents'])} until {until}{contact}"
    yield Line(from_ms(item["created_at_ms"]), "reservation", held)
    if item.get("ended_at_ms"):
        yield Line(from_ms(item["ended_at_ms"]), "reservation", f"ended: {item['state']}")
    if item.get("paid_at"):
        paid = f"sold as {item['sale_id']}, paid with {item.get('transaction_id') or 'no transaction'}"
        yield Line(
            utc_whole_ms_from_iso_with_zone(item["paid_at"]),
            "reservation",
            f"{paid} by {item.get('payment_method') or 'nothing'}",
        )
    if item.get("refunded_at"):
        yield Line(utc_whole_ms_from_iso_with_zone(item["refunded_at"]), "reservation", "its payment was refunded")


def _state_text(item: Item, now: datetime) -> str:
    if item["state"] == "pending" and from_ms(item["expires_at_ms"]) <= now:
        return "pending, and lapsed"
    return f"{item['state']}{', refunded' if item.get('refunded_at') else ''}"


def tell_seats(known: KnownFacts) -> Iterator[Told]:
    """Tells the entries that the reservation's seats have in their rows now."""
    if not known.session_id:
        yield "rows: its screening is not known, so neither are its seats' rows: name it with --session."
        return
    for row in dict.fromkeys(map(row_of_seat, known.seats)):
        items = known.records.get_item("rows", id=row_id(known.session_id, row))
        if not items:
            yield f"rows: row {row} of screening {known.session_id} is not there."
        for seat in (seat for seat in known.seats if items and row_of_seat(seat) == row):
            yield Line(known.now, "row", f"now: {seat} {_entry_text(items[0].get('seats', {}).get(seat), known)}")


def _entry_text(entry: Item | None, known: KnownFacts) -> str:
    if not entry or "r" not in entry:
        return "is free"
    owner = "this reservation" if entry["r"] == known.reservation_id else str(entry["r"])
    if "s" in entry:
        return f"is sold by {entry['s']} to {owner}"
    lapsed = ", which has lapsed" if from_ms(entry["x"]) <= known.now else ""
    return f"is held for {owner} until {to_iso(from_ms(entry['x']))}{lapsed}"


def tell_live_hold(known: KnownFacts) -> Iterator[Told]:
    """Tells whether the hold counts against its user's limit."""
    if not known.session_id:
        yield "live-holds: its screening is not known: name it with --session."
        return
    holds = known.records.find_live_holds(known.session_id)
    yield from ([] if holds.is_whole else [f"live-holds: {holds.how}"])
    for entry in (entry for item in holds.items for entry in item.values() if isinstance(entry, dict)):
        if entry.get("r") == known.reservation_id:
            counts = "counts" if from_ms(entry["x"]) > known.now else "counted"
            until = to_iso(from_ms(entry["x"]))
            yield Line(known.now, "live hold", f"now: {counts} against its user's limit, at most until {until}")


def tell_payments(known: KnownFacts) -> Iterator[Told]:
    yield from ([] if known.payments.is_whole else [f"payments: {known.payments.how}"])
    for item in known.payments.items:
        yield from _tell_payment(item, known.now)


def _tell_payment(item: Item, now: datetime) -> Iterator[Line]:
    name = item["transaction_id"]
    charged = f"{name}: the gateway charged {_money_text(item.get('charged_cents'))}"
    steps = {
        "claimed_at": f"{name}: claimed for this reservation",
        "charged_at": charged,
        "sold_at": f"{name}: bought {item.get('sale_id')}",
        "requested_at": f"{name}: to be refunded, because {str(item.get('reason') or 'unknown').replace('_', ' ')}",
        "asked_at": f"{name}: the gateway knew of no such payment, asked {item.get('asked')} times",
        "refunded_at": f"{name}: refunded by the gateway as {item.get('refund_id')}",
    }
    for moment, what in steps.items():
        if item.get(moment):
            yield Line(utc_whole_ms_from_iso_with_zone(item[moment]), "payment", what)
    yield Line(now, "payment", f"now: {name} is {item['fate']}")


def tell_events(known: KnownFacts) -> Iterator[Told]:
    if not known.session_id:
        yield "events: its screening is not known, and the log is by screening: name it with --session."
    for event in known.events:
        data = ", ".join(f"{name} {value}" for name, value in sorted(event["data"].items()) if name != "fingerprint")
        seats = " ".join(event["seats"])
        what = f"{event['type']}: {seats}{f' ({data})' if data else ''}"
        yield Line(utc_whole_ms_from_iso_with_zone(event["occurredAt"]), "event log", what)


def tell_notifications(known: KnownFacts) -> Iterator[Told]:
    """Tells the numbers that the events have for webhooks. Whether they arrived is in queues and logs only."""
    for event in known.events:
        key = {"session_id": known.session_id, "position": f"event#{event['id']}"}
        for item in known.records.get_item("notifications", **key):
            what = f"{event['type']} is number {item['number']} of its screening for webhooks"
            yield Line(utc_whole_ms_from_iso_with_zone(event["occurredAt"]), "notification", what)


def tell_consumers(known: KnownFacts) -> Iterator[Told]:
    """Tells the consumers' entries of processed events. An entry has no moment, but is kept for a known time."""
    for event in known.events:
        for consumer, words in ENTRIES.items():
            for item in known.records.get_item("ledger", id=f"{consumer}#{event['id']}"):
                at = datetime.fromtimestamp(item["ttl"], UTC) - REMEMBERED
                yield Line(at, consumer, f"{words} {event['type']}")


def tell_invoice(known: KnownFacts) -> Iterator[Told]:
    invoices = DynamoInvoices(known.connection.client("dynamodb"), f"{known.connection.prefix}invoices")
    if invoice := invoices.find(known.reservation_id):
        filed = "filed" if invoice.filed else "not filed yet: it has a number and no file"
        what = f"{invoice.number} over {Money.from_exact_amount(invoice.bill.amount).format()}: {filed}"
        yield Line(invoice.bill.paid_at, "invoice", what)


def tell_tickets(known: KnownFacts) -> Iterator[Told]:
    """Tells the valid tickets, or those that a refund made void. Leaves out their codes, which let people in."""
    tickets = DynamoTickets(known.connection.client("dynamodb"), f"{known.connection.prefix}tickets")
    sold = tickets.find_ticketed_or_voided_sale(known.reservation_id)
    for ticket in sold.tickets if sold else ():
        signed = "signed" if ticket.token else "not signed yet"
        void = f", void since: {ticket.void}" if ticket.void else ""
        yield Line(ticket.issued_at, "ticket", f"{ticket.seat}: version {ticket.version}, {signed}{void}")
        if ticket.admission:
            admitted = f"{ticket.seat}: admitted by gate {ticket.admission.gate}"
            yield Line(ticket.admission.admitted_at, "ticket", admitted)


def _money_text(cents: int | None) -> str:
    return "an unknown amount" if cents is None else Money(int(cents)).format()
