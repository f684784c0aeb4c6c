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
        """Reads the payment, with strong consistency. None if it is not stored."""
        ...

    def claim_for_reservation_if_allowed_and_read(self, payment: Payment, *, only_if_charged: bool) -> Payment | None:
        """Claims the payment for its reservation and amount. While the payment is claimed, no other reservation can
        claim it. Idempotent.

        With `only_if_charged`, claims only if the gateway has reported a charge of exactly this amount for this
        reservation. Without it, also claims a payment of which the gateway has reported nothing yet.

        Gives the payment as stored afterwards, claimed or not. If it could not be claimed, its status, reservation and
        charge say why. Gives None if no payment is stored. That happens only with `only_if_charged`, before the gateway
        has reported a charge.
        """
        ...

    def record_charge_if_allowed_and_read(self, charge: Charge) -> Payment:
        """Stores the charge that the gateway reports. Gives the payment as it is then stored. Changes nothing if a
        charge is stored already.

        If the charge is for the payment's own reservation, the payment's status stays. If it is for another
        reservation, the effect depends on the payment's status. A claimed payment is left unchanged, because its
        reservation may still be sold. If the payment has no sale and its status is refund_requested, the charge
        replaces the claim and the refund request, and the status becomes asserted. In all other cases the charge is
        stored, and the status stays.
        """
        ...

    def mark_sold_if_allowed_and_read(self, payment: Payment) -> Payment:
        """Marks the payment as sold. If its refund was requested because it had no sale, drops that request.

        Changes nothing if the payment belongs to another reservation, has a sale already, or was refunded.
        """
        ...

    def request_refund_if_allowed_and_read(self, payment: Payment) -> Payment:
        """Marks the stored payment as to be refunded. Stores `payment` itself if no payment is stored.

        Changes nothing if the stored payment belongs to another reservation, or has a sale whose id is not
        `payment.sale_id`.

        If the stored payment is claimed, marks it only if the caller has set `payment.session_id`. By this, the caller
        says that the claim can't buy anything any more: its hold was released or sold, or its rows are closed. Without
        the session id, the claim may be newer than this request, and may have bought seats.
        """
        ...

    def mark_refunded_if_requested(self, payment: Payment) -> Payment:
        """Marks the payment as refunded.

        Changes nothing if no refund was requested. Raises LookupError if the payment is not stored.
        """
        ...

    def count_refund_try_of_payment_unknown_to_gateway(self, payment: Payment, now: datetime) -> Payment:
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
        """Refunds the amount, or the whole charge if `amount_cents` is None. Gives the gateway's id of the refund.
        Several calls with the same key make one refund.

        Raises RefundNotConfirmed if the refund is declined, its outcome is unknown, or the gateway was not asked.
        Raises PaymentNotYetAtGateway if the gateway does not know the payment.
        """
        ...


class GatewayMessages(Protocol):
    """The reader of signed messages from the payment gateway."""

    def read_charge(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Charge | None:
        """Verifies the message's signature, and gives the charge that the message reports. None if it reports no
        charge.

        `headers` has the message's headers by lower-case name. `body` has its bytes as they were received.

        Raises WebhookAuthenticationFailed unless one of our secrets signed the message within five minutes of `now`.
        Raises UnreadableMessage if a signed message has an unknown form.
        """
        ...
