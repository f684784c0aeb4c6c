"""Live seat maps by WebSocket. `GET /api/live` gives its address; if there is none, pages poll the seat map.

    {"action": "subscribe", "sessionId": "…"}  ──►  {"type": "subscribed", "sessionId": "…"}
                                                    {"type": "full", "sessionId": "…"}: enough watch it already, poll
                                               ◄──  {"type": "rows", "sessionId": "…", "rows": [{row, version, seats}]}

A row's message names all its seats that are not free. The version counts the row's writes: a viewer keeps the newest.
Each message is complete, so a skipped version does no harm. After each connect a viewer reads the seat map once.

Too many messages on one connection, or from one address, are refused like HTTP requests: RATE_LIMITED, with
`retryAfterSeconds`. The viewer can poll meanwhile.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from chalice.app import Blueprint, Request, Response

from chalicelib import wiring

from .http import limits
from .http.answers import answered, error_json, ok
from .http.logs import log
from .wire import bodies
from .wire import live as live_wire

routes = Blueprint(__name__)


@routes.route("/api/live", methods=["GET"])
@answered(routes)
def show_live_address(request: Request) -> Response:
    return ok(live_wire.LiveEndpointBody(wiring.settings().live_url or None))


def subscribe(viewer_id: str, body: str, context: Mapping[str, Any]) -> None:
    """Subscribes a viewer to a screening. Sends the answer, or a refusal in the contract's form, over the WebSocket."""
    try:
        limits.enforce_message_limits(viewer_id, bodies.source_of(context))
        session_id = live_wire.subscribed_session_id(body)
        watches = wiring.subscriptions.watch_session()(viewer_id, session_id)
        answer = bodies.encoded((live_wire.SubscribedBody if watches else live_wire.ViewerLimitReachedBody)(session_id))
    except Exception as error:  # noqa: BLE001 - a viewer is told what went wrong, whatever it is
        answer = error_json(error, "subscribe")
    wiring.subscriptions.live_connections().send_message([viewer_id], answer)


def send_changed_rows(records: Iterable[Mapping[str, Any]]) -> None:
    """Sends recently changed rows to the viewers of their screenings. Leaves out old changes.

    A failure is logged and not retried, because viewers poll the seat map, too.
    """
    try:
        fresh = filter(wiring.live.is_recent_change, records)
        states = [state for record in fresh if (state := wiring.live.row_state_after_write(record))]
        wiring.live.show_changes()(states, lambda rows: bodies.encoded(live_wire.changed_rows(rows)))
    except Exception:  # noqa: BLE001 - viewers who are late must not hold back the stream
        log.exception("viewers were not told")
