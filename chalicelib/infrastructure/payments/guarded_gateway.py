"""The circuit breaker before a payment gateway, and the error for a gateway that is silent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from chalicelib.domain.payments import Charge, GatewayUnavailable, PaymentIntent, RefundNotConfirmed
from chalicelib.domain.reservations import Reservation
from chalicelib.infrastructure.breakers import Breaker, BreakerOpen

if TYPE_CHECKING:
    from chalicelib.domain.ports import PaymentGateway

T = TypeVar("T")

NOT_ASKED = "the payment gateway was not asked: it has just failed"


class GatewaySilent(GatewayUnavailable, RefundNotConfirmed):
    """The gateway did not answer in time. The call may have taken effect."""


@dataclass(frozen=True)
class CircuitBreakerGateway:
    """A payment gateway behind a circuit breaker.

    While the breaker is open, calls raise GatewayUnavailable at once, and `refund` raises RefundNotConfirmed. Only
    calls that the gateway did not answer in time count as failures.
    """

    gateway: PaymentGateway
    breaker: Breaker

    def start_payment(self, reservation: Reservation, idempotency_key: str) -> PaymentIntent:
        return self._ask(lambda: self.gateway.start_payment(reservation, idempotency_key))

    def find_charge(self, transaction_id: str) -> Charge | None:
        return self._ask(lambda: self.gateway.find_charge(transaction_id))

    def list_charges_since(self, moment: datetime) -> Sequence[Charge]:
        return self._ask(lambda: list(self.gateway.list_charges_since(moment)))

    def refund(self, transaction_id: str, amount_cents: int | None, idempotency_key: str) -> str:
        try:
            return self.breaker.call(
                lambda: self.gateway.refund(transaction_id, amount_cents, idempotency_key), (GatewaySilent,)
            )
        except BreakerOpen as error:
            raise RefundNotConfirmed(NOT_ASKED) from error

    def _ask(self, ask: Callable[[], T]) -> T:
        """Calls `ask` through the breaker.

        Raises GatewayUnavailable if the breaker is open. Also raises the errors of `ask`.
        """
        try:
            return self.breaker.call(ask, (GatewaySilent,))
        except BreakerOpen as error:
            raise GatewayUnavailable(NOT_ASKED) from error
