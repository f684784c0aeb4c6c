"""A screening's events on the wire: the JSON of /api/sessions/{id}/events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from chalicelib.domain.events import Event, EventType

from .bodies import Answer, Moment, moment

if TYPE_CHECKING:
    from chalicelib.domain.pages import Page


class LoggedEventBody(Answer):
    id: str
    type: EventType
    occurred_at: Moment
    reservation_id: str
    user_id: str
    seats: Sequence[str]
    data: Mapping[str, str | int]


class EventLogBody(Answer):
    session_id: str
    events: list[LoggedEventBody]
    next_cursor: str | None = None


def events(session_id: str, page: Page[Event]) -> EventLogBody:
    return EventLogBody(session_id=session_id, events=[_event(event) for event in page.items], next_cursor=page.cursor)


def _event(event: Event) -> LoggedEventBody:
    return LoggedEventBody(
        id=event.id,
        type=event.type,
        occurred_at=moment(event.occurred_at),
        reservation_id=event.reservation_id,
        user_id=event.buyer_pseudonym_or_empty,
        seats=event.seats,
        data=event.public_data,
    )
