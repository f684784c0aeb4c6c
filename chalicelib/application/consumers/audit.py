"""The audit log: every event of every session, once, in order. Nothing is ever changed or removed, but for
the names of people who are erased (application/person.py)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.domain.events import Event

if TYPE_CHECKING:
    from chalicelib.domain.pages import Page
    from chalicelib.domain.ports import EventLog, Sessions


@dataclass(frozen=True)
class RecordEvent:
    """Writes an event to the audit log.

    Idempotent: the key is the event's moment and id, and a written event is not changed.
    """

    log: EventLog

    def __call__(self, event: Event) -> None:
        self.log.append(event)


@dataclass(frozen=True)
class ListEventsPage:
    sessions: Sessions
    log: EventLog

    def __call__(self, session_id: str, limit: int, cursor: str | None) -> Page[Event]:
        """Lists the session's events, oldest first. Raises SessionNotFound, CursorInvalid."""
        return self.log.list_events(self.sessions.get(session_id).id, limit, cursor)
