"""Putting a screening on the programme.

With an idempotency key the screening's id is derived from it: whoever comes second, on whichever instance, finds what
the first one made, and compares.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from chalicelib.domain.ports import Clock, Ids, Sessions
from chalicelib.domain.refusals import IdempotencyKeyReused, SessionNotFound
from chalicelib.domain.sessions import Session


@dataclass(frozen=True, slots=True)
class ScheduleSession:
    movie_title: str
    starts_at: datetime
    room: str
    total_seats: int
    seats_per_row: int
    ticket_price: Decimal
    idempotency_key: str | None = None


@dataclass(frozen=True)
class Schedule:
    sessions: Sessions
    clock: Clock
    ids: Ids

    def __call__(self, command: ScheduleSession) -> Session:
        """Raises IdempotencyKeyReused."""
        session = self._drafted(command)
        if command.idempotency_key is not None:
            with suppress(SessionNotFound):
                return _same_request(self.sessions.get(session.id), session)
        return _same_request(self.sessions.add(session), session)

    def _drafted(self, command: ScheduleSession) -> Session:
        return Session(
            id=self.ids.session(command.idempotency_key),
            movie_title=command.movie_title,
            starts_at=command.starts_at,
            room=command.room,
            total_seats=command.total_seats,
            seats_per_row=command.seats_per_row,
            ticket_price=command.ticket_price,
            created_at=self.clock(),
        )


def _same_request(stored: Session, asked: Session) -> Session:
    """Compared by all that was asked for; when it was made, and whether it was cancelled since, is the stored one's."""
    if stored != replace(asked, created_at=stored.created_at, cancelled_at=stored.cancelled_at):
        raise IdempotencyKeyReused
    return stored
