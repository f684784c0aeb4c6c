"""Payments that are neither sold nor returned: requested back, and not settled yet."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from chalicelib.application.relay import refund_requested
from chalicelib.domain.consumers import REFUNDS
from chalicelib.domain.payments import Payment
from chalicelib.domain.ports import Outgoing
from chalicelib.domain.times import to_iso
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.dynamodb.payments import DynamoPayments
from chalicelib.infrastructure.sqs.queues import QueueUrls, SqsOutbox
from infra.ops.connection import Connection, OpsError
from infra.ops.reconcile import GatewayNotNamed, found, swept, table
from infra.ops.text import Answer, aligned, counted, duration

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

HEADINGS = ("TRANSACTION", "REASON", "AMOUNT", "RESERVATION", "SINCE", "AGE", "GATEWAY")
SHOWN = 50
HOURS_LOOKED_BACK = 2.0


def payments(connection: Connection, longest_seconds: float, *, again: bool = False) -> Answer:
    """Oldest first; then what does not agree with the gateway's list of the last two hours. Exit status 1 when one has
    been waiting for longer than that, or something does not agree; `again` requests the former once more."""
    now = utc_now()
    client: DynamoDBClient = connection.client("dynamodb")
    waiting = list(DynamoPayments(client, f"{connection.prefix}payments").outstanding())
    late = [payment for payment in waiting if _age(payment, now) > longest_seconds]
    if again:
        _request_again(connection, late, now)
    data = {"waiting": [_data(payment, now) for payment in waiting], "late": len(late), "requested_again": again}
    text = _text(connection, waiting, len(late), longest_seconds, now)
    text = f"{text}\nRequested again." if again and late else text
    differing, differences = _differing(connection)
    return Answer(data | {"differing": differing}, f"{text}\n{differences}", status=1 if late or differing else 0)


def _differing(connection: Connection) -> tuple[list[dict[str, Any]], str]:
    """By looking only: `reconcile` mends."""
    try:
        result = swept(connection, HOURS_LOOKED_BACK, mend=False)
    except GatewayNotNamed as refusal:
        return [], f"Not compared with the gateway's list. {refusal}"
    if not result.findings:
        return [], f"All else agrees with the gateway's list of the last {HOURS_LOOKED_BACK:g} hours."
    return found(result), f"{table(result)}\nThese don't agree: see `{connection.command('reconcile')}`."


def _request_again(connection: Connection, late: list[Payment], now: datetime) -> None:
    """The very event that was told of each, to the refund consumer alone, which settles it once. Raises OpsError."""
    requests = [Outgoing(REFUNDS, refund_requested(payment)) for payment in late]
    sqs = connection.client("sqs")
    unsent = SqsOutbox(sqs, connection.prefix.rstrip("-"), QueueUrls(sqs)).send(requests, now)
    if unsent:
        raise OpsError(f"{counted(len(unsent), 'request')} not taken by {connection.where}: run the command again.")


def _age(payment: Payment, now: datetime) -> float:
    return (now - payment.requested_at).total_seconds() if payment.requested_at else 0.0


def _data(payment: Payment, now: datetime) -> dict[str, Any]:
    return {
        "transaction": payment.transaction_id,
        "reason": payment.reason,
        "amount_cents": payment.refund_cents,
        "currency": payment.charged_currency or payment.currency,
        "asked": payment.asked,
        "reservation": payment.reservation_id,
        "session": payment.session_id or None,
        "requested_at": to_iso(payment.requested_at) if payment.requested_at else None,
        "age_seconds": round(_age(payment, now), 1),
    }


def _text(connection: Connection, waiting: list[Payment], late: int, longest_seconds: float, now: datetime) -> str:
    if not waiting:
        return "Every payment has bought a sale or was returned."
    rows = [
        (
            payment.transaction_id,
            payment.reason,
            "all of it" if payment.refund_cents is None else f"{payment.refund_cents / 100:.2f}",
            payment.reservation_id,
            to_iso(payment.requested_at) if payment.requested_at else None,
            duration(_age(payment, now)),
            f"knows of no such payment, asked {payment.asked} times" if payment.asked else "",
        )
        for payment in waiting[:SHOWN]
    ]
    lines = [aligned(HEADINGS, rows)]
    if len(waiting) > SHOWN:
        lines.append(f"… and {len(waiting) - SHOWN} more: --json names them all.")
    if late:
        look = connection.command("dlq", "show", "refunds")
        lines.append(f"{counted(late, 'payment')} for longer than {duration(longest_seconds)}: see `{look}`.")
    return "\n".join(lines)
