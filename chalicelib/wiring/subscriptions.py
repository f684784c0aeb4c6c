"""Wiring of viewers' WebSocket messages: a viewer subscribes to the changes of a screening."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.application.live import SwitchWatchedSessionUnlessFull
from chalicelib.infrastructure.dynamodb.viewer_limits import DynamoRateLimiter
from chalicelib.infrastructure.redis.rate_limits import ProcessRateLimiter

from .live import live_connections, viewers
from .shared.process import database, once_per_settings, resource_name, settings
from .shared.tables import sessions

if TYPE_CHECKING:
    from chalicelib.domain.ports import RateLimiter

__all__ = ["live_connections", "viewer_limiter", "watch_session"]


@once_per_settings
def watch_session() -> SwitchWatchedSessionUnlessFull:
    return SwitchWatchedSessionUnlessFull(sessions(), viewers(), settings().max_live_viewers)


@once_per_settings
def viewer_limiter() -> RateLimiter:
    return DynamoRateLimiter(database(), resource_name("viewers"), ProcessRateLimiter())
