"""Wiring of a screening's analytics: counting events, and showing the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.application.consumers.analytics import CountEvent, ShowAnalytics
from chalicelib.infrastructure.dynamodb.events.analytics import DynamoAnalytics
from chalicelib.infrastructure.dynamodb.events.processed_events import DynamoProcessedEvents
from chalicelib.wiring.shared.process import clock, database, once_per_settings, resource_name
from chalicelib.wiring.shared.tables import sessions

if TYPE_CHECKING:
    from chalicelib.domain.ports import Analytics


@once_per_settings
def analytics() -> Analytics:
    counted = DynamoProcessedEvents(database(), resource_name("ledger"), "analytics", clock)
    return DynamoAnalytics(database(), resource_name("analytics"), counted)


@once_per_settings
def count_event() -> CountEvent:
    return CountEvent(analytics())


@once_per_settings
def show_analytics() -> ShowAnalytics:
    return ShowAnalytics(sessions(), analytics(), clock)
