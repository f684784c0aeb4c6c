"""New sessions are recorded in the seat cache before they are stored, so that the cache sees every idempotency key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from chalicelib.domain.pages import Page
from chalicelib.domain.sessions import Session

from .seat_cache import SeatCache

if TYPE_CHECKING:
    from chalicelib.domain.ports import Sessions


@dataclass(frozen=True)
class SessionsAnnouncedBeforeAdding:
    """The port Sessions with one addition: a new session is first recorded in the seat cache."""

    sessions: Sessions
    cache: SeatCache

    def get_or_add_with_rows(self, session: Session) -> Session:
        self.cache.mark_reservation_ids_complete_for_new_session(session.id, session.created_at)
        return self.sessions.get_or_add_with_rows(session)

    def get(self, session_id: str) -> Session:
        return self.sessions.get(session_id)

    def list_by_start(self, starting_from: datetime | None, limit: int, cursor: str | None) -> Page[Session]:
        return self.sessions.list_by_start(starting_from, limit, cursor)

    def set_cancelled_at_for_display_if_unset(self, session_id: str, now: datetime) -> Session:
        return self.sessions.set_cancelled_at_for_display_if_unset(session_id, now)
