"""What became of each transaction's money, in DynamoDB: one item for each, and every change one conditional write.

`outstanding` stands on what is still to be returned, so that an index lists it whatever the table's size.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.domain.payments import Fate, Payment, RefundReason
from chalicelib.domain.times import from_iso, to_iso

from .dynamodb import ConditionFailed, Item, Table
from .tables import PaymentItem

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

OUTSTANDING = "refund"
"""The one partition of the index. Refunds are rare; 1,000 requests a second would be its limit."""

NOTHING_IS_KNOWN = "attribute_not_exists(transaction_id)"
TO_BE_RETURNED_FOR_NOTHING = "(#fate = :requested AND attribute_not_exists(sale_id))"
"""Its sale may be told of later than a request to return it: see relay.py."""

REMEMBERED = timedelta(days=30)
"""How long it is known that there was no such payment: no message about it comes again after that."""


@dataclass(frozen=True)
class DynamoPayments:
    client: "DynamoDBClient"
    table_name: str

    def find(self, transaction_id: str) -> Payment | None:
        item = self._table.get(_key(transaction_id))
        return payment_of(item) if item else None

    def register_sale(self, payment: Payment) -> Payment:
        return self._put(
            payment,
            f"{NOTHING_IS_KNOWN} OR {TO_BE_RETURNED_FOR_NOTHING}",
            {":requested": {"S": Fate.REFUND_REQUESTED}},
        )

    def request_refund(self, payment: Payment) -> Payment:
        if not payment.sale_id:
            return self._put(payment, NOTHING_IS_KNOWN, {})
        has_bought_this_sale = "(#fate = :sold AND sale_id = :sale)"
        return self._put(
            payment,
            f"{NOTHING_IS_KNOWN} OR {TO_BE_RETURNED_FOR_NOTHING} OR {has_bought_this_sale}",
            {
                ":requested": {"S": Fate.REFUND_REQUESTED},
                ":sold": {"S": Fate.SOLD},
                ":sale": {"S": payment.sale_id},
            },
        )

    def settle(self, payment: Payment) -> Payment:
        return self._end(
            payment,
            "SET #fate = :fate, refund_id = :refund, refunded_at = :at REMOVE outstanding",
            {},
            {
                ":fate": {"S": Fate.REFUNDED},
                ":refund": {"S": payment.refund_id},
                ":at": {"S": _iso(payment.refunded_at) or ""},
            },
        )

    def void(self, payment: Payment, now: datetime) -> Payment:
        forgotten_at = int((now + REMEMBERED).timestamp())
        return self._end(
            payment,
            "SET #fate = :fate, #ttl = :ttl REMOVE outstanding",
            {"#ttl": "ttl"},
            {":fate": {"S": Fate.VOID}, ":ttl": {"N": str(forgotten_at)}},
        )

    def _put(self, payment: Payment, condition: str, values: Item) -> Payment:
        named = {"ExpressionAttributeNames": {"#fate": "fate"}, "ExpressionAttributeValues": values} if values else {}
        item = _item(payment).serialize()
        try:
            self._table.put(_key(payment.transaction_id), Item=item, ConditionExpression=condition, **named)
        except ConditionFailed as failed:
            return payment_of(failed.item) if failed.item else payment
        return payment

    def _end(self, payment: Payment, change: str, names: dict[str, str], values: Item) -> Payment:
        try:
            item = self._table.update(
                _key(payment.transaction_id),
                UpdateExpression=change,
                ConditionExpression="#fate = :requested",
                ExpressionAttributeNames={"#fate": "fate", **names},
                ExpressionAttributeValues={":requested": {"S": Fate.REFUND_REQUESTED}, **values},
                ReturnValues="ALL_NEW",
            )
        except ConditionFailed as failed:
            if failed.item is None:
                raise LookupError(f"nothing is known of the payment {payment.transaction_id!r}") from failed
            item = failed.item
        return payment_of(item)

    @property
    def _table(self) -> Table:
        return Table(self.client, self.table_name)


def payment_of(item: Mapping[str, Any]) -> Payment:
    """The payment that an item, or a stream record's image of one, stands for."""
    found = PaymentItem.from_raw_data(dict(item))
    return Payment(
        transaction_id=found.transaction_id,
        reservation_id=found.reservation_id,
        fate=Fate(found.fate),
        session_id=found.session_id or "",
        user_id=found.user_id or "",
        seats=tuple(found.seats),
        amount_cents=None if found.amount_cents is None else int(found.amount_cents),
        sale_id=found.sale_id or "",
        sold_at=_moment(found.sold_at),
        reason=RefundReason(found.reason) if found.reason else None,
        requested_at=_moment(found.requested_at),
        refund_id=found.refund_id or "",
        refunded_at=_moment(found.refunded_at),
    )


def _item(payment: Payment) -> PaymentItem:
    return PaymentItem(
        payment.transaction_id,
        reservation_id=payment.reservation_id,
        fate=payment.fate,
        session_id=payment.session_id or None,
        user_id=payment.user_id or None,
        seats=list(payment.seats),
        amount_cents=payment.amount_cents,
        sale_id=payment.sale_id or None,
        sold_at=_iso(payment.sold_at),
        reason=payment.reason,
        requested_at=_iso(payment.requested_at),
        outstanding=OUTSTANDING if payment.fate is Fate.REFUND_REQUESTED else None,
    )


def _key(transaction_id: str) -> Item:
    return {"transaction_id": {"S": transaction_id}}


def _iso(moment: datetime | None) -> str | None:
    return to_iso(moment) if moment else None


def _moment(text: str | None) -> datetime | None:
    return from_iso(text) if text else None
