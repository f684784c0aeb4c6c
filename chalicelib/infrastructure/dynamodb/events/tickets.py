"""Tickets in DynamoDB, and the public keys that they are checked with.

    id            the rest
    res-7Jx…      codes: {A1: K7QX-2MNP, …}; once void: voided_as, voided_at   the tickets of that reservation's sale
    K7QX-2MNP     reservation_id, session_id, seat, version, issued_at; token, once signed;
                  admitted_at, gate, admission_key, once admitted; voided_as, renewed_as, once void
    keys          <key's id>: {x, until}, for each key

added        sale: put, unless it is there ──┐
             tickets: put, unless there    ──┴── one transaction
transferred  sale: the seat's code, from the old to the new, unless void  ──┐
             old ticket: void, unless it is admitted or void              ──┤
             new ticket: put                                              ──┴── one transaction
void         sale: void, also where there is none yet ──► each ticket: void
admitted     ticket: admitted, unless it is admitted or void: one write, which decides

listed       the index by_session: a screening's tickets by seat, without tokens; some milliseconds late

From the moment when the sale is void, no ticket is added or transferred, so the ones that are voided next are all.
"""

import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chalicelib.domain.booking_codes import to_hyphenated_code
from chalicelib.domain.pages import Page
from chalicelib.domain.refusals import BackendUnavailable
from chalicelib.domain.reservations import buyer_pseudonym_or_empty
from chalicelib.domain.tickets.ticket import Admission, LatestTicketPerSeatOfSale, ListedTicket, Ticket, VoidReason
from chalicelib.domain.tickets.tokens import PublicKey
from chalicelib.infrastructure.dynamodb.connection import (
    BatchReader,
    ConditionFailed,
    Table,
    TransactionCancelled,
    outages_as_refusals,
    retry_on_conflict_or_raise_unavailable,
    transact,
)
from chalicelib.infrastructure.dynamodb.cursors import from_cursor, to_cursor
from chalicelib.infrastructure.dynamodb.values import (
    Item,
    find_ms,
    find_text,
    map_value,
    ms_value,
    number_value,
    read_ms,
    read_required_map,
    read_required_number,
    read_text,
    text_key,
    text_value,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEYS = "keys"
BY_SESSION = "by_session"
IS_NEW = "attribute_not_exists(id)"
IN_FORCE = "attribute_exists(id) AND attribute_not_exists(voided_as)"
NOT_ADMITTED = "attribute_not_exists(admitted_at)"


@dataclass(frozen=True)
class DynamoTickets:
    """The tickets in a table, and for each sale an item with the codes of its tickets."""

    client: "DynamoDBClient"
    table_name: str
    sleep: Callable[[float], None] = time.sleep

    def add_unless_issued_or_voided(self, sold: LatestTicketPerSeatOfSale) -> None:
        codes = {ticket.seat: text_value(ticket.code) for ticket in sold.tickets}
        sale = {**text_key(id=sold.reservation_id), "codes": map_value(codes)}
        failed = self._transact([self._ticket_put(sale), *(self._ticket_put(_item(ticket)) for ticket in sold.tickets)])
        if any(failed) and not failed[0]:
            raise BackendUnavailable("TransactWriteItems")  # a code is taken: the next delivery comes with others

    def find_ticketed_or_voided_sale(self, reservation_id: str) -> LatestTicketPerSeatOfSale | None:
        if not buyer_pseudonym_or_empty(reservation_id):
            return None
        item = self._table.get(text_key(id=reservation_id))
        return self._sale_from_item(item) if item else None

    def list_with_void_by_session(self, session_id: str, limit: int, cursor: str | None) -> Page[ListedTicket]:
        after = dict(zip(("seat", "id"), from_cursor(cursor, 2), strict=True)) if cursor else None
        start: Any = {"ExclusiveStartKey": text_key(session_id=session_id, **after)} if after else {}
        with outages_as_refusals("Query"):
            answer = self.client.query(
                TableName=self.table_name,
                IndexName=BY_SESSION,
                KeyConditionExpression="session_id = :session",
                ExpressionAttributeValues={":session": text_value(session_id)},
                Limit=limit,
                **start,
            )
        last = answer.get("LastEvaluatedKey")
        next_cursor = to_cursor((read_text(last, "seat"), read_text(last, "id"))) if last else None
        return Page([_listed_from_item(item) for item in answer["Items"]], next_cursor)

    def find(self, code: str) -> Ticket | None:
        if to_hyphenated_code(code) != code:
            return None  # no ticket's code: it might name a sale, or the keys
        item = self._table.get(text_key(id=code))
        return _ticket_from_item(item) if item else None

    def store_token_if_missing(self, ticket: Ticket) -> None:
        try:
            self._table.update(
                text_key(id=ticket.code),
                UpdateExpression="SET #token = :token",
                ConditionExpression="attribute_exists(id) AND attribute_not_exists(#token)",
                ExpressionAttributeNames={"#token": "token"},
                ExpressionAttributeValues={":token": text_value(ticket.token)},
            )
        except ConditionFailed:
            return  # signed by another delivery

    def try_transfer_and_reread_old(self, ticket: Ticket, renewed: Ticket) -> Ticket:
        self._transact(
            [
                self._seat_update(ticket, renewed),
                self._replaced_update(ticket, renewed),
                self._ticket_put(_item(renewed)),
            ]
        )
        return self.find(ticket.code) or ticket

    def void_sale_for_good(self, reservation_id: str, reason: VoidReason, now: datetime) -> None:
        item = self._table.update(
            text_key(id=reservation_id),
            UpdateExpression="SET voided_as = if_not_exists(voided_as, :why), voided_at = :now",
            ExpressionAttributeValues={":why": text_value(reason), ":now": ms_value(now)},
            ReturnValues="ALL_NEW",
        )
        for code in _codes(item):
            self._void_ticket(code, reason)

    def try_admit_and_reread(self, ticket: Ticket, admission: Admission) -> Ticket:
        try:
            item = self._table.update(text_key(id=ticket.code), **self._admission(admission))
        except ConditionFailed as failed:
            return _ticket_from_item(failed.item) if failed.item else ticket
        return _ticket_from_item(item)

    def admission_condition(self) -> str:
        return f"{IN_FORCE} AND {NOT_ADMITTED}"

    def _admission(self, admission: Admission) -> Any:
        """Builds the conditional UpdateItem that admits a ticket: its arguments except the table and the key."""
        return {
            "UpdateExpression": "SET admitted_at = :now, gate = :gate, admission_key = :key",
            "ConditionExpression": self.admission_condition(),
            "ExpressionAttributeValues": {
                ":now": ms_value(admission.admitted_at),
                ":gate": text_value(admission.gate),
                ":key": text_value(admission.key),
            },
            "ReturnValues": "ALL_NEW",
        }

    def _void_ticket(self, code: str, reason: VoidReason) -> None:
        try:
            self._table.update(
                text_key(id=code),
                UpdateExpression="SET voided_as = :why",
                ConditionExpression=IN_FORCE,
                ExpressionAttributeValues={":why": text_value(reason)},
            )
        except ConditionFailed:
            return  # void already

    def _seat_update(self, ticket: Ticket, renewed: Ticket) -> Any:
        return {
            "Update": {
                "TableName": self.table_name,
                "Key": text_key(id=ticket.reservation_id),
                "UpdateExpression": "SET codes.#seat = :new",
                "ConditionExpression": f"codes.#seat = :old AND {IN_FORCE}",
                "ExpressionAttributeNames": {"#seat": ticket.seat},
                "ExpressionAttributeValues": {":old": text_value(ticket.code), ":new": text_value(renewed.code)},
            }
        }

    def _replaced_update(self, ticket: Ticket, renewed: Ticket) -> Any:
        return {
            "Update": {
                "TableName": self.table_name,
                "Key": text_key(id=ticket.code),
                "UpdateExpression": "SET voided_as = :why, renewed_as = :new",
                "ConditionExpression": f"{IN_FORCE} AND {NOT_ADMITTED}",
                "ExpressionAttributeValues": {
                    ":why": text_value(VoidReason.TRANSFERRED),
                    ":new": text_value(renewed.code),
                },
            }
        }

    def _ticket_put(self, item: Item) -> Any:
        return {"Put": {"TableName": self.table_name, "Item": item, "ConditionExpression": IS_NEW}}

    def _transact(self, writes: list[Any]) -> list[bool]:
        """Makes all writes, or none. Tells for each write whether its condition failed. Raises BackendUnavailable."""

        def write() -> list[bool]:
            try:
                transact(self.client, writes)
            except TransactionCancelled as cancelled:
                if cancelled.has_conflict or not any(cancelled.conditions_failed):
                    raise cancelled.as_write_conflict_or_outage() from cancelled
                return cancelled.conditions_failed
            return [False] * len(writes)

        return retry_on_conflict_or_raise_unavailable(write, self.sleep)

    def _sale_from_item(self, item: Item) -> LatestTicketPerSeatOfSale:
        codes = _codes(item)
        read = BatchReader(self.client, self.table_name, self.sleep)
        found = {read_text(each, "id"): each for each in read([text_key(id=code) for code in codes])}
        tickets = tuple(_ticket_from_item(found[code]) for code in codes)
        return LatestTicketPerSeatOfSale(read_text(item, "id"), tickets, _void_reason(item))

    @property
    def _table(self) -> Table:
        return Table(self.client, self.table_name)


@dataclass(frozen=True)
class DynamoTicketPublicKeys:
    """The public keys that verify tickets, all in one item.

    `known` has the expiry of each key that this process published.
    """

    client: "DynamoDBClient"
    table_name: str
    known: dict[str, datetime] = field(default_factory=dict)

    def publish_until_at_least(self, key: PublicKey, until: datetime) -> None:
        if key.id in self.known and until <= self.known[key.id]:
            return
        described = map_value({"x": text_value(b64encode(key.x).decode()), "until": ms_value(until)})
        with suppress(ConditionFailed):  # it is published for longer already
            Table(self.client, self.table_name).update(
                text_key(id=KEYS),
                UpdateExpression="SET #key = :key",
                ConditionExpression="attribute_not_exists(#key) OR #key.#until < :until",
                ExpressionAttributeNames={"#key": key.id, "#until": "until"},
                ExpressionAttributeValues={":key": described, ":until": ms_value(until)},
            )
        self.known[key.id] = until

    def read_unexpired(self, now: datetime) -> Mapping[str, PublicKey]:
        item = Table(self.client, self.table_name).get(text_key(id=KEYS)) or {}
        described = [read_required_map(item, name) for name in item if name != "id"]
        keys = [PublicKey(b64decode(read_text(one, "x"))) for one in described if read_ms(one, "until") > now]
        return {key.id: key for key in keys}


def _item(ticket: Ticket) -> Item:
    """Builds the item of a ticket that is neither admitted nor void."""
    facts = text_key(
        id=ticket.code, reservation_id=ticket.reservation_id, session_id=ticket.session_id, seat=ticket.seat
    )
    numbers = {"version": number_value(ticket.version), "issued_at": ms_value(ticket.issued_at)}
    return {**facts, **numbers, **({"token": text_value(ticket.token)} if ticket.token else {})}


def _ticket_from_item(item: Item) -> Ticket:
    return Ticket(
        code=read_text(item, "id"),
        reservation_id=read_text(item, "reservation_id"),
        session_id=read_text(item, "session_id"),
        seat=read_text(item, "seat"),
        issued_at=read_ms(item, "issued_at"),
        version=read_required_number(item, "version"),
        token=find_text(item, "token") or "",
        admission=_admission_from_item(item),
        void=_void_reason(item),
        renewed_as=find_text(item, "renewed_as") or "",
    )


def _listed_from_item(item: Item) -> ListedTicket:
    return ListedTicket(
        code=read_text(item, "id"),
        seat=read_text(item, "seat"),
        version=read_required_number(item, "version"),
        void=_void_reason(item),
        admitted_at=find_ms(item, "admitted_at"),
        gate=find_text(item, "gate") or "",
    )


def _admission_from_item(item: Item) -> Admission | None:
    admitted_at = find_ms(item, "admitted_at")
    return Admission(admitted_at, read_text(item, "gate"), read_text(item, "admission_key")) if admitted_at else None


def _void_reason(item: Item) -> VoidReason | None:
    void = find_text(item, "voided_as")
    return VoidReason(void) if void else None


def _codes(sale: Item) -> list[str]:
    """Gives the codes of a sale's tickets, in the order of the seats' names."""
    codes = read_required_map(sale, "codes") if "codes" in sale else {}
    return [read_text(codes, seat) for seat in sorted(codes)]
