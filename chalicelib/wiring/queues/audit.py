"""Wiring of the audit log: recording an event, and listing a screening's events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.application.consumers.audit import ListEventsPage, RecordEvent
from chalicelib.infrastructure.dynamodb.events.event_log import DynamoEventLog
from chalicelib.wiring.shared.process import database, once_per_settings, resource_name
from chalicelib.wiring.shared.tables import sessions

if TYPE_CHECKING:
    from chalicelib.domain.ports import EventLog


@once_per_settings
def event_log() -> EventLog:
    return DynamoEventLog(database(), resource_name("events"))


@once_per_settings
def record_event() -> RecordEvent:
    return RecordEvent(event_log())


@once_per_settings
def list_events() -> ListEventsPage:
    return ListEventsPage(sessions(), event_log())
