"""Live seat maps on the wire: the messages that viewers send and get over their WebSocket."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import msgspec

from chalicelib.application.queries import to_seat_view

from .bodies import Answer, SessionId, parsed
from .sessions import SeatBody, seat

if TYPE_CHECKING:
    from chalicelib.domain.live import RowState


class SubscribeRequest(msgspec.Struct, rename="camel"):
    action: Literal["subscribe"]
    session_id: SessionId


class LiveEndpointBody(Answer):
    """The address of the WebSocket for live seat maps. If `url` is missing, there is no WebSocket: poll the seats."""

    url: str | None = None


class SubscribedBody(Answer, tag_field="type", tag="subscribed"):
    session_id: str


class ViewerLimitReachedBody(Answer, tag_field="type", tag="full"):
    """The message to a viewer who was not subscribed, because the screening has too many viewers. The client should
    poll the seats."""

    session_id: str


class RowTakenSeatsBody(Answer):
    """A row's held and sold seats; its other seats are free. `version` counts the writes of the row."""

    row: str
    version: int
    seats: list[SeatBody]


class RowsMessage(Answer, tag_field="type", tag="rows"):
    session_id: str
    rows: list[RowTakenSeatsBody]


def subscribed_session_id(body: str) -> str:
    """Reads from a viewer's message the id of the screening to watch. Raises MalformedRequest, BodyTooLarge."""
    return parsed(body, SubscribeRequest).session_id


def changed_rows(rows: "Sequence[RowState]") -> RowsMessage:
    return RowsMessage(rows[0].session_id, [_row(row) for row in rows])


def _row(state: "RowState") -> RowTakenSeatsBody:
    return RowTakenSeatsBody(
        row=state.row,
        version=state.version,
        seats=[seat(to_seat_view(number, entry)) for number, entry in state.occupancy.items()],
    )
