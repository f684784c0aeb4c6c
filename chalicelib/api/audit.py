"""The audit log of a screening: every event, in order, at /api/sessions/{id}/events."""

from chalice.app import Blueprint, Request, Response

from chalicelib import wiring

from .http.answers import authorized_rate_limited_and_answered, ok
from .wire import bodies
from .wire import events as schemas

routes = Blueprint(__name__)


@routes.route("/api/sessions/{session_id}/events", methods=["GET"])
@authorized_rate_limited_and_answered(routes)
def list_events(request: Request, session_id: str) -> Response:
    limit, cursor = bodies.limit_and_cursor(request)
    page = wiring.audit.list_events()(session_id, limit, cursor)
    return ok(schemas.events(session_id, page))
