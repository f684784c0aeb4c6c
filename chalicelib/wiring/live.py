"""Wiring of live seat maps: sending changed rows to viewers, and forgetting viewers who have left."""

from chalicelib.application.live import ShowChanges, StopWatchingSession
from chalicelib.domain.ports import LiveConnections, Viewers
from chalicelib.infrastructure.dynamodb.rows import row_state
from chalicelib.infrastructure.dynamodb.viewers import DynamoViewers
from chalicelib.infrastructure.websocket.live_connections import ApiGatewayConnections, NoConnections, client

from .shared.process import clock, database, once, settings, stage_name

__all__ = ["live_connections", "row_state", "show_changes", "stop_watching_session", "viewers"]


@once
def viewers() -> Viewers:
    return DynamoViewers(database(), stage_name("viewers"), clock)


@once
def live_connections() -> LiveConnections:
    url = settings().connections_url
    return ApiGatewayConnections(client(url)) if url else NoConnections()


@once
def show_changes() -> ShowChanges:
    return ShowChanges(viewers(), live_connections(), clock)


@once
def stop_watching_session() -> StopWatchingSession:
    return StopWatchingSession(viewers())
