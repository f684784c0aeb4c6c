"""The life of each payment, in DynamoDB: one item for each transaction, and every step one conditional write.

`outstanding` stands on what is still to be returned, so that an index lists it whatever the table's size. A claim,
which a buyer waits for, is not in the index: it costs one write unit.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chalicelib.domain.money import CURRENCY
from chalicelib.domain.payments import Charge, Payment, PaymentStatus, RefundReason
from chalicelib.domain.times import from_iso, to_iso

from .connection import ConditionFailed, Item, Table, queried
from .tables import PaymentItem

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

OUTSTANDING = "refund"
"""The one partition of the index. Refunds are rare; 1,000 requests a second would be its limit."""

NOTHING_IS_KNOWN = "attribute_not_exists(transaction_id)"
IS_FOR_IT = "reservation_id = :reservation"
IS_CHARGED = "attribute_exists(charged_at)"
CLAIM = ("method", "claimed_at", "due_at")
REQUEST = ("reason", "requested_at", "outstanding", "asked", "asked_at")


@dataclass(frozen=True)
class DynamoPayments:
    client: "DynamoDBClient"
    table_name: str

    def find(self, transaction_id: str) -> Payment | None:
        item = self._table.get(_key(transaction_id))
        return payment_of(item) if item else None

    def claim(self, payment: Payment, *, charged_only: bool) -> Payment | None:
        claim = {"claimed_at": _iso(payment.claimed_at), "due_at": _iso(payment.due_at), "method": payment.method}
        change = _Change({**_base(payment), "fate": PaymentStatus.CLAIMED, **claim}).where(
            self.may_be_claimed(charged_only=charged_only),
            asserted=PaymentStatus.ASSERTED,
            claimed=PaymentStatus.CLAIMED,
            reservation=payment.reservation_id,
        )
        try:
            return payment_of(self._update(payment.transaction_id, change))
        except ConditionFailed as failed:
            return payment_of(failed.item) if failed.item else None

    def may_be_claimed(self, *, charged_only: bool) -> str:
        """The condition. The control of the race test leaves it out; that is why it stands apart."""
        what_it_costs = "charged_cents = :amount_cents AND charged_currency = :currency"
        is_charged_for_it = f"(fate = :asserted AND {IS_FOR_IT} AND {what_it_costs})"
        is_claimed_for_it = f"(fate = :claimed AND {IS_FOR_IT}{f' AND {IS_CHARGED}' if charged_only else ''})"
        return " OR ".join([is_charged_for_it, is_claimed_for_it, *([] if charged_only else [NOTHING_IS_KNOWN])])

    def record_charge(self, charge: Charge) -> Payment:
        said = _Change(
            {
                "charged_cents": charge.amount_cents,
                "charged_currency": charge.currency,
                "charged_at": to_iso(charge.charged_at),
            }
        )
        for change in (self._heard_first(said, charge), self._disproved(said, charge), self._of_another(said)):
            try:
                return payment_of(self._update(charge.transaction_id, change))
            except ConditionFailed as failed:
                standing = failed.item or {}
        return payment_of(standing)

    def _heard_first(self, said: "_Change", charge: Charge) -> "_Change":
        """Nothing was known of it, or only what is right."""
        new = {"fate": PaymentStatus.ASSERTED, "reservation_id": charge.reservation_id, "currency": charge.currency}
        is_right = "reservation_id = :reservation_id" if charge.reservation_id else "attribute_exists(fate)"
        return replace(said, unless_there=new).where(
            f"{NOTHING_IS_KNOWN} OR (attribute_not_exists(charged_at) AND {is_right})"
        )

    def _disproved(self, said: "_Change", charge: Charge) -> "_Change":
        """A client had claimed it for another reservation than it was paid for, and that came to nothing."""
        proved = {"fate": PaymentStatus.ASSERTED, "reservation_id": charge.reservation_id, "currency": charge.currency}
        of_the_stranger = ("session_id", "user_id", "seats", "amount_cents", *CLAIM, *REQUEST)
        return _Change({**said.set, **proved}, of_the_stranger).where(
            "attribute_not_exists(charged_at) AND attribute_not_exists(sale_id) AND fate = :requested",
            requested=PaymentStatus.REFUND_REQUESTED,
        )

    def _of_another(self, said: "_Change") -> "_Change":
        """It has bought something else, or it went back: that stays."""
        return said.where(
            "attribute_exists(transaction_id) AND attribute_not_exists(charged_at) AND fate <> :claimed",
            claimed=PaymentStatus.CLAIMED,
        )

    def register_sale(self, payment: Payment) -> Payment:
        sold = {
            **_base(payment),
            "fate": PaymentStatus.SOLD,
            "sale_id": payment.sale_id,
            "sold_at": _iso(payment.sold_at),
        }
        is_to_be_sold = "(fate = :asserted OR fate = :claimed)"
        is_to_be_returned_for_nothing = "(fate = :requested AND attribute_not_exists(sale_id))"
        change = _Change(sold, REQUEST).where(
            f"{NOTHING_IS_KNOWN} OR ({IS_FOR_IT} AND ({is_to_be_sold} OR {is_to_be_returned_for_nothing}))",
            asserted=PaymentStatus.ASSERTED,
            claimed=PaymentStatus.CLAIMED,
            requested=PaymentStatus.REFUND_REQUESTED,
            reservation=payment.reservation_id,
        )
        return self._stands_after(payment, change)

    def request_refund(self, payment: Payment) -> Payment:
        requested = {
            **_base(payment),
            "fate": PaymentStatus.REFUND_REQUESTED,
            "reason": payment.reason,
            "requested_at": _iso(payment.requested_at),
            "outstanding": OUTSTANDING,
        }
        has_bought_nothing = "(fate = :asserted OR fate = :claimed)" if payment.session_id else "fate = :asserted"
        condition = f"{NOTHING_IS_KNOWN} OR ({IS_FOR_IT} AND {has_bought_nothing})"
        compared = {
            "asserted": PaymentStatus.ASSERTED,
            **({"claimed": PaymentStatus.CLAIMED} if payment.session_id else {}),
        }
        if payment.sale_id:
            requested |= {"sale_id": payment.sale_id, "sold_at": _iso(payment.sold_at)}
            has_bought_this = "(fate = :sold AND sale_id = :sale_id)"
            is_to_be_returned_for_nothing = "(fate = :requested AND attribute_not_exists(sale_id))"
            condition += f" OR {has_bought_this} OR ({IS_FOR_IT} AND {is_to_be_returned_for_nothing})"
            compared |= {"sold": PaymentStatus.SOLD, "requested": PaymentStatus.REFUND_REQUESTED}
        change = _Change(requested).where(condition, reservation=payment.reservation_id, **compared)
        return self._stands_after(payment, change)

    def mark_refunded(self, payment: Payment) -> Payment:
        returned = {
            "fate": PaymentStatus.REFUNDED,
            "refund_id": payment.refund_id,
            "refunded_at": _iso(payment.refunded_at),
        }
        return self._while_requested(payment, _Change(returned, ("outstanding", "asked", "asked_at")))

    def count_unknown_at_gateway(self, payment: Payment, now: datetime) -> Payment:
        return self._while_requested(payment, _Change({"asked": payment.asked + 1, "asked_at": to_iso(now)}))

    def outstanding_refunds(self) -> Iterator[Payment]:
        items = queried(
            self.client,
            self.table_name,
            IndexName="outstanding",
            KeyConditionExpression="outstanding = :refund",
            ExpressionAttributeValues={":refund": {"S": OUTSTANDING}},
        )
        return map(payment_of, items)

    def _while_requested(self, payment: Payment, change: "_Change") -> Payment:
        """Raises LookupError where nothing is known of it."""
        change = change.where("fate = :requested", requested=PaymentStatus.REFUND_REQUESTED)
        try:
            return payment_of(self._update(payment.transaction_id, change))
        except ConditionFailed as failed:
            if failed.item is None:
                raise LookupError(f"nothing is known of the payment {payment.transaction_id!r}") from failed
            return payment_of(failed.item)

    def _stands_after(self, payment: Payment, change: "_Change") -> Payment:
        try:
            return payment_of(self._update(payment.transaction_id, change))
        except ConditionFailed as failed:
            return payment_of(failed.item) if failed.item else payment

    def _update(self, transaction_id: str, change: "_Change") -> Item:
        return self._table.update(_key(transaction_id), ReturnValues="ALL_NEW", **change.request())

    @property
    def _table(self) -> Table:
        return Table(self.client, self.table_name)


@dataclass(frozen=True, slots=True)
class _Change:
    """One UpdateItem: what it sets (and what only where nothing stands), what it removes, on which condition."""

    set: Mapping[str, Any]
    remove: tuple[str, ...] = ()
    unless_there: Mapping[str, Any] = field(default_factory=dict)
    condition: str = ""
    compared: Mapping[str, Any] = field(default_factory=dict)

    def where(self, condition: str, **compared: Any) -> "_Change":
        return replace(self, condition=condition, compared=compared)

    def request(self) -> dict[str, Any]:
        values = {name: value for name, value in {**self.unless_there, **self.set}.items() if value is not None}
        sets = [f"#{name} = {self._new(name)}" for name in values]
        removes = f" REMOVE {', '.join(f'#{name}' for name in self.remove)}" if self.remove else ""
        return {
            "UpdateExpression": f"SET {', '.join(sets)}{removes}",
            "ConditionExpression": self.condition,
            "ExpressionAttributeNames": {f"#{name}": name for name in (*values, *self.remove)},
            "ExpressionAttributeValues": {
                f":{name}": _value(value) for name, value in {**values, **self.compared}.items()
            },
        }

    def _new(self, name: str) -> str:
        return f"if_not_exists(#{name}, :{name})" if name in self.unless_there else f":{name}"


def payment_of(item: Mapping[str, Any]) -> Payment:
    """The payment that an item, or a stream record's image of one, stands for."""
    found = PaymentItem.from_raw_data(dict(item))
    return Payment(
        transaction_id=found.transaction_id,
        reservation_id=found.reservation_id or "",
        status=PaymentStatus(found.fate),
        session_id=found.session_id or "",
        user_id=found.user_id or "",
        seats=tuple(found.seats or ()),
        amount_cents=_whole(found.amount_cents),
        currency=found.currency or CURRENCY,
        method=found.method or "",
        claimed_at=_moment(found.claimed_at),
        due_at=_moment(found.due_at),
        charged_cents=_whole(found.charged_cents),
        charged_currency=found.charged_currency or "",
        charged_at=_moment(found.charged_at),
        sale_id=found.sale_id or "",
        sold_at=_moment(found.sold_at),
        reason=RefundReason(found.reason) if found.reason else None,
        requested_at=_moment(found.requested_at),
        refund_id=found.refund_id or "",
        refunded_at=_moment(found.refunded_at),
        asked=_whole(found.asked) or 0,
        asked_at=_moment(found.asked_at),
    )


def _base(payment: Payment) -> dict[str, Any]:
    """What every step says of the payment: for whom, for what, how much."""
    return {
        "reservation_id": payment.reservation_id,
        "session_id": payment.session_id or None,
        "user_id": payment.user_id or None,
        "seats": payment.seats,
        "amount_cents": payment.amount_cents,
        "currency": payment.currency,
    }


def _value(value: Any) -> Item:
    if isinstance(value, int):
        return {"N": str(value)}
    return {"L": [{"S": each} for each in value]} if isinstance(value, tuple) else {"S": value}


def _key(transaction_id: str) -> Item:
    return {"transaction_id": {"S": transaction_id}}


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)


def _iso(moment: datetime | None) -> str | None:
    return to_iso(moment) if moment else None


def _moment(text: str | None) -> datetime | None:
    return from_iso(text) if text else None
