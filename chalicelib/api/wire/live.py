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
    """The address of the WebSocket for live seat maps. Without a `url` there is none: poll the seats instead."""

    url: str | None = None


class SubscribedBody(Answer, tag_field="type", tag="subscribed"):
    session_id: str


class ViewerLimitReachedBody(Answer, tag_field="type", tag="full"):
    """The message to a viewer beyond the limit of live viewers: poll the seats instead."""

    session_id: str


class RowBody(Answer):
    """The seats of a row that are not free. `version` counts the writes of the row."""

    row: str
    version: int
    seats: list[SeatBody]


class RowsBody(Answer, tag_field="type", tag="rows"):
    session_id: str
    rows: list[RowBody]


def subscribed_session_id(body: str) -> str:
    """Gives the id of the screening that a viewer's message subscribes to. Raises MalformedRequest, BodyTooLarge."""
    return parsed(body, SubscribeRequest).session_id


def changed_rows(rows: "Sequence[RowState]") -> RowsBody:
    return RowsBody(rows[0].session_id, [_row(row) for row in rows])


def _row(state: "RowState") -> RowBody:
    return RowBody(
        row=state.row,
        version=state.version,
        seats=[seat(to_seat_view(number, entry)) for number, entry in state.occupancy.items()],
    )
