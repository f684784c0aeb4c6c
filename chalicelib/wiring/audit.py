"""Wiring of the audit log: recording an event, and listing a screening's events."""

from chalicelib.application.consumers.audit import ListEvents, RecordEvent
from chalicelib.domain.ports import EventLog
from chalicelib.infrastructure.dynamodb.event_log import DynamoEventLog

from .shared.process import database, once, stage_name
from .shared.tables import sessions


@once
def event_log() -> EventLog:
    return DynamoEventLog(database(), stage_name("events"))


@once
def record_event() -> RecordEvent:
    return RecordEvent(event_log())


@once
def list_events() -> ListEvents:
    return ListEvents(sessions(), event_log())
