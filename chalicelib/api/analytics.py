"""The analytics of a screening: /api/sessions/{id}/analytics."""

from chalice.app import Blueprint, Request, Response

from chalicelib import wiring

from .http.answers import authorized_rate_limited_and_answered, ok

routes = Blueprint(__name__)


@routes.route("/api/sessions/{session_id}/analytics", methods=["GET"])
@authorized_rate_limited_and_answered(routes)
def show_analytics(request: Request, session_id: str) -> Response:
    from .wire import analytics as analytics_wire  # here, and not at every cold start

    numbers = wiring.analytics.show_analytics()(session_id)
    return ok(analytics_wire.analytics(numbers))
