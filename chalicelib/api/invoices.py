"""The link to a sale's invoice: /api/reservations/{id}/invoice."""

from chalice.app import Blueprint, Request, Response

from chalicelib import wiring
from chalicelib.domain.identity import Principal

from .http.answers import authorized_rate_limited_and_answered, ok, see_other
from .wire import invoices as schemas

routes = Blueprint(__name__)


@routes.route("/api/reservations/{reservation_id}/invoice", methods=["GET"])
@authorized_rate_limited_and_answered(routes)
def show_invoice(request: Request, reservation_id: str, asked_by: Principal) -> Response:
    link = wiring.invoices.create_invoice_link()(reservation_id, asked_by)
    answer = schemas.invoice(link)
    return ok(answer) if schemas.read_wants_link(request) else see_other(link.url, answer)
