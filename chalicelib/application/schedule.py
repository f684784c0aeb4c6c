"""Putting a screening on the programme."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from chalicelib.domain.ports import Clock, Ids, Sessions
from chalicelib.domain.sessions import Session


@dataclass(frozen=True, slots=True)
class ScheduleSession:
    movie_title: str
    starts_at: datetime
    room: str
    total_seats: int
    seats_per_row: int
    ticket_price: Decimal


@dataclass(frozen=True)
class Schedule:
    sessions: Sessions
    clock: Clock
    ids: Ids

    def __call__(self, command: ScheduleSession) -> Session:
        session = Session(
            id=self.ids.session(),
            movie_title=command.movie_title,
            starts_at=command.starts_at,
            room=command.room,
            total_seats=command.total_seats,
            seats_per_row=command.seats_per_row,
            ticket_price=command.ticket_price,
            created_at=self.clock(),
        )
        self.sessions.add(session)
        return session
