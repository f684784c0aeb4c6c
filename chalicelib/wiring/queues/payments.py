"""Wiring of payments: starting, settling and refunding them, the gateway's messages, and the scheduled sweep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.application.payments import QueueReportedCharge, StartOrGetPayment
from chalicelib.application.reconcile import ReconcileChargesRefundsAndSales
from chalicelib.application.refunds import RefundOrSettle
from chalicelib.infrastructure.payments.simulated_gateway import SimulatedGatewayMessages
from chalicelib.infrastructure.payments.stripe_gateway import StripeMessages
from chalicelib.infrastructure.sqs import envelopes
from chalicelib.wiring.shared.adapters import adapters
from chalicelib.wiring.shared.breakers import metrics
from chalicelib.wiring.shared.process import clock, once_per_settings, settings, settings_with_secrets
from chalicelib.wiring.shared.queues import outbox
from chalicelib.wiring.use_cases.settling import SettlingUseCases

if TYPE_CHECKING:
    from chalicelib.domain.ports import GatewayMessages


@once_per_settings
def settling() -> SettlingUseCases:
    return SettlingUseCases(adapters())


def start_payment() -> StartOrGetPayment:
    return settling().start_payment


@once_per_settings
def queue_reported_charge() -> QueueReportedCharge:
    return QueueReportedCharge(_messages(), outbox(), clock)


def settle_payment(record: Mapping[str, Any]) -> None:
    """Turns the payment in a queue record into a sale or a refund. Raises SettlementNotDueYet while the payment's hold
    lasts."""
    settling().settle_payment(envelopes.payment_in(record))


def refund_or_settle() -> RefundOrSettle:
    return settling().refund_or_settle


def reconcile_charges_refunds_and_sales() -> ReconcileChargesRefundsAndSales:
    return settling().reconcile_charges_refunds_and_sales


def write_payment_findings_metric(findings: int) -> None:
    """Writes the number of findings of a reconciliation to the metric that the alarm watches."""
    metrics().write_payment_findings_metric(findings)


def _messages() -> GatewayMessages:
    return (StripeMessages if settings().pays_by_stripe else SimulatedGatewayMessages)(
        settings_with_secrets().payments_secrets
    )
