"""Live seat maps: viewers watch a session, and are sent the rows that change in it.

    viewer ──subscribe──► viewers ◄──who watches it?── SendRowChangesWithinTimeLimit ◄── the rows' stream
                                                            └──► each viewer's screen: whole rows, with their versions

A message holds the whole row, not the change. So a late, lost or doubled message does no harm: a viewer keeps the row
of the highest version, and the message that shows a gap in the versions also heals it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.domain.live import RowState, newest_by_session

if TYPE_CHECKING:
    from chalicelib.domain.ports import Clock, Sessions, ViewerRegistry, ViewerSender

log = logging.getLogger(__name__)

SHOWING_TIME = timedelta(seconds=20)
"""How long the sending of a batch of changes may take. Changes not sent by then are dropped, because Lambda stops the
function after 30 s, and the next batch has newer rows. A page requests the whole map every 20 s anyway."""

ROWS_PER_MESSAGE = 8
"""The largest number of rows in one message. Eight rows of 50 seats take less than 32 kB, the largest WebSocket frame
of API Gateway."""


@dataclass(frozen=True)
class SwitchWatchedSessionUnlessFull:
    sessions: Sessions
    viewers: ViewerRegistry
    most_viewers: int

    def __call__(self, viewer_id: str, session_id: str) -> bool:
        """Makes the viewer watch this session, instead of any other. False if the session already has as many viewers
        as allowed.

        Raises SessionNotFound. Viewers who come at the same moment may exceed the limit by a few.
        """
        session = self.sessions.get(session_id)
        if self.viewers.count(session.id, self.most_viewers) >= self.most_viewers:
            log.info("as many viewers as a screening may have: %s", session.id)
            return False
        self.viewers.set_watched_session(viewer_id, session.id)
        return True


@dataclass(frozen=True)
class StopWatchingSession:
    viewers: ViewerRegistry

    def __call__(self, viewer_id: str) -> None:
        self.viewers.remove(viewer_id)


@dataclass(frozen=True)
class SendRowChangesWithinTimeLimit:
    """Sends changed rows to the viewers of their sessions."""

    viewers: ViewerRegistry
    live_connections: ViewerSender
    clock: Clock

    def __call__(self, states: Iterable[RowState], render: Callable[[Sequence[RowState]], str]) -> None:
        """Sends each session's rows to its viewers. Removes viewers whose connection is closed.

        Stops after SHOWING_TIME. Changes that are not sent by then are dropped.
        """
        now = self.clock()
        for session_id, rows in newest_by_session(states).items():
            watching = self.viewers.viewers_of(session_id)
            if watching:
                self._show(watching, [row.without_lapsed_holds(now) for row in rows], render, now + SHOWING_TIME)

    def _show(
        self,
        watching: Sequence[str],
        rows: Sequence[RowState],
        render: Callable[[Sequence[RowState]], str],
        until: datetime,
    ) -> None:
        for start in range(0, len(rows), ROWS_PER_MESSAGE):
            seconds = (until - self.clock()).total_seconds()
            if seconds <= 0:
                log.warning("no time left to show %d rows of %s", len(rows) - start, rows[0].session_id)
                return
            message = render(rows[start : start + ROWS_PER_MESSAGE])
            gone = self.live_connections.send_and_list_gone(watching, message, seconds)
            for viewer_id in gone:
                self.viewers.remove(viewer_id)
            watching = [viewer_id for viewer_id in watching if viewer_id not in gone]
