"""Live seat maps by WebSocket. `GET /api/live` gives its address; if there is none, pages poll the seat map.

    {"action": "subscribe", "sessionId": "…"}  ──►  {"type": "subscribed", "sessionId": "…"}
                                                    {"type": "full", "sessionId": "…"}: too many viewers, so poll
                                               ◄──  {"type": "rows", "sessionId": "…", "rows": [{row, version, seats}]}

The message of a row names all its seats that are held or sold. The version counts the row's writes, so a viewer ignores
a message with an older version than the newest it has. Each message is complete, so a lost message does no harm once
the next one arrives. After each connect, a viewer reads the seat map once.

Too many messages on one connection, or from one address, are refused like HTTP requests: RATE_LIMITED, with
`retryAfterSeconds`. The viewer can poll meanwhile.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from chalice.app import Blueprint, Request, Response

from chalicelib import wiring

from .http import limits
from .http.answers import authorized_rate_limited_and_answered, ok, websocket_error_body
from .http.logs import log
from .wire import bodies
from .wire import live as live_wire

routes = Blueprint(__name__)


@routes.route("/api/live", methods=["GET"])
@authorized_rate_limited_and_answered(routes)
def show_live_address(request: Request) -> Response:
    return ok(live_wire.LiveEndpointBody(wiring.settings().live_url or None))


def subscribe_viewer_and_answer(viewer_id: str, body: str, context: Mapping[str, Any]) -> None:
    """Handles a viewer's WebSocket message: subscribes the viewer to a screening. Never raises.

    Sends the answer over the WebSocket: subscribed, too many viewers, or an error in the contract's form. `context` is
    the event's request context, which has the viewer's IP address.
    """
    try:
        limits.enforce_message_limits(viewer_id, bodies.client_address_or_network(context))
        session_id = live_wire.subscribed_session_id(body)
        watches = wiring.subscriptions.watch_session()(viewer_id, session_id)
        answer = bodies.encoded((live_wire.SubscribedBody if watches else live_wire.ViewerLimitReachedBody)(session_id))
    except Exception as error:  # noqa: BLE001 - a viewer is told what went wrong, whatever it is
        answer = websocket_error_body(error, "subscribe")
    wiring.subscriptions.live_connections().send_and_list_gone([viewer_id], answer)


def try_to_send_changed_rows(records: Iterable[Mapping[str, Any]]) -> None:
    """Sends the rows in stream records to the viewers of their screenings. Skips changes over 20 seconds old.

    Logs a failure instead of raising it: nothing is sent again, because viewers also poll the seat map.
    """
    try:
        fresh = filter(wiring.live.is_recent_change, records)
        states = [state for record in fresh if (state := wiring.live.row_state_after_write(record))]
        wiring.live.send_row_changes_within_time_limit()(
            states, lambda rows: bodies.encoded(live_wire.changed_rows(rows))
        )
    except Exception:  # noqa: BLE001 - viewers who are late must not hold back the stream
        log.exception("viewers were not told")
