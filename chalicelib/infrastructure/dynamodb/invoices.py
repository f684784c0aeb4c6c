"""Invoices and their numbers in DynamoDB.

    id                place   the rest
    2026#counter      41                               the last place that was given in the series
    res-7Jx…          41      seats, amount, …         the invoice of that reservation's sale

counter: from the place that was read to the next ──┐
invoice: put, unless the sale has one             ──┴── one transaction: a number is given exactly when it is used

If two invoices try to take the same place, one of them fails, reads the counter again and takes the next place. So the
invoices of a series are numbered one after the other. Sales that wait for a number wait in the queue.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.domain.invoices import Bill, Invoice
from chalicelib.domain.money import Money
from chalicelib.domain.reservations import buyer_of_reservation
from chalicelib.domain.times import from_iso, to_iso

from .connection import (
    BatchRead,
    Table,
    TransactionCancelled,
    WriteConflict,
    retry_on_conflict,
    transact,
)
from .tables import InvoiceItem
from .values import TRUE, Item, number_value, read_number, read_text, text_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True)
class DynamoInvoices:
    """Numbers invoices and keeps them."""

    client: "DynamoDBClient"
    table_name: str
    sleep: Callable[[float], None] = time.sleep

    def assign_number(self, bill: Bill) -> Invoice:
        return retry_on_conflict(lambda: self._assign_number(bill), self.sleep)

    def mark_filed(self, invoice: Invoice) -> None:
        self._table.update(
            text_key(id=invoice.bill.reservation_id),
            UpdateExpression="SET filed = :true",
            ConditionExpression="attribute_exists(id)",
            ExpressionAttributeValues={":true": TRUE},
        )

    def find(self, reservation_id: str) -> Invoice | None:
        if not buyer_of_reservation(reservation_id):
            return None  # no reservation's id: it might name a counter
        item = self._table.get(text_key(id=reservation_id))
        return _invoice_from_item(item) if item else None

    def _assign_number(self, bill: Bill) -> Invoice:
        """Gives the sale's invoice; without one, puts it at the next place. Raises WriteConflict if that is taken."""
        counter_id = _counter_id(bill.series)
        keys = [text_key(id=counter_id), text_key(id=bill.reservation_id)]
        found = {read_text(item, "id"): item for item in BatchRead(self.client, self.table_name, self.sleep)(keys)}
        if bill.reservation_id in found:
            return _invoice_from_item(found[bill.reservation_id])
        last_place = read_number(found[counter_id], "place") if counter_id in found else 0
        invoice = Invoice(bill, last_place + 1)
        self._put_and_advance_counter(invoice)
        return invoice

    def _put_and_advance_counter(self, invoice: Invoice) -> None:
        try:
            transact(self.client, [self._counter_update(invoice), self._invoice_put(invoice)])
        except TransactionCancelled as cancelled:
            if any(cancelled.conditions_failed):  # the counter has moved on, or the sale has its invoice: read again
                raise WriteConflict("TransactWriteItems") from cancelled
            raise cancelled.as_error() from cancelled

    def _counter_update(self, invoice: Invoice) -> Any:
        """Gives the write that moves the counter to this invoice's place, if it is at the place before."""
        at_the_place_before = "place = :before" if invoice.place > 1 else "attribute_not_exists(id)"
        before = {":before": number_value(invoice.place - 1)} if invoice.place > 1 else {}
        return {
            "Update": {
                "TableName": self.table_name,
                "Key": text_key(id=_counter_id(invoice.bill.series)),
                "UpdateExpression": "SET place = :place",
                "ConditionExpression": at_the_place_before,
                "ExpressionAttributeValues": {":place": number_value(invoice.place), **before},
            }
        }

    def _invoice_put(self, invoice: Invoice) -> Any:
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


def _counter_id(series: str) -> str:
    return f"{series}#counter"


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


def _invoice_from_item(raw: Item) -> Invoice:
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
    return Invoice(bill=bill, place=int(item.place), filed=bool(item.filed))
