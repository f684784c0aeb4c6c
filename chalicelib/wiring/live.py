"""Wiring of live seat maps: sending changed rows to viewers, and forgetting viewers who have left."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.application.live import SendRowChangesWithinTimeLimit, StopWatchingSession
from chalicelib.infrastructure.dynamodb.rows import row_state_after_write
from chalicelib.infrastructure.dynamodb.viewers import DynamoViewers
from chalicelib.infrastructure.streams.failures import stream_write_time
from chalicelib.infrastructure.websocket.live_connections import (
    ApiGatewayConnections,
    SendsToNobody,
    new_connections_client,
)

from .shared.process import clock, database, once_per_settings, resource_name, settings

if TYPE_CHECKING:
    from chalicelib.domain.ports import ViewerRegistry, ViewerSender

__all__ = [
    "is_recent_change",
    "live_connections",
    "row_state_after_write",
    "send_row_changes_within_time_limit",
    "stop_watching_session",
    "viewers",
]

MAX_CHANGE_AGE = timedelta(seconds=20)
"""The greatest age of a change that is sent to viewers. A page reads the whole map every 20 s, so it has seen older
changes already."""


def is_recent_change(record: Mapping[str, Any]) -> bool:
    """Tells whether the change in a stream record is at most MAX_CHANGE_AGE old. Older changes need not be sent."""
    return clock() - stream_write_time(record) <= MAX_CHANGE_AGE


@once_per_settings
def viewers() -> ViewerRegistry:
    return DynamoViewers(database(), resource_name("viewers"), clock)


@once_per_settings
def live_connections() -> ViewerSender:
    url = settings().connections_url
    return ApiGatewayConnections(new_connections_client(url)) if url else SendsToNobody()


@once_per_settings
def send_row_changes_within_time_limit() -> SendRowChangesWithinTimeLimit:
    return SendRowChangesWithinTimeLimit(viewers(), live_connections(), clock)


@once_per_settings
def stop_watching_session() -> StopWatchingSession:
    return StopWatchingSession(viewers())
