"""The payment gateway, with a circuit breaker: Stripe, or the simulated gateway, which is a server of our own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.infrastructure.payments.guarded_gateway import CircuitBreakerGateway
from chalicelib.infrastructure.payments.simulated_gateway import HttpClientOfSimulatedGateway
from chalicelib.infrastructure.payments.stripe_gateway import StripeGateway

from .breaker_board import breaker_board
from .breakers import new_breaker
from .process import once_per_settings, settings, settings_with_secrets
from .tracing import traced_calls_if_on

if TYPE_CHECKING:
    from chalicelib.domain.ports import PaymentGateway


@once_per_settings
def payment_gateway() -> PaymentGateway:
    gateway = stripe_gateway() if settings().pays_by_stripe else simulated_gateway()
    return CircuitBreakerGateway(
        traced_calls_if_on(gateway, "payments"), new_breaker("payments", breaker_board().record_change)
    )


def stripe_gateway() -> StripeGateway:
    known = settings_with_secrets()
    return StripeGateway(known.stripe_key, known.stripe_public_key, api_base=known.payments_url)


def simulated_gateway() -> HttpClientOfSimulatedGateway:
    return HttpClientOfSimulatedGateway(settings().payments_url)
