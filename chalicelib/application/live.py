"""Seat maps that change before one's eyes: who looks at which screening, and what they are sent.

    viewer ──subscribe──► viewers ◄──who looks at it?── ShowChanges ◄── the rows' stream
                                                            └──► each viewer's screen: whole rows, with their versions

A message holds the whole row, not what changed in it. So one that is late, lost or doubled does no harm: a viewer keeps
the row of the highest version, and a gap in the versions is healed by the message that shows it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from chalicelib.domain.live import RowState, newest
from chalicelib.domain.ports import Clock, LiveConnections, Sessions, Viewers

ROWS_PER_MESSAGE = 8
"""So that a message of rows of 50 seats stays below a WebSocket frame of API Gateway, 32 kB."""


@dataclass(frozen=True)
class WatchSession:
    sessions: Sessions
    viewers: Viewers

    def __call__(self, viewer_id: str, session_id: str) -> None:
        """From now on the viewer is sent what changes in this screening, and in no other. Raises SessionNotFound."""
        self.viewers.add(viewer_id, self.sessions.get(session_id).id)


@dataclass(frozen=True)
class StopWatchingSession:
    viewers: Viewers

    def __call__(self, viewer_id: str) -> None:
        self.viewers.remove(viewer_id)


@dataclass(frozen=True)
class ShowChanges:
    viewers: Viewers
    live_connections: LiveConnections
    clock: Clock

    def __call__(self, states: Iterable[RowState], render: Callable[[Sequence[RowState]], str]) -> None:
        """Sends each screening's rows to its viewers. Who is gone without a word is forgotten."""
        now = self.clock()
        for session_id, rows in newest(states).items():
            watching = self.viewers.viewers_of(session_id)
            if watching:
                self._show(watching, [row.at(now) for row in rows], render)

    def _show(
        self, watching: Sequence[str], rows: Sequence[RowState], render: Callable[[Sequence[RowState]], str]
    ) -> None:
        for start in range(0, len(rows), ROWS_PER_MESSAGE):
            gone = self.live_connections.show(watching, render(rows[start : start + ROWS_PER_MESSAGE]))
            for viewer_id in gone:
                self.viewers.remove(viewer_id)
            watching = [viewer_id for viewer_id in watching if viewer_id not in gone]
