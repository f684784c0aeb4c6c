"""Lists the payments that are neither sold nor returned."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from chalicelib.domain.consumers import REFUNDS
from chalicelib.domain.events import OutgoingMessage, refund_requested
from chalicelib.domain.money import Money
from chalicelib.domain.payments import Payment
from chalicelib.domain.times import to_iso
from chalicelib.infrastructure.clock import utc_now
from chalicelib.infrastructure.dynamodb.payments import DynamoPayments
from chalicelib.infrastructure.sqs.queues import QueueUrls, SqsOutbox
from infra.ops.connection import Connection, OpsError
from infra.ops.reconcile import GatewayNotNamed, findings_data, findings_table, sweep_payments
from infra.ops.text import Answer, aligned, counted, format_duration

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

HEADINGS = ("TRANSACTION", "REASON", "AMOUNT", "RESERVATION", "SINCE", "AGE", "GATEWAY")
SHOWN = 50
HOURS_LOOKED_BACK = 2.0


def list_unsettled_payments(connection: Connection, longest_seconds: float, *, again: bool = False) -> Answer:
    """Lists the refunds that are not settled, the oldest first, then the differences from the gateway's recent list.

    Recent are the last two hours. Exit status 1 when a refund waits for longer than `longest_seconds`, or something
    differs. With `again`, requests the refunds that wait for longer once more. Raises OpsError.
    """
    now = utc_now()
    client: DynamoDBClient = connection.client("dynamodb")
    waiting = list(DynamoPayments(client, f"{connection.prefix}payments").list_outstanding_refunds())
    late = [payment for payment in waiting if _age_seconds(payment, now) > longest_seconds]
    if again:
        _request_refunds_again(connection, late, now)
    data = {
        "waiting": [_payment_data(payment, now) for payment in waiting],
        "late": len(late),
        "requested_again": again,
    }
    text = _payments_text(connection, waiting, len(late), longest_seconds, now)
    text = f"{text}\nRequested again." if again and late else text
    differing, differences = _compare_with_gateway(connection)
    return Answer(data | {"differing": differing}, f"{text}\n{differences}", status=1 if late or differing else 0)


def _compare_with_gateway(connection: Connection) -> tuple[list[dict[str, Any]], str]:
    """Compares the last hours with the gateway's list and changes nothing. Gives the findings as data and as text."""
    try:
        result = sweep_payments(connection, HOURS_LOOKED_BACK, mend=False)
    except GatewayNotNamed as refusal:
        return [], f"Not compared with the gateway's list. {refusal}"
    if not result.findings:
        return [], f"All else agrees with the gateway's list of the last {HOURS_LOOKED_BACK:g} hours."
    return findings_data(
        result
    ), f"{findings_table(result)}\nThese don't agree: see `{connection.command('reconcile')}`."


def _request_refunds_again(connection: Connection, late: list[Payment], now: datetime) -> None:
    """Sends each payment's refund request to the refund consumer again, which refunds only once. Raises OpsError."""
    requests = [OutgoingMessage(REFUNDS, refund_requested(payment)) for payment in late]
    sqs = connection.client("sqs")
    unsent = SqsOutbox(sqs, connection.prefix.rstrip("-"), QueueUrls(sqs)).send_and_list_unsent_positions(requests, now)
    if unsent:
        raise OpsError(f"{counted(len(unsent), 'request')} not taken by {connection.where}: run the command again.")


def _age_seconds(payment: Payment, now: datetime) -> float:
    """Gives the time since the payment's refund was requested; 0 when none was."""
    return (now - payment.requested_at).total_seconds() if payment.requested_at else 0.0


def _payment_data(payment: Payment, now: datetime) -> dict[str, Any]:
    return {
        "transaction": payment.transaction_id,
        "reason": payment.reason,
        "amount_cents": payment.charged_or_price_cents_if_known,
        "currency": payment.charged_currency or payment.currency,
        "asked": payment.asked,
        "reservation": payment.reservation_id,
        "session": payment.session_id or None,
        "requested_at": to_iso(payment.requested_at) if payment.requested_at else None,
        "age_seconds": round(_age_seconds(payment, now), 1),
    }


def _row(payment: Payment, now: datetime) -> tuple[str | None, ...]:
    cents = payment.charged_or_price_cents_if_known
    return (
        payment.transaction_id,
        payment.reason,
        "all of it" if cents is None else Money(cents).format(),
        payment.reservation_id,
        to_iso(payment.requested_at) if payment.requested_at else None,
        format_duration(_age_seconds(payment, now)),
        f"knows of no such payment, asked {payment.asked} times" if payment.asked else "",
    )


def _payments_text(
    connection: Connection, waiting: list[Payment], late: int, longest_seconds: float, now: datetime
) -> str:
    if not waiting:
        return "Every payment has bought a sale or was returned."
    lines = [aligned(HEADINGS, [_row(payment, now) for payment in waiting[:SHOWN]])]
    if len(waiting) > SHOWN:
        lines.append(f"… and {len(waiting) - SHOWN} more: --json names them all.")
    if late:
        look = connection.command("dlq", "show", "refunds")
        lines.append(f"{counted(late, 'payment')} for longer than {format_duration(longest_seconds)}: see `{look}`.")
    return "\n".join(lines)
