"""What is the same for every payment gateway: the circuit breaker before it, and what its silence is called."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from chalicelib.domain.payments import Charge, GatewayUnavailable, PaymentIntent, RefundRefused
from chalicelib.domain.ports import PaymentGateway
from chalicelib.domain.reservations import Reservation
from chalicelib.infrastructure.breakers import Breaker, BreakerOpen

T = TypeVar("T")

NOT_ASKED = "the payment gateway was not asked: it has just failed"


class GatewaySilent(GatewayUnavailable, RefundRefused):
    """The gateway did not answer, or not in time: whether it did what it was asked is unknown."""


@dataclass(frozen=True)
class GuardedGateway:
    """While the gateway does not answer, most calls fail at once instead of waiting for it."""

    gateway: PaymentGateway
    breaker: Breaker

    def start(self, reservation: Reservation, idempotency_key: str) -> PaymentIntent:
        return self._asked(lambda: self.gateway.start(reservation, idempotency_key))

    def find_charge(self, transaction_id: str) -> Charge | None:
        return self._asked(lambda: self.gateway.find_charge(transaction_id))

    def charges_since(self, moment: datetime) -> Iterable[Charge]:
        return self._asked(lambda: list(self.gateway.charges_since(moment)))

    def refund(self, transaction_id: str, amount_cents: int | None, idempotency_key: str) -> str:
        try:
            return self.breaker.call(
                lambda: self.gateway.refund(transaction_id, amount_cents, idempotency_key), (GatewaySilent,)
            )
        except BreakerOpen as error:
            raise RefundRefused(NOT_ASKED) from error

    def _asked(self, ask: Callable[[], T]) -> T:
        try:
            return self.breaker.call(ask, (GatewaySilent,))
        except BreakerOpen as error:
            raise GatewayUnavailable(NOT_ASKED) from error
