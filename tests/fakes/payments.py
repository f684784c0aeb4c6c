"""The ports of payments in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from chalicelib.domain.payments import (
    Charge,
    GatewayUnavailable,
    Payment,
    PaymentIntent,
    PaymentNotYetAtGateway,
    PaymentStatus,
    RefundNotConfirmed,
)
from chalicelib.domain.reservations import (
    Reservation,
)

__all__ = ["FakeGateway", "FakePayments", "with_charge"]


@dataclass
class FakePayments:
    known: dict[str, Payment] = field(default_factory=dict)

    def find(self, transaction_id: str) -> Payment | None:
        return self.known.get(transaction_id)

    def claim_for_reservation_if_allowed_and_read(self, payment: Payment, *, only_if_charged: bool) -> Payment | None:
        found = self.find(payment.transaction_id)
        if found is None:
            return None if only_if_charged else self._write(payment)
        if found.reservation_id != payment.reservation_id:
            return found
        is_charged_for_it = found.status is PaymentStatus.ASSERTED and (
            found.charged_cents,
            found.charged_currency,
        ) == (
            payment.amount_cents,
            payment.currency,
        )
        is_claimed_for_it = found.status is PaymentStatus.CLAIMED and (found.was_charged or not only_if_charged)
        return self._write(with_charge(payment, found)) if is_charged_for_it or is_claimed_for_it else found

    def record_charge_if_allowed_and_read(self, charge: Charge) -> Payment:
        said: dict[str, Any] = {
            "charged_cents": charge.amount_cents,
            "charged_currency": charge.currency,
            "charged_at": charge.charged_at,
        }
        new = Payment(
            charge.transaction_id, charge.reservation_id, PaymentStatus.ASSERTED, currency=charge.currency, **said
        )
        found = self.find(charge.transaction_id)
        if found is None:
            return self._write(new)
        if found.was_charged:
            return found
        is_right = charge.reservation_id in ("", found.reservation_id)
        if found.status is PaymentStatus.CLAIMED and not is_right:
            return found
        is_disproved = not is_right and _must_be_returned(found)
        return self._write(new if is_disproved else replace(found, **said))

    def mark_sold_if_allowed_and_read(self, payment: Payment) -> Payment:
        found = self.find(payment.transaction_id)
        if found is None:
            return self._write(payment)
        is_to_be_sold = found.status in (PaymentStatus.ASSERTED, PaymentStatus.CLAIMED) or _must_be_returned(found)
        if found.reservation_id != payment.reservation_id or not is_to_be_sold:
            return found
        claim = replace(payment, method=found.method, claimed_at=found.claimed_at, due_at=found.due_at)
        return self._write(with_charge(claim, found))

    def request_refund_if_allowed_and_read(self, payment: Payment) -> Payment:
        found = self.find(payment.transaction_id)
        if found is None:
            return self._write(payment)
        is_for_it = found.reservation_id == payment.reservation_id
        may_be_claimed = found.status is PaymentStatus.CLAIMED and bool(payment.session_id)
        allowed = is_for_it and (found.status is PaymentStatus.ASSERTED or may_be_claimed)
        if payment.sale_id:
            has_bought_this = found.status is PaymentStatus.SOLD and found.sale_id == payment.sale_id
            allowed = allowed or has_bought_this or (is_for_it and _must_be_returned(found))
        if not allowed:
            return found
        claim = replace(payment, method=found.method, claimed_at=found.claimed_at, due_at=found.due_at)
        asked = replace(claim, asked=found.asked, asked_at=found.asked_at)
        return self._write(with_charge(asked, found))

    def mark_refunded_if_requested(self, payment: Payment) -> Payment:
        found = self._known(payment)
        if found.status is not PaymentStatus.REFUND_REQUESTED:
            return found
        settled = found.with_refund_completed(
            payment.refund_id, payment.refunded_at or found.requested_at or datetime.now(UTC)
        )
        return self._write(replace(settled, asked=0, asked_at=None))

    def count_refund_try_of_payment_unknown_to_gateway(self, payment: Payment, now: datetime) -> Payment:
        found = self._known(payment)
        if found.status is not PaymentStatus.REFUND_REQUESTED:
            return found
        return self._write(replace(found, asked=payment.asked + 1, asked_at=now))

    def list_outstanding_refunds(self) -> list[Payment]:
        waiting = [each for each in self.known.values() if each.status is PaymentStatus.REFUND_REQUESTED]
        return sorted(waiting, key=lambda each: str(each.requested_at))

    def _known(self, payment: Payment) -> Payment:
        found = self.find(payment.transaction_id)
        if found is None:
            raise LookupError(payment.transaction_id)
        return found

    def _write(self, payment: Payment) -> Payment:
        self.known[payment.transaction_id] = payment
        return payment


@dataclass
class FakeGateway:
    """`returned` has the refund of each key. The gateway declines `declined` payments and does not know `unknown` ones.

    `charged` has the charges, by transaction. While it is empty, the gateway refunds any payment.
    """

    returned: dict[str, tuple[str, int | None]] = field(default_factory=dict)
    declined: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    charged: dict[str, Charge] = field(default_factory=dict)
    started: dict[str, PaymentIntent] = field(default_factory=dict)
    """The started payments, by idempotency key."""
    is_silent: bool = False

    def start_payment(self, reservation: Reservation, idempotency_key: str) -> PaymentIntent:
        self._listen()
        return self.started.setdefault(idempotency_key, PaymentIntent("fake", f"tx-{idempotency_key}"))

    def find_charge(self, transaction_id: str) -> Charge | None:
        self._listen()
        return self.charged.get(transaction_id)

    def list_charges_since(self, moment: datetime) -> Sequence[Charge]:
        self._listen()
        return [charge for charge in self.charged.values() if charge.charged_at >= moment]

    def refund(self, transaction_id: str, amount_cents: int | None, idempotency_key: str) -> str:
        if self.is_silent:
            raise RefundNotConfirmed("no answer")
        if transaction_id in self.declined:
            raise RefundNotConfirmed("declined")
        if transaction_id in self.unknown or (self.charged and transaction_id not in self.charged):
            raise PaymentNotYetAtGateway("unknown")
        if idempotency_key not in self.returned:
            self.returned[idempotency_key] = transaction_id, amount_cents
            self._take_back(transaction_id, amount_cents)
        return f"re-{idempotency_key}"

    def pay(self, charge: Charge) -> None:
        """Pays, as a buyer does."""
        self.charged[charge.transaction_id] = charge

    def _listen(self) -> None:
        if self.is_silent:
            raise GatewayUnavailable("no answer")

    def _take_back(self, transaction_id: str, amount_cents: int | None) -> None:
        charge = self.charged.get(transaction_id)
        if charge:
            left = charge.amount_cents - charge.refunded_cents
            returned = left if amount_cents is None else amount_cents
            self.charged[transaction_id] = replace(charge, refunded_cents=charge.refunded_cents + returned)


def with_charge(payment: Payment, found: Payment) -> Payment:
    return replace(
        payment,
        charged_cents=found.charged_cents,
        charged_currency=found.charged_currency,
        charged_at=found.charged_at,
    )


def _must_be_returned(payment: Payment) -> bool:
    return payment.status is PaymentStatus.REFUND_REQUESTED and not payment.sale_id
