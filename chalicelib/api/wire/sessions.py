"""Screenings and their seats on the wire: the JSON of /api/sessions, its shapes and limits."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from chalice.app import Request
from msgspec import Meta

from chalicelib.application.queries import SeatMap, SeatView
from chalicelib.application.schedule import ScheduleSessionCommand
from chalicelib.domain.sessions import Session

from .bodies import (
    NOT_BLANK,
    Answer,
    CalendarMoment,
    MalformedRequest,
    Moment,
    Money,
    amount_of,
    body_of,
    idempotency_key,
    moment,
    moment_if_any,
    money,
    utc_whole_ms_in_years_2000_to_2099,
)

if TYPE_CHECKING:
    from chalicelib.domain.pages import Page

Title = Annotated[str, Meta(min_length=1, max_length=200, pattern=NOT_BLANK)]
Room = Annotated[str, Meta(min_length=1, max_length=20, pattern=NOT_BLANK)]
Price = Annotated[float, Meta(ge=0, le=100_000, extra_json_schema={"multipleOf": 0.01})]
SeatStatus = Annotated[str, Meta(extra_json_schema={"enum": ["available", "reserved", "sold"]})]


class SessionRequest(msgspec.Struct, rename="camel"):
    movie_title: Title
    start_time: CalendarMoment
    room_number: Room
    total_seats: Annotated[int, Meta(ge=1, le=2000)]
    ticket_price: Price
    seats_per_row: Annotated[int, Meta(ge=1, le=50)] = 10


class ScheduledBody(Answer):
    session_id: str
    movie_title: str
    available_seats: int
    created_at: Moment


class SessionBody(Answer):
    session_id: str
    movie_title: str
    start_time: Moment
    room_number: str
    total_seats: int
    seats_per_row: int
    ticket_price: Money
    created_at: Moment
    status: Literal["cancelled"] | None = None


class ProgrammeBody(Answer):
    sessions: list[SessionBody]
    next_cursor: str | None = None


class SeatBody(Answer):
    number: str
    status: SeatStatus
    expires_at: Moment | None = None


class SeatMapBody(Answer):
    session_id: str
    total_seats: int
    available_seats: int
    seats: list[SeatBody]


def read_schedule_command(request: Request) -> ScheduleSessionCommand:
    body = body_of(request, SessionRequest)
    return ScheduleSessionCommand(
        movie_title=body.movie_title,
        starts_at=utc_whole_ms_in_years_2000_to_2099(body.start_time, "$.startTime"),
        room=body.room_number,
        total_seats=body.total_seats,
        seats_per_row=body.seats_per_row,
        ticket_price=amount_of(body.ticket_price, "$.ticketPrice"),
        idempotency_key=idempotency_key(request),
    )


def start_from_query_or_none(request: Request) -> datetime | None:
    """Gives the query's `from`: the start of the earliest screening to list. None without it. Raises
    MalformedRequest."""
    query: Mapping[str, str] = request.query_params or {}
    text = query.get("from")
    try:
        return (
            None if text is None else utc_whole_ms_in_years_2000_to_2099(msgspec.convert(text, CalendarMoment), "from")
        )
    except msgspec.ValidationError as error:
        raise MalformedRequest("Invalid RFC3339 encoded datetime", "from") from error


def read_accepts_cached_map(request: Request) -> bool:
    """Tells whether the client accepts a seat map up to one second old: it sends `maxAge=1`. Raises
    MalformedRequest."""
    query: Mapping[str, str] = request.query_params or {}
    if (seconds := query.get("maxAge", "0")) not in ("0", "1"):
        raise MalformedRequest("Invalid enum value", "maxAge")
    return seconds == "1"


def scheduled(session: Session) -> ScheduledBody:
    return ScheduledBody(
        session_id=session.id,
        movie_title=session.movie_title,
        available_seats=session.total_seats,
        created_at=moment(session.created_at),
    )


def session(session: Session) -> SessionBody:
    return SessionBody(
        session_id=session.id,
        movie_title=session.movie_title,
        start_time=moment(session.starts_at),
        room_number=session.room,
        total_seats=session.total_seats,
        seats_per_row=session.seats_per_row,
        ticket_price=money(session.ticket_price),
        created_at=moment(session.created_at),
        status="cancelled" if session.cancelled_at else None,
    )


def programme(page: Page[Session]) -> ProgrammeBody:
    return ProgrammeBody([session(item) for item in page.items], page.cursor)


def seat_map(seats: SeatMap) -> SeatMapBody:
    return SeatMapBody(
        session_id=seats.session_id,
        total_seats=len(seats.seats),
        available_seats=seats.available_seats,
        seats=[seat(each) for each in seats.seats],
    )


def seat(seat: SeatView) -> SeatBody:
    return SeatBody(number=seat.number, status=seat.status, expires_at=moment_if_any(seat.expires_at))
