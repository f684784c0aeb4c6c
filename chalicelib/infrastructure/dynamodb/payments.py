"""The life of each payment, in DynamoDB: one item for each transaction, and every step one conditional write.

Payments that are still to be returned have the attribute `outstanding`, so that an index lists them whatever the
table's size. A claim, which a buyer waits for, is not in the index, and so costs only one write unit.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chalicelib.domain.money import CURRENCY
from chalicelib.domain.payments import Charge, Payment, PaymentStatus, RefundReason
from chalicelib.domain.times import to_iso, utc_whole_ms_from_iso_with_zone

from .connection import ConditionFailed, Table, query_items
from .tables import PaymentItem, read_known_attributes_missing_as_none
from .values import attribute_value, text_key, text_value

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

OUTSTANDING = "refund"
"""The partition key of all payments in the index of refunds that are still to be made. Refunds are rare; one partition
takes up to 1,000 requests a second."""

NOTHING_IS_KNOWN = "attribute_not_exists(transaction_id)"
IS_FOR_RESERVATION = "reservation_id = :reservation"
IS_CHARGED = "attribute_exists(charged_at)"

CLAIM = ("method", "claimed_at", "due_at")
"""The attributes of a claim."""
REQUEST = ("reason", "requested_at", "outstanding", "asked", "asked_at")
"""The attributes of a requested refund."""

MOMENTS = ("claimed_at", "due_at", "charged_at", "sold_at", "requested_at", "refunded_at", "asked_at")


@dataclass(frozen=True)
class DynamoPayments:
    """The payments in a table. Each step of a payment's life is one conditional write."""

    client: "DynamoDBClient"
    table_name: str

    def find(self, transaction_id: str) -> Payment | None:
        item = self._table.get(text_key(transaction_id=transaction_id))
        return payment_from_item(item) if item else None

    def claim_for_reservation_if_allowed_and_read(self, payment: Payment, *, only_if_charged: bool) -> Payment | None:
        claim = {
            "claimed_at": _to_iso_if_any(payment.claimed_at),
            "due_at": _to_iso_if_any(payment.due_at),
            "method": payment.method,
        }
        update = _PaymentUpdate({**_base(payment), "fate": PaymentStatus.CLAIMED, **claim}).where(
            self.claim_for_reservation_condition(only_if_charged=only_if_charged),
            asserted=PaymentStatus.ASSERTED,
            claimed=PaymentStatus.CLAIMED,
            reservation=payment.reservation_id,
        )
        try:
            return self._write(payment.transaction_id, update)
        except ConditionFailed as failed:
            return payment_from_item(failed.item) if failed.item else None

    def claim_for_reservation_condition(self, *, only_if_charged: bool) -> str:
        """Gives the condition of a claim.

        With `only_if_charged`, the gateway must have reported the charge. Race tests override this method, to show that
        the race goes wrong without the condition.
        """
        costs_the_same = "charged_cents = :amount_cents AND charged_currency = :currency"
        is_charged_for_it = f"(fate = :asserted AND {IS_FOR_RESERVATION} AND {costs_the_same})"
        is_claimed_for_it = (
            f"(fate = :claimed AND {IS_FOR_RESERVATION}{f' AND {IS_CHARGED}' if only_if_charged else ''})"
        )
        return " OR ".join([is_charged_for_it, is_claimed_for_it, *([] if only_if_charged else [NOTHING_IS_KNOWN])])

    def record_charge_if_allowed_and_read(self, charge: Charge) -> Payment:
        charged = {
            "charged_cents": charge.amount_cents,
            "charged_currency": charge.currency,
            "charged_at": to_iso(charge.charged_at),
        }
        updates = (
            _update_where_charge_fits(charged, charge),
            _update_where_claim_was_wrong(charged, charge),
            _update_where_used_or_returned(charged),
        )
        for update in updates:
            try:
                return self._write(charge.transaction_id, update)
            except ConditionFailed as failed:
                stored = failed.item or {}
        return payment_from_item(stored)

    def mark_sold_if_allowed_and_read(self, payment: Payment) -> Payment:
        sold = {
            **_base(payment),
            "fate": PaymentStatus.SOLD,
            "sale_id": payment.sale_id,
            "sold_at": _to_iso_if_any(payment.sold_at),
        }
        may_be_sold = "(fate = :asserted OR fate = :claimed)"
        returns_with_no_sale = "(fate = :requested AND attribute_not_exists(sale_id))"
        update = _PaymentUpdate(sold, REQUEST).where(
            f"{NOTHING_IS_KNOWN} OR ({IS_FOR_RESERVATION} AND ({may_be_sold} OR {returns_with_no_sale}))",
            asserted=PaymentStatus.ASSERTED,
            claimed=PaymentStatus.CLAIMED,
            requested=PaymentStatus.REFUND_REQUESTED,
            reservation=payment.reservation_id,
        )
        return self._write_or_read(payment, update)

    def request_refund_if_allowed_and_read(self, payment: Payment) -> Payment:
        requested = {
            **_base(payment),
            "fate": PaymentStatus.REFUND_REQUESTED,
            "reason": payment.reason,
            "requested_at": _to_iso_if_any(payment.requested_at),
            "outstanding": OUTSTANDING,
        }
        has_no_sale = "(fate = :asserted OR fate = :claimed)" if payment.session_id else "fate = :asserted"
        condition = f"{NOTHING_IS_KNOWN} OR ({IS_FOR_RESERVATION} AND {has_no_sale})"
        compared = {
            "asserted": PaymentStatus.ASSERTED,
            **({"claimed": PaymentStatus.CLAIMED} if payment.session_id else {}),
        }
        if payment.sale_id:
            requested |= {"sale_id": payment.sale_id, "sold_at": _to_iso_if_any(payment.sold_at)}
            has_this_sale = "(fate = :sold AND sale_id = :sale_id)"
            returns_with_no_sale = "(fate = :requested AND attribute_not_exists(sale_id))"
            condition += f" OR {has_this_sale} OR ({IS_FOR_RESERVATION} AND {returns_with_no_sale})"
            compared |= {"sold": PaymentStatus.SOLD, "requested": PaymentStatus.REFUND_REQUESTED}
        update = _PaymentUpdate(requested).where(condition, reservation=payment.reservation_id, **compared)
        return self._write_or_read(payment, update)

    def mark_refunded_if_requested(self, payment: Payment) -> Payment:
        returned = {
            "fate": PaymentStatus.REFUNDED,
            "refund_id": payment.refund_id,
            "refunded_at": _to_iso_if_any(payment.refunded_at),
        }
        return self._write_if_requested(payment, _PaymentUpdate(returned, ("outstanding", "asked", "asked_at")))

    def count_refund_try_of_payment_unknown_to_gateway(self, payment: Payment, now: datetime) -> Payment:
        return self._write_if_requested(payment, _PaymentUpdate({"asked": payment.asked + 1, "asked_at": to_iso(now)}))

    def list_outstanding_refunds(self) -> Iterator[Payment]:
        items = query_items(
            self.client,
            self.table_name,
            IndexName="outstanding",
            KeyConditionExpression="outstanding = :refund",
            ExpressionAttributeValues={":refund": text_value(OUTSTANDING)},
        )
        return map(payment_from_item, items)

    def _write_if_requested(self, payment: Payment, update: "_PaymentUpdate") -> Payment:
        """Makes the update if the stored payment's refund is requested. Gives the stored payment in either case. Raises
        LookupError if none is stored."""
        update = update.where("fate = :requested", requested=PaymentStatus.REFUND_REQUESTED)
        try:
            return self._write(payment.transaction_id, update)
        except ConditionFailed as failed:
            if failed.item is None:
                raise LookupError(f"nothing is known of the payment {payment.transaction_id!r}") from failed
            return payment_from_item(failed.item)

    def _write_or_read(self, payment: Payment, update: "_PaymentUpdate") -> Payment:
        """Makes the update if its condition is true. Gives the payment as it is stored afterwards, whether the update
        was made or not. Gives `payment` itself if none is stored."""
        try:
            return self._write(payment.transaction_id, update)
        except ConditionFailed as failed:
            return payment_from_item(failed.item) if failed.item else payment

    def _write(self, transaction_id: str, update: "_PaymentUpdate") -> Payment:
        """Makes the update and gives the payment after it. Raises ConditionFailed."""
        key = text_key(transaction_id=transaction_id)
        return payment_from_item(self._table.update(key, ReturnValues="ALL_NEW", **update.request()))

    @property
    def _table(self) -> Table:
        return Table(self.client, self.table_name)


@dataclass(frozen=True, slots=True)
class _PaymentUpdate:
    """An UpdateItem of one payment.

    Sets the attributes in `set`. Sets an attribute in `set_if_missing` only if the item does not have it. Removes the
    attributes in `remove`. `compared` has the values that only the condition uses.
    """

    set: Mapping[str, Any]
    remove: tuple[str, ...] = ()
    set_if_missing: Mapping[str, Any] = field(default_factory=dict)
    condition: str = ""
    compared: Mapping[str, Any] = field(default_factory=dict)

    def where(self, condition: str, **compared: Any) -> "_PaymentUpdate":
        """Gives a copy of the update that has this condition. `compared` are the values that the condition compares
        with."""
        return replace(self, condition=condition, compared=compared)

    def request(self) -> dict[str, Any]:
        """Gives the arguments of UpdateItem. Attributes that are None are left out."""
        values = {name: value for name, value in {**self.set_if_missing, **self.set}.items() if value is not None}
        sets = [f"#{name} = {self._new_value(name)}" for name in values]
        removes = f" REMOVE {', '.join(f'#{name}' for name in self.remove)}" if self.remove else ""
        return {
            "UpdateExpression": f"SET {', '.join(sets)}{removes}",
            "ConditionExpression": self.condition,
            "ExpressionAttributeNames": {f"#{name}": name for name in (*values, *self.remove)},
            "ExpressionAttributeValues": {
                f":{name}": attribute_value(value) for name, value in {**values, **self.compared}.items()
            },
        }

    def _new_value(self, name: str) -> str:
        return f"if_not_exists(#{name}, :{name})" if name in self.set_if_missing else f":{name}"


def _update_where_charge_fits(charged: Mapping[str, Any], charge: Charge) -> _PaymentUpdate:
    """Makes the conditional update that records a charge. It succeeds if no payment is stored.

    If one is stored, it succeeds if that payment has no charge yet, and the charge names either the payment's
    reservation or none at all.
    """
    asserted = {"fate": PaymentStatus.ASSERTED, "reservation_id": charge.reservation_id, "currency": charge.currency}
    is_right = "reservation_id = :reservation_id" if charge.reservation_id else "attribute_exists(fate)"
    return _PaymentUpdate(charged, set_if_missing=asserted).where(
        f"{NOTHING_IS_KNOWN} OR (attribute_not_exists(charged_at) AND {is_right})"
    )


def _update_where_claim_was_wrong(charged: Mapping[str, Any], charge: Charge) -> _PaymentUpdate:
    """Makes the update for a payment that is stored with one reservation, while its charge names another. The update
    stores the charge and the charge's reservation, sets the status to asserted, and removes the refund request and any
    claim.

    The update is conditional: a refund must be requested, and the payment must have neither a sale nor a charge.
    """
    asserted = {"fate": PaymentStatus.ASSERTED, "reservation_id": charge.reservation_id, "currency": charge.currency}
    of_the_claim = ("session_id", "user_id", "seats", "amount_cents", *CLAIM, *REQUEST)
    return _PaymentUpdate({**charged, **asserted}, of_the_claim).where(
        "attribute_not_exists(charged_at) AND attribute_not_exists(sale_id) AND fate = :requested",
        requested=PaymentStatus.REFUND_REQUESTED,
    )


def _update_where_used_or_returned(charged: Mapping[str, Any]) -> _PaymentUpdate:
    """Makes the update that records a charge which the gateway reports late. Late means that the payment has bought
    something already, or that its refund was requested or made.

    It applies only to a payment that has no charge yet and is not claimed. The payment's status stays.
    """
    return _PaymentUpdate(charged).where(
        "attribute_exists(transaction_id) AND attribute_not_exists(charged_at) AND fate <> :claimed",
        claimed=PaymentStatus.CLAIMED,
    )


def payment_from_item(item: Mapping[str, Any]) -> Payment:
    """Reads a payment from an item of the table, or from an item's image in a stream record."""
    found = read_known_attributes_missing_as_none(PaymentItem, item)
    moments = {name: _moment(getattr(found, name)) for name in MOMENTS}
    return Payment(
        transaction_id=found.transaction_id,
        reservation_id=found.reservation_id or "",
        status=PaymentStatus(found.fate),
        session_id=found.session_id or "",
        user_id=found.user_id or "",
        seats=tuple(found.seats or ()),
        amount_cents=_to_int_if_any(found.amount_cents),
        currency=found.currency or CURRENCY,
        method=found.method or "",
        charged_cents=_to_int_if_any(found.charged_cents),
        charged_currency=found.charged_currency or "",
        sale_id=found.sale_id or "",
        reason=RefundReason(found.reason) if found.reason else None,
        refund_id=found.refund_id or "",
        asked=_to_int_if_any(found.asked) or 0,
        **moments,
    )


def _base(payment: Payment) -> dict[str, Any]:
    """Gives the attributes that claims, sales and requested refunds share: user, reservation, amount."""
    return {
        "reservation_id": payment.reservation_id,
        "session_id": payment.session_id or None,
        "user_id": payment.user_id or None,
        "seats": payment.seats,
        "amount_cents": payment.amount_cents,
        "currency": payment.currency,
    }


def _to_int_if_any(number: float | None) -> int | None:
    return None if number is None else int(number)


def _to_iso_if_any(moment: datetime | None) -> str | None:
    return to_iso(moment) if moment else None


def _moment(text: str | None) -> datetime | None:
    return utc_whole_ms_from_iso_with_zone(text) if text else None
