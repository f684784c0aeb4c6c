"""The audit log: every event of every screening, once, in order; nothing is ever changed or taken out."""

from dataclasses import dataclass

from chalicelib.domain.events import Event
from chalicelib.domain.ports import EventLog, Page, Sessions


@dataclass(frozen=True)
class RecordEvent:
    """Harmless twice: the log's key is the event's own moment and id, and what stands there is left as it is."""

    log: EventLog

    def __call__(self, event: Event) -> None:
        self.log.append(event)


@dataclass(frozen=True)
class ListEvents:
    sessions: Sessions
    log: EventLog

    def __call__(self, session_id: str, limit: int, cursor: str | None) -> Page[Event]:
        """Oldest first. Raises SessionNotFound, CursorInvalid."""
        return self.log.page(self.sessions.get(session_id).id, limit, cursor)
