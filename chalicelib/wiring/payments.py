"""Door of who talks with the payment gateway: starting payments, its messages, refunds, the sweep."""

from chalicelib.application.payments import ReceiveGatewayMessage, StartPayment
from chalicelib.application.reconcile import ReconcilePayments
from chalicelib.application.refunds import SettleRefund
from chalicelib.domain.ports import GatewayMessages
from chalicelib.infrastructure.payments.simulated_gateway import HttpGatewayMessages
from chalicelib.infrastructure.payments.stripe_gateway import StripeMessages

from .shared.breakers import metrics
from .shared.process import clock, once, settings
from .shared.queues import outbox
from .shared.settling import settling


def start_payment() -> StartPayment:
    return settling().start_payment


@once
def receive_gateway_message() -> ReceiveGatewayMessage:
    return ReceiveGatewayMessage(_messages(), outbox(), clock)


def settle_refund() -> SettleRefund:
    return settling().settle_refund


def reconcile() -> ReconcilePayments:
    return settling().reconcile


def count_findings(findings: int) -> None:
    """Counts, for the alarm, what the sweep found."""
    metrics().money_to_look_at(findings)


def _messages() -> GatewayMessages:
    return (StripeMessages if settings().pays_by_stripe else HttpGatewayMessages)(settings().payments_secrets)
