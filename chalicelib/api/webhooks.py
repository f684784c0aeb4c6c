"""The replay of notifications that a webhook's owner has missed: /api/webhooks/{id}/replay."""

from chalice.app import Blueprint, Request, Response

from chalicelib import wiring

from .http.answers import authorized_rate_limited_and_answered, ok
from .wire import webhooks as webhooks_wire

routes = Blueprint(__name__)


@routes.route("/api/webhooks/{webhook_id}/replay", methods=["POST"])
@authorized_rate_limited_and_answered(routes)
def replay_notifications(request: Request, webhook_id: str) -> Response:
    command = webhooks_wire.read_replay_command(request, webhook_id)
    replayed = wiring.webhooks.enqueue_notification_replay()(command)
    return ok(webhooks_wire.replayed(replayed), status=202)
