"""Invoices and their numbers in DynamoDB.

    id                place   the rest
    2026#counter      41                               the last place that was given in the series
    res-7Jx…          41      seats, amount, …         the invoice of that reservation's sale

counter: from the place that was read to the next ──┐
invoice: put, unless the sale has one             ──┴── one transaction: a number is given exactly when it is used

Where two meet at the counter, one of them reads it again and goes on. So invoices of a series are numbered one after
the other; what waits for its turn waits in the queue.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.domain.invoices import Bill, Invoice
from chalicelib.domain.money import Money
from chalicelib.domain.times import from_iso, to_iso
from chalicelib.infrastructure.ids import buyer_of_reservation

from .connection import (
    Item,
    Table,
    WriteConflict,
    consistent_items,
    outages_as_refusals,
    when_free_of_conflict,
    why_cancelled,
)
from .tables import InvoiceItem

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

REFUSED = "ConditionalCheckFailed"


@dataclass(frozen=True)
class DynamoInvoices:
    client: "DynamoDBClient"
    table_name: str
    sleep: Callable[[float], None] = time.sleep

    def assign_number(self, bill: Bill) -> Invoice:
        return when_free_of_conflict(lambda: self._numbered(bill), self.sleep)

    def mark_filed(self, invoice: Invoice) -> None:
        self._table.update(
            _key(invoice.bill.reservation_id),
            UpdateExpression="SET filed = :true",
            ConditionExpression="attribute_exists(id)",
            ExpressionAttributeValues={":true": {"BOOL": True}},
        )

    def find(self, reservation_id: str) -> Invoice | None:
        if not buyer_of_reservation(reservation_id):
            return None  # no reservation's id: it might name a counter
        item = self._table.get(_key(reservation_id))
        return _invoice(item) if item else None

    def _numbered(self, bill: Bill) -> Invoice:
        """Raises WriteConflict when another invoice took the place."""
        counter, own = _counter_key(bill.series), _key(bill.reservation_id)
        found = {item["id"]["S"]: item for item in consistent_items(self.client, self.table_name, [counter, own])}
        if bill.reservation_id in found:
            return _invoice(found[bill.reservation_id])
        last = int(found[counter["id"]["S"]]["place"]["N"]) if counter["id"]["S"] in found else 0
        return self._written(Invoice(bill, last + 1))

    def _written(self, invoice: Invoice) -> Invoice:
        try:
            with outages_as_refusals("TransactWriteItems"):
                self.client.transact_write_items(TransactItems=[self._step(invoice), self._unless_there(invoice)])
        except self.client.exceptions.TransactionCanceledException as error:
            reasons = error.response["CancellationReasons"]
            if any(reason["Code"] == REFUSED for reason in reasons):
                raise WriteConflict from error  # the counter has moved on, or the sale has its invoice: look again
            raise why_cancelled(reasons) from error
        return invoice

    def _step(self, invoice: Invoice) -> Any:
        """Moves the counter from the place before this invoice's."""
        at_the_place_before = "place = :before" if invoice.place > 1 else "attribute_not_exists(id)"
        before = {":before": {"N": str(invoice.place - 1)}} if invoice.place > 1 else {}
        return {
            "Update": {
                "TableName": self.table_name,
                "Key": _counter_key(invoice.bill.series),
                "UpdateExpression": "SET place = :place",
                "ConditionExpression": at_the_place_before,
                "ExpressionAttributeValues": {":place": {"N": str(invoice.place)}, **before},
            }
        }

    def _unless_there(self, invoice: Invoice) -> Any:
        return {
            "Put": {
                "TableName": self.table_name,
                "Item": _item(invoice).serialize(),
                "ConditionExpression": "attribute_not_exists(id)",
            }
        }

    @property
    def _table(self) -> Table:
        return Table(self.client, self.table_name)


def _key(reservation_id: str) -> Item:
    return {"id": {"S": reservation_id}}


def _counter_key(series: str) -> Item:
    return {"id": {"S": f"{series}#counter"}}


def _item(invoice: Invoice) -> InvoiceItem:
    bill = invoice.bill
    return InvoiceItem(
        bill.reservation_id,
        place=invoice.place,
        sale_id=bill.sale_id,
        user_id=bill.user_id,
        movie_title=bill.movie_title,
        room=bill.room,
        starts_at=to_iso(bill.starts_at),
        seats=list(bill.seats),
        unit_cents=Money.of(bill.unit_price).minor,
        amount_cents=Money.of(bill.amount).minor,
        payment_method=bill.payment_method,
        transaction_id=bill.transaction_id,
        paid_at=to_iso(bill.paid_at),
        seller=list(bill.seller),
        time_zone=bill.time_zone,
        language=bill.language,
    )


def _invoice(raw: Mapping[str, Any]) -> Invoice:
    item: Any = InvoiceItem.from_raw_data(dict(raw))  # its attributes are optional, because a counter has none of them
    bill = Bill(
        reservation_id=item.id,
        sale_id=item.sale_id,
        user_id=item.user_id,
        movie_title=item.movie_title,
        room=item.room,
        starts_at=from_iso(item.starts_at),
        seats=tuple(item.seats),
        unit_price=Money(int(item.unit_cents)).amount,
        amount=Money(int(item.amount_cents)).amount,
        payment_method=item.payment_method,
        transaction_id=item.transaction_id,
        paid_at=from_iso(item.paid_at),
        seller=tuple(item.seller),
        time_zone=item.time_zone,
        language=item.language,
    )
    return Invoice(bill, int(item.place), bool(item.filed))
