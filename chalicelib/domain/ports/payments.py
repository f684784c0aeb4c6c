"""Ports of payments: the payments as we store them, the gateway that has the money, and its messages to us."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from chalicelib.domain.payments import Charge, Payment, PaymentIntent
    from chalicelib.domain.reservations import Reservation

__all__ = ["GatewayMessages", "PaymentGateway", "Payments"]


class Payments(Protocol):
    """The stored payments. Every write gives the payment as stored afterwards."""

    def find(self, transaction_id: str) -> Payment | None:
        """Reads the payment, strongly consistent. None if it is not stored."""
        ...

    def claim(self, payment: Payment, *, charged_only: bool) -> Payment | None:
        """Claims the payment for its reservation and amount. A claim is never given to another reservation afterwards.
        Idempotent.

        Gives the stored payment: with this claim, or in the state that excludes it. With `charged_only`, claims only if
        the gateway has reported a charge of exactly this amount for this reservation. Gives None if it has reported no
        charge.
        """
        ...

    def record_charge(self, charge: Charge) -> Payment:
        """Stores the charge that the gateway reports. Later reports change nothing, and neither sales nor refunds are
        changed.

        A claim for another reservation than the charge's is corrected, but only after that reservation's hold is over.
        Until then the claim may still sell seats, so nothing is written.
        """
        ...

    def mark_sold(self, payment: Payment) -> Payment:
        """Marks the payment as sold. Changes nothing if the payment has bought something else, or was refunded."""
        ...

    def request_refund(self, payment: Payment) -> Payment:
        """Marks the stored payment as to be refunded. Stores `payment` itself if no payment is stored.

        Changes nothing if the stored payment belongs to another reservation, or has a sale with another id than
        `payment.sale_id`.

        A claimed payment is marked only if `payment.session_id` is set, because such a request is made after the hold
        was released. A request without a session may be older than the claim, which may have bought seats since.
        """
        ...

    def mark_refunded(self, payment: Payment) -> Payment:
        """Marks the payment as refunded.

        Changes nothing if no refund was requested. Raises LookupError if the payment is not stored.
        """
        ...

    def count_unknown_at_gateway(self, payment: Payment, now: datetime) -> Payment:
        """Adds one to the payment's count of refund tries for which the gateway did not know the payment.

        Changes nothing if no refund is requested. Raises LookupError if the payment is not stored.
        """
        ...

    def list_outstanding_refunds(self) -> Iterable[Payment]:
        """Lists the payments whose refund is requested but not made, oldest first. Eventually consistent."""
        ...


class PaymentGateway(Protocol):
    """The service that charges buyers. Each method makes one attempt of a few seconds at most."""

    def start_payment(self, reservation: Reservation, idempotency_key: str) -> PaymentIntent:
        """Starts a payment of the reservation's amount. The payment carries the reservation's id. The same key gives
        the same payment.

        Raises GatewayUnavailable.
        """
        ...

    def find_charge(self, transaction_id: str) -> Charge | None:
        """Reads the charge of this transaction. None if the gateway does not know the transaction, or it is not paid
        yet.

        Raises GatewayUnavailable.
        """
        ...

    def list_charges_since(self, moment: datetime) -> Iterable[Charge]:
        """Lists all charges made at `moment` or later, in no order. Raises GatewayUnavailable."""
        ...

    def refund(self, transaction_id: str, amount_cents: int | None, idempotency_key: str) -> str:
        """Refunds the amount, or the whole charge if `amount_cents` is None. Gives the gateway's id of the refund. The
        same key refunds once.

        Raises RefundFailed if the refund is declined or its outcome is unknown. Raises PaymentUnknownAtGateway if the
        gateway does not know the payment.
        """
        ...


class GatewayMessages(Protocol):
    """The reader of signed messages from the payment gateway."""

    def read_charge(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Charge | None:
        """Verifies the message's signature, and gives the charge that it reports. None if the message reports no
        charge.

        `headers` are by lower-case name, `body` is unchanged. Raises SignatureInvalid unless one of our secrets signed
        the message within five minutes of `now`. Raises UnreadableMessage if a signed message has an unknown form.
        """
        ...
