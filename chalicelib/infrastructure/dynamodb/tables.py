"""The tables as pynamodb models: keys, indexes, attributes. infra/cloud/tables.py makes their resources from them.

A new table: the recipe in docs/recipes.md. DynamoDB deletes an item after the moment in its attribute `ttl`.
"""

from collections.abc import Callable, Mapping
from functools import cache
from types import SimpleNamespace
from typing import Any, NamedTuple

from pynamodb.attributes import BooleanAttribute, ListAttribute, MapAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import (
    AllProjection,
    GlobalSecondaryIndex,
    IncludeProjection,
    KeysOnlyProjection,
    LocalSecondaryIndex,
)
from pynamodb.models import Model

from .values import Item, Value, number_value, text_list_value, text_value

PROGRAMME = "all"
"""The partition key of all screenings in the programme index. One partition is enough: it takes up to 1,000 writes a
second, and screenings are scheduled rarely."""


class ProgrammeIndex(GlobalSecondaryIndex["SessionItem"]):
    """The index of all screenings, by their start."""

    class Meta:
        index_name = "programme"
        projection = AllProjection()

    programme = UnicodeAttribute(hash_key=True)
    starts_at = UnicodeAttribute(range_key=True)


class PurchasesIndex(LocalSecondaryIndex["ReservationItem"]):
    """The index of purchases. Only confirmed reservations have `paid_at`, so only they are in the index.

    It is a local index, because only local indexes can be read with strong consistency. So a sale is listed at once.
    """

    class Meta:
        index_name = "purchases"
        projection = AllProjection()

    buyer = UnicodeAttribute(hash_key=True)
    paid_at = UnicodeAttribute(range_key=True)


class SessionItem(Model):
    """A screening. It never changes, except that `cancelled_at` is added when it is cancelled. The index `programme`
    has all screenings by start time."""

    class Meta:
        table_name = "sessions"

    id = UnicodeAttribute(hash_key=True)
    programme = UnicodeAttribute(default=PROGRAMME)
    starts_at = UnicodeAttribute()
    movie_title = UnicodeAttribute()
    room = UnicodeAttribute()
    total_seats = NumberAttribute()
    seats_per_row = NumberAttribute()
    price_cents = NumberAttribute()
    created_at = UnicodeAttribute()
    cancelled_at = UnicodeAttribute(null=True)

    by_start = ProgrammeIndex()


class RowItem(Model):
    """One row of seats of one session: the unit of consistency. The table's stream is the outbox. `id` is the session's
    id, then #, then the row's letters.

    `seats` maps a seat's number to its entry: {r: reservation, x: expiry in ms, f: fingerprint} for a held seat, {r:
    reservation, s: sale} for a sold one, {z: expiry of a released hold} or none for a free one. The names are short, so
    that a full row of ten seats fits into one write unit of 1,024 bytes. `event` is the event of the last write, which
    rows.py writes and streams/records.py reads. `version` counts the writes. `closed` is the moment in ms when the row
    was closed: no seat can be held or sold any more.
    """

    class Meta:
        table_name = "rows"

    id = UnicodeAttribute(hash_key=True)
    seats: MapAttribute[str, Any] = MapAttribute(default=dict)
    event: MapAttribute[str, Any] = MapAttribute(null=True)
    version = NumberAttribute(null=True)
    closed = NumberAttribute(null=True)


class ReservationItem(Model):
    """A reservation: the seats that a buyer holds, has bought or has given up. `buyer` is a part of the id: see ids.py.
    Purchases have no `ttl`, so they are never deleted. The index `purchases` has them by payment time."""

    class Meta:
        table_name = "reservations"

    buyer = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)
    session_id = UnicodeAttribute()
    movie_title = UnicodeAttribute()
    user_id = UnicodeAttribute()
    seats: ListAttribute[str] = ListAttribute()
    amount_cents = NumberAttribute()
    fingerprint = UnicodeAttribute(null=True)
    created_at_ms = NumberAttribute()
    expires_at_ms = NumberAttribute()
    state = UnicodeAttribute()
    ttl = NumberAttribute(null=True)
    sale_id = UnicodeAttribute(null=True)
    transaction_id = UnicodeAttribute(null=True)
    payment_method = UnicodeAttribute(null=True)
    paid_at = UnicodeAttribute(null=True)
    email = UnicodeAttribute(null=True)
    language = UnicodeAttribute(null=True)
    refunded_at = UnicodeAttribute(null=True)
    ended_at_ms = NumberAttribute(null=True)

    purchases = PurchasesIndex()


class LatestHoldsOfHolderInSessionItem(Model):
    """The latest holds of one holder in one session, from `age0`, the newest, to `age9`. Each is {r: reservation, x:
    expiry in ms}, and counts against the limit until it lapses. An attribute without a hold has x = 0. `buyer` is a
    hash of the holder. See live_holds.py."""

    class Meta:
        table_name = "live-holds"

    buyer = UnicodeAttribute(hash_key=True)
    session_id = UnicodeAttribute(range_key=True)
    ttl = NumberAttribute()


class OutstandingRefundsIndex(GlobalSecondaryIndex["PaymentItem"]):
    """The index of payments that are still to be refunded. Only these payments have the attribute `outstanding`."""

    class Meta:
        index_name = "outstanding"
        projection = AllProjection()

    outstanding = UnicodeAttribute(hash_key=True)
    requested_at = UnicodeAttribute(range_key=True)


class PaymentItem(Model):
    """One payment in all its states, which are in `fate`: asserted, claimed, sold, refund_requested, refunded. See
    payments.py. The attributes `charged_…` and `refund_id` come from the gateway. The table's stream feeds the relay.
    The index `outstanding` has only the payments that are still to be refunded."""

    class Meta:
        table_name = "payments"

    transaction_id = UnicodeAttribute(hash_key=True)
    reservation_id = UnicodeAttribute(null=True)
    fate = UnicodeAttribute()
    session_id = UnicodeAttribute(null=True)
    user_id = UnicodeAttribute(null=True)
    seats: ListAttribute[str] = ListAttribute(null=True)
    amount_cents = NumberAttribute(null=True)
    currency = UnicodeAttribute(null=True)
    method = UnicodeAttribute(null=True)
    claimed_at = UnicodeAttribute(null=True)
    due_at = UnicodeAttribute(null=True)
    charged_cents = NumberAttribute(null=True)
    charged_currency = UnicodeAttribute(null=True)
    charged_at = UnicodeAttribute(null=True)
    sale_id = UnicodeAttribute(null=True)
    sold_at = UnicodeAttribute(null=True)
    reason = UnicodeAttribute(null=True)
    requested_at = UnicodeAttribute(null=True)
    outstanding = UnicodeAttribute(null=True)
    refund_id = UnicodeAttribute(null=True)
    refunded_at = UnicodeAttribute(null=True)
    asked = NumberAttribute(null=True)
    asked_at = UnicodeAttribute(null=True)

    by_request = OutstandingRefundsIndex()


class EventLogItem(Model):
    """An event of the audit log. Each event is stored once, and never deleted. `position` is the event's moment in ms,
    with 13 digits, then # and the event's id. `event` is its JSON. Items under `erasures`, in place of a session, say
    when somebody's data was erased. They name nobody."""

    class Meta:
        table_name = "events"

    session_id = UnicodeAttribute(hash_key=True)
    position = UnicodeAttribute(range_key=True)
    event = UnicodeAttribute()


class SessionCountersBucketShardItem(Model):
    """The counters of one session for a bucket of five minutes. A bucket is split over several items, its shards, which
    add up to it. The attribute `bucket` is the shard, then #, then the beginning of the five minutes in ms. A missing
    counter is 0. See events/analytics.py."""

    class Meta:
        table_name = "analytics"

    session_id = UnicodeAttribute(hash_key=True)
    bucket = UnicodeAttribute(range_key=True)
    holds = NumberAttribute(null=True)
    seats_in_holds = NumberAttribute(null=True)
    sales = NumberAttribute(null=True)
    seats_in_sales = NumberAttribute(null=True)
    revenue_cents = NumberAttribute(null=True)
    expiries = NumberAttribute(null=True)
    cancellations = NumberAttribute(null=True)
    seats_given_back = NumberAttribute(null=True)
    refunds = NumberAttribute(null=True)
    refunded_cents = NumberAttribute(null=True)
    refunded_revenue_cents = NumberAttribute(null=True)


class EventProcessedByConsumerItem(Model):
    """An event that a consumer has processed. `id` is the consumer's name, then #, then the event's id.

    TTL deletes the item after a longer time than any queue keeps a message.
    """

    class Meta:
        table_name = "ledger"

    id = UnicodeAttribute(hash_key=True)
    ttl = NumberAttribute()


class WatchedSessionsByConnectionIndex(GlobalSecondaryIndex["ViewerItem"]):
    """The index of the screenings that a connection watches."""

    class Meta:
        index_name = "by_viewer"
        projection = KeysOnlyProjection()

    viewer_id = UnicodeAttribute(hash_key=True)


class ViewerItem(Model):
    """A WebSocket connection that watches a screening. It is deleted when the connection ends or watches another
    screening; TTL deletes what is left, two hours after the last subscription. The items `limit#…` store how much of
    the quota of a connection or an address is used: see viewer_limits.py."""

    class Meta:
        table_name = "viewers"

    session_id = UnicodeAttribute(hash_key=True)
    viewer_id = UnicodeAttribute(range_key=True)
    ttl = NumberAttribute()

    by_viewer = WatchedSessionsByConnectionIndex()


class SuppressedAddressHashItem(Model):
    """A suppressed email address, as its keyed hash: see suppressed_addresses.py. `since` is a moment."""

    class Meta:
        table_name = "suppressed-addresses"

    id = UnicodeAttribute(hash_key=True)
    reason = UnicodeAttribute()
    since = UnicodeAttribute()


class ReportedBreakerStatusItem(Model):
    """The last reported status of a dependency's breaker: see breaker_board.py. `half_open_at` is in ms since 1970."""

    class Meta:
        table_name = "breakers"

    name = UnicodeAttribute(hash_key=True)
    state = UnicodeAttribute()
    half_open_at = NumberAttribute()
    trips = NumberAttribute()


class InvoiceOrCounterItem(Model):
    """An item of the invoices' table: an invoice, or the counter of a series. See invoices.py.

    `id` is the invoice's reservation id, or the series and #counter. `place` is the invoice's position in its series,
    or the counter's last position.
    """

    class Meta:
        table_name = "invoices"

    id = UnicodeAttribute(hash_key=True)
    place = NumberAttribute()
    filed = BooleanAttribute(null=True)
    sale_id = UnicodeAttribute(null=True)
    user_id = UnicodeAttribute(null=True)
    movie_title = UnicodeAttribute(null=True)
    room = UnicodeAttribute(null=True)
    starts_at = UnicodeAttribute(null=True)
    seats: ListAttribute[str] = ListAttribute(null=True)
    unit_cents = NumberAttribute(null=True)
    amount_cents = NumberAttribute(null=True)
    payment_method = UnicodeAttribute(null=True)
    transaction_id = UnicodeAttribute(null=True)
    paid_at = UnicodeAttribute(null=True)
    seller: ListAttribute[str] = ListAttribute(null=True)
    time_zone = UnicodeAttribute(null=True)
    language = UnicodeAttribute(null=True)


class TicketsBySessionIndexOmittingTokens(GlobalSecondaryIndex["TicketOrSaleOrKeysItem"]):
    """The index of a session's tickets by seat, for the offline lists of gates.

    The index contains no tokens. So nobody can make QR codes from the index, and the index is not written again when a
    ticket is signed.
    """

    class Meta:
        index_name = "by_session"
        projection = IncludeProjection(["version", "voided_as", "admitted_at", "gate"])

    session_id = UnicodeAttribute(hash_key=True)
    seat = UnicodeAttribute(range_key=True)


class TicketOrSaleOrKeysItem(Model):
    """An item of the tickets' table: a ticket, the tickets of a sale, or the public keys. See tickets.py.

    `id` is the ticket's code, the sale's reservation id, or `keys`. No item names a person.
    """

    class Meta:
        table_name = "tickets"

    id = UnicodeAttribute(hash_key=True)
    codes: MapAttribute[str, Any] = MapAttribute(null=True)
    reservation_id = UnicodeAttribute(null=True)
    session_id = UnicodeAttribute(null=True)
    seat = UnicodeAttribute(null=True)
    version = NumberAttribute(null=True)
    issued_at = NumberAttribute(null=True)
    token = UnicodeAttribute(null=True)
    admitted_at = NumberAttribute(null=True)
    gate = UnicodeAttribute(null=True)
    admission_key = UnicodeAttribute(null=True)
    voided_as = UnicodeAttribute(null=True)
    voided_at = NumberAttribute(null=True)
    renewed_as = UnicodeAttribute(null=True)

    by_session = TicketsBySessionIndexOmittingTokens()


class WebhookItem(Model):
    """A webhook: see webhooks.py. `secrets` are maps {key, created_at_ms, expires_at_ms}, newest first.

    The secrets' keys sign the deliveries. They are encrypted at rest, as every table is.
    """

    class Meta:
        table_name = "webhooks"

    id = UnicodeAttribute(hash_key=True)
    url = UnicodeAttribute()
    secrets: ListAttribute[Any] = ListAttribute()
    event_types: ListAttribute[str] = ListAttribute()
    created_at_ms = NumberAttribute()
    disabled = UnicodeAttribute(null=True)


class NotificationOrEventNumberOrCounterItem(Model):
    """An item of the notifications' table. `position` tells its kind: `number#…` is the notification with this number,
    `event#…` has the number of the event with this id, and `counter` is the session's counter. See notifications.py."""

    class Meta:
        table_name = "notifications"

    session_id = UnicodeAttribute(hash_key=True)
    position = UnicodeAttribute(range_key=True)
    number = NumberAttribute()
    latest: MapAttribute[str, Any] = MapAttribute(null=True)
    event = UnicodeAttribute(null=True)


class TableDefinition(NamedTuple):
    """The definition of one table: its model and names, and whether it has a stream."""

    model: type[Model]
    name: str
    """The table's name without its prefix. In AWS the prefix has the stage: cinema-dev-rows."""
    logical_id: str
    """The table's id in the CloudFormation template. It must never change: CloudFormation would make a second table,
    and the name can't be taken twice."""
    has_stream: bool = False
    """True if the table has a stream, which reports each change of an item: the item before and after it."""


TABLES = (
    TableDefinition(SessionItem, "sessions", "Sessions"),
    TableDefinition(RowItem, "rows", "Rows", has_stream=True),
    TableDefinition(ReservationItem, "reservations", "Reservations", has_stream=True),
    TableDefinition(LatestHoldsOfHolderInSessionItem, "live-holds", "LiveHolds"),
    TableDefinition(PaymentItem, "payments", "Payments", has_stream=True),
    TableDefinition(EventLogItem, "events", "EventLog"),
    TableDefinition(SessionCountersBucketShardItem, "analytics", "Analytics"),
    TableDefinition(EventProcessedByConsumerItem, "ledger", "Ledger"),
    TableDefinition(ViewerItem, "viewers", "Viewers"),
    TableDefinition(SuppressedAddressHashItem, "suppressed-addresses", "SuppressedAddresses"),
    TableDefinition(ReportedBreakerStatusItem, "breakers", "Breakers"),
    TableDefinition(InvoiceOrCounterItem, "invoices", "Invoices"),
    TableDefinition(TicketOrSaleOrKeysItem, "tickets", "Tickets"),
    TableDefinition(WebhookItem, "webhooks", "Webhooks"),
    TableDefinition(NotificationOrEventNumberOrCounterItem, "notifications", "Notifications"),
)


def row_id(session_id: str, row: str) -> str:
    """Gives the key of a row's item."""
    return f"{session_id}#{row}"


def set_table_names(prefix_without_last_hyphen: str) -> None:
    """Sets the table's name in each model: {prefix_without_last_hyphen}-sessions and so on."""
    for table in TABLES:
        table.model.Meta.table_name = f"{prefix_without_last_hyphen}-{table.name}"


# Whole items by their models' attributes, for the paths that buyers wait for. pynamodb does it by a descriptor for each
# attribute and a check for each value.

Reader = Callable[[Value], Any]


def _text_of(value: Value) -> str | None:
    return value.get("S")


def _number_of(value: Value) -> int | None:
    return int(value["N"]) if "N" in value else None


def _texts_of(value: Value) -> list[str] | None:
    return [each["S"] for each in value["L"]] if "L" in value else None


TYPES: Mapping[type, tuple[Reader, Callable[[Any], Value]]] = {
    UnicodeAttribute: (_text_of, text_value),
    NumberAttribute: (_number_of, number_value),
    ListAttribute: (_texts_of, text_list_value),
}
"""How each type of attribute is read and written: a text, a whole number, a list of texts."""


def read_known_attributes_missing_as_none(model: type[Model], item: Mapping[str, Value]) -> SimpleNamespace:
    """Reads an item into an object with the model's attributes.

    Attributes that the item lacks are None. Attributes that the model lacks are ignored.
    """
    readers = _readers(model)
    read = {name: readers[name](value) for name, value in item.items() if name in readers}
    return SimpleNamespace(**{**dict.fromkeys(readers), **read})


def item_from_attributes(model: type[Model], **attributes: Any) -> Item:
    """Builds a DynamoDB item from attributes, by the types that the model gives them. Writes nothing to the table.

    Leaves out attributes that are None. Raises KeyError if the model lacks an attribute.
    """
    writers = _writers(model)
    return {name: writers[name](value) for name, value in attributes.items() if value is not None}


@cache
def _readers(model: type[Model]) -> Mapping[str, Reader]:
    return {name: TYPES[type(attribute)][0] for name, attribute in model.get_attributes().items()}


@cache
def _writers(model: type[Model]) -> Mapping[str, Callable[[Any], Value]]:
    return {name: TYPES[type(attribute)][1] for name, attribute in model.get_attributes().items()}
