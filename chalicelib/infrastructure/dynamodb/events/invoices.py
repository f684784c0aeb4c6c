"""Invoices and their numbers in DynamoDB.

    id                place   the rest
    2026#counter      41                               the last place that was given in the series
    res-7Jx…          41      seats, amount, …         the invoice of that reservation's sale

counter: from the place that was read by as many    ──┐
invoices of a batch: put, unless a sale has one     ──┴── one transaction: a number is given exactly when it is used

If two batches try to take the same places, one of them fails, reads the counter again and takes the places that follow.
So the batches of a series are numbered one after the other (2 write units, and 2 for each invoice). Sales that wait for
a number wait in the queue.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from chalicelib.domain.invoices import Bill, Invoice
from chalicelib.domain.money import Money
from chalicelib.domain.reservations import buyer_pseudonym_or_empty
from chalicelib.domain.times import to_iso, utc_whole_ms_from_iso_with_zone
from chalicelib.infrastructure.dynamodb.connection import (
    BatchReader,
    Table,
    TransactionCancelled,
    WriteConflict,
    retry_on_conflict_or_raise_unavailable,
    transact,
)
from chalicelib.infrastructure.dynamodb.tables import InvoiceOrCounterItem
from chalicelib.infrastructure.dynamodb.values import (
    TRUE,
    Item,
    number_value,
    read_required_number,
    read_text,
    text_key,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


MOST_NUMBERED = 99
"""The largest number of invoices of one transaction. A transaction has 100 writes at most, one of which is the
counter's. One BatchGetItem reads 100 items, so it reads all of these invoices."""


@dataclass(frozen=True)
class DynamoInvoices:
    """The invoices in a table, and the counters that number them without gaps."""

    client: "DynamoDBClient"
    table_name: str
    sleep: Callable[[float], None] = time.sleep

    def assign_number(self, bill: Bill) -> Invoice:
        (invoice,) = self.assign_numbers_in_one_series([bill])
        return invoice

    def assign_numbers_in_one_series(self, bills: Sequence[Bill]) -> Sequence[Invoice]:
        unique = list({bill.reservation_id: bill for bill in bills}.values())
        numbered: dict[str, Invoice] = {}
        for start in range(0, len(unique), MOST_NUMBERED):
            batch = unique[start : start + MOST_NUMBERED]
            numbered |= retry_on_conflict_or_raise_unavailable(partial(self._assign_numbers, batch), self.sleep)
        return [numbered[bill.reservation_id] for bill in bills]

    def mark_pdf_stored(self, invoice: Invoice) -> None:
        self._table.update(
            text_key(id=invoice.bill.reservation_id),
            UpdateExpression="SET filed = :true",
            ConditionExpression="attribute_exists(id)",
            ExpressionAttributeValues={":true": TRUE},
        )

    def find(self, reservation_id: str) -> Invoice | None:
        if not buyer_pseudonym_or_empty(reservation_id):
            return None  # no reservation's id: it might name a counter
        item = self._table.get(text_key(id=reservation_id))
        return _invoice_from_item(item) if item else None

    def _assign_numbers(self, bills: Sequence[Bill]) -> Mapping[str, Invoice]:
        """Gives the invoices of bills in one series, by reservation id. Stores those that are missing, with the next
        numbers.

        Raises WriteConflict if another batch has changed the counter or one of these invoices after they were read, or
        is changing them now. Raises BackendUnavailable.
        """
        counter_id = _counter_id(bills[0].series)
        keys = [text_key(id=counter_id), *(text_key(id=bill.reservation_id) for bill in bills)]
        found = {read_text(item, "id"): item for item in BatchReader(self.client, self.table_name, self.sleep)(keys)}
        counter = found.pop(counter_id, None)
        last_place = read_required_number(counter, "place") if counter else 0
        missing = [bill for bill in bills if bill.reservation_id not in found]
        new = [Invoice(bill, place) for place, bill in enumerate(missing, last_place + 1)]
        if new:
            self._put_and_advance_counter(last_place, new)
        known = {id_: _invoice_from_item(item) for id_, item in found.items()}
        return known | {invoice.bill.reservation_id: invoice for invoice in new}

    def _put_and_advance_counter(self, last_place: int, new: Sequence[Invoice]) -> None:
        try:
            transact(self.client, [self._counter_update(last_place, new[-1]), *map(self._invoice_put, new)])
        except TransactionCancelled as cancelled:
            if any(cancelled.conditions_failed):  # the counter has moved on, or a sale has its invoice: read again
                raise WriteConflict("TransactWriteItems") from cancelled
            raise cancelled.as_write_conflict_or_outage() from cancelled

    def _counter_update(self, last_place: int, last: Invoice) -> Any:
        """Builds the write that moves the counter to the last new invoice, unless the counter has changed."""
        as_it_was_read = "place = :before" if last_place else "attribute_not_exists(id)"
        before = {":before": number_value(last_place)} if last_place else {}
        return {
            "Update": {
                "TableName": self.table_name,
                "Key": text_key(id=_counter_id(last.bill.series)),
                "UpdateExpression": "SET place = :place",
                "ConditionExpression": as_it_was_read,
                "ExpressionAttributeValues": {":place": number_value(last.place), **before},
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


def _item(invoice: Invoice) -> InvoiceOrCounterItem:
    bill = invoice.bill
    return InvoiceOrCounterItem(
        bill.reservation_id,
        place=invoice.place,
        sale_id=bill.sale_id,
        user_id=bill.user_id,
        movie_title=bill.movie_title,
        room=bill.room,
        starts_at=to_iso(bill.starts_at),
        seats=list(bill.seats),
        unit_cents=Money.from_exact_amount(bill.unit_price).minor,
        amount_cents=Money.from_exact_amount(bill.amount).minor,
        payment_method=bill.payment_method,
        transaction_id=bill.transaction_id,
        paid_at=to_iso(bill.paid_at),
        seller=list(bill.seller),
        time_zone=bill.time_zone,
        language=bill.language,
    )


def _invoice_from_item(raw: Item) -> Invoice:
    # Its attributes are optional, because a counter has none of them.
    item: Any = InvoiceOrCounterItem.from_raw_data(dict(raw))
    bill = Bill(
        reservation_id=item.id,
        sale_id=item.sale_id,
        user_id=item.user_id,
        movie_title=item.movie_title,
        room=item.room,
        starts_at=utc_whole_ms_from_iso_with_zone(item.starts_at),
        seats=tuple(item.seats),
        unit_price=Money(int(item.unit_cents)).amount,
        amount=Money(int(item.amount_cents)).amount,
        payment_method=item.payment_method,
        transaction_id=item.transaction_id,
        paid_at=utc_whole_ms_from_iso_with_zone(item.paid_at),
        seller=tuple(item.seller),
        time_zone=item.time_zone,
        language=item.language,
    )
    return Invoice(bill=bill, place=int(item.place), filed=bool(item.filed))
