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
        """Reads consistently: every earlier write is seen."""
        ...

    def claim(self, payment: Payment, *, charged_only: bool) -> Payment | None:
        """Claims the payment for its reservation and amount, for good. Gives the stored payment: this claim, or the
        state that rules it out.

        With `charged_only` the gateway must have reported a charge of exactly this amount for this reservation; None
        while it has reported nothing. Claiming again for the same reservation is harmless.
        """
        ...

    def record_charge(self, charge: Charge) -> Payment:
        """Stores the charge that the gateway reports; only the first time. Sales and refunds stay.

        Corrects a claim for another reservation once it has bought nothing. Until its hold is over, such a claim may be
        selling seats: then nothing is written.
        """
        ...

    def mark_sold(self, payment: Payment) -> Payment:
        """Marks the payment as sold, unless it has bought something else or was refunded."""
        ...

    def request_refund(self, payment: Payment) -> Payment:
        """Marks the payment as to be refunded, if it is not stored yet, or is for this reservation and has bought
        nothing.

        A request that names a sale also refunds a payment that has bought this very sale.

        A claimed payment is refunded only if the request names the session: such a request comes after the hold was
        released. A request without a session may be based on the payment before its claim, which may have bought seats
        since.
        """
        ...

    def mark_refunded(self, payment: Payment) -> Payment:
        """Marks the payment as refunded, if that was requested. Raises LookupError when the payment is unknown."""
        ...

    def count_unknown_at_gateway(self, payment: Payment, now: datetime) -> Payment:
        """Counts that the gateway was asked for this refund and did not know the payment (yet). Raises LookupError."""
        ...

    def list_outstanding_refunds(self) -> Iterable[Payment]:
        """Lists the payments that are still to be refunded, oldest first. Lags behind the writes by milliseconds."""
        ...


class PaymentGateway(Protocol):
    """The service that has the buyers' money. Each call tries once, for a few seconds at most."""

    def start_payment(self, reservation: Reservation, idempotency_key: str) -> PaymentIntent:
        """Starts a payment of the reservation's amount, which carries its id. The same key gives the same payment.

        Raises GatewayUnavailable.
        """
        ...

    def find_charge(self, transaction_id: str) -> Charge | None:
        """Asks for the charge of this transaction; None when the payment is unknown, or not paid (yet).

        Raises GatewayUnavailable.
        """
        ...

    def list_charges_since(self, moment: datetime) -> Iterable[Charge]:
        """Asks for all charges made at that moment or later, in no order. Raises GatewayUnavailable."""
        ...

    def refund(self, transaction_id: str, amount_cents: int | None, idempotency_key: str) -> str:
        """Refunds the amount, or all that was charged; once for each key. Gives the gateway's id of the refund.

        Raises RefundFailed if the refund is declined or its outcome is unknown. Raises PaymentUnknownAtGateway if the
        gateway does not know the payment.
        """
        ...


class GatewayMessages(Protocol):
    """The payment gateway's signed messages to us."""

    def read_charge(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Charge | None:
        """Checks the message and reads the charge that it reports; None for a message about something else.

        `headers` by lower-case name, `body` as it came. Raises SignatureInvalid unless one of our secrets signed it
        within five minutes of `now`, and UnreadableMessage when a signed message makes no sense.
        """
        ...
