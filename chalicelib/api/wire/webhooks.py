"""Replays of webhook deliveries on the wire: the JSON of /api/webhooks/{id}/replay."""

from typing import TYPE_CHECKING, Annotated

import msgspec
from chalice.app import Request
from msgspec import Meta

from .bodies import Answer, SessionId, body_of

if TYPE_CHECKING:
    from chalicelib.application.consumers.webhooks import ReplayNotificationsCommand, ReplayResult


class ReplayRequest(msgspec.Struct, rename="camel"):
    session_id: SessionId
    after_sequence: Annotated[int, Meta(ge=0, le=999_999_999_999)]


class ReplayedBody(Answer):
    """The result of a replay: `queued` notifications were put into the queue. If there may be more,
    `next_after_sequence` is the `afterSequence` to send in the next request."""

    session_id: str
    queued: int
    next_after_sequence: int | None = None


def read_replay_command(request: Request, webhook_id: str) -> "ReplayNotificationsCommand":
    from chalicelib.application.consumers.webhooks import (
        ReplayNotificationsCommand,  # a rare path: not at every cold start
    )

    body = body_of(request, ReplayRequest)
    signature: str = request.headers.get("cinema-signature", "")
    raw: bytes = request.raw_body  # type: ignore[assignment] # text only where API Gateway sent none
    return ReplayNotificationsCommand(webhook_id, body.session_id, body.after_sequence, raw, signature)


def replayed(replayed: "ReplayResult") -> ReplayedBody:
    return ReplayedBody(
        session_id=replayed.session_id, queued=replayed.queued, next_after_sequence=replayed.next_after_sequence
    )
