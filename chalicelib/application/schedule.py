"""Scheduling a session.

With an idempotency key the session's id is made from it. So a second request, on any instance, finds the session of the
first one, and compares.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from chalicelib.domain.refusals import IdempotencyKeyReused, SessionNotFound
from chalicelib.domain.sessions import Session

if TYPE_CHECKING:
    from chalicelib.domain.ports import Clock, IdMaker, Sessions


@dataclass(frozen=True, slots=True)
class ScheduleSessionCommand:
    movie_title: str
    starts_at: datetime
    room: str
    total_seats: int
    seats_per_row: int
    ticket_price: Decimal
    idempotency_key: str | None = None


@dataclass(frozen=True)
class ScheduleSession:
    sessions: Sessions
    clock: Clock
    ids: IdMaker

    def __call__(self, command: ScheduleSessionCommand) -> Session:
        """Stores the session.

        If the key was used before, gives the earlier session, or raises IdempotencyKeyReused if the two differ.
        """
        session = self._draft(command)
        if command.idempotency_key is not None:
            with suppress(SessionNotFound):
                return _check_same_request(self.sessions.get(session.id), session)
        return _check_same_request(self.sessions.get_or_add_with_rows(session), session)

    def _draft(self, command: ScheduleSessionCommand) -> Session:
        return Session(
            id=self.ids.session_id(command.idempotency_key),
            movie_title=command.movie_title,
            starts_at=command.starts_at,
            room=command.room,
            total_seats=command.total_seats,
            seats_per_row=command.seats_per_row,
            ticket_price=command.ticket_price,
            created_at=self.clock(),
        )


def _check_same_request(stored: Session, asked: Session) -> Session:
    """Gives the stored session if it was requested with the same facts.

    Raises IdempotencyKeyReused if not. Ignores the times of creation and cancellation.
    """
    if stored != replace(asked, created_at=stored.created_at, cancelled_at=stored.cancelled_at):
        raise IdempotencyKeyReused
    return stored
