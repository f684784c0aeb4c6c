"""The payment gateway's webhook: /api/payments/webhook; and the scheduled sweep over payments."""

from chalice.app import Blueprint, Request, Response

from chalicelib import wiring
from chalicelib.domain.events import UnreadableMessage

from .http.answers import authorized_rate_limited_and_answered, ok
from .http.logs import log
from .wire import payments as schemas
from .wire.bodies import LARGEST_BODY_BYTES, BodyTooLarge, MalformedRequest

routes = Blueprint(__name__)


@routes.route("/api/payments/webhook", methods=["POST"])
@authorized_rate_limited_and_answered(routes)
def hear_gateway(request: Request) -> Response:
    body = request.raw_body
    if len(body) > LARGEST_BODY_BYTES:
        raise BodyTooLarge
    try:
        wiring.payments.queue_reported_charge()(
            dict(request.headers), body if isinstance(body, bytes) else body.encode()
        )
    except UnreadableMessage as error:
        raise MalformedRequest(str(error)) from error
    return ok(schemas.GatewayMessageReceivedBody())


def reconcile_charges_refunds_and_sales() -> None:
    """Compares the gateway's charges with our payments. Also compares recent sales, as the rows have them, with the
    reservations of these sales. Settles payments that are still open, and retries late refunds.

    Logs the findings, which an operator must look into, and writes their number to the metric that the alarm watches.
    """
    result = wiring.payments.reconcile_charges_refunds_and_sales()()
    for finding in result.findings:
        ids = {"transaction": finding.transaction_id, "reservation": finding.reservation_id}
        log.warning("money to look at", says=finding.says, ids=ids)
    log.info("reconciled", looked_at=result.looked_at, mended=result.mended, findings=len(result.findings))
    wiring.payments.write_payment_findings_metric(len(result.findings))
