"""Live seat maps: viewers watch a session, and are sent the rows that change in it.

    viewer ──subscribe──► viewers ◄──who watches it?── ShowChanges ◄── the rows' stream
                                                            └──► each viewer's screen: whole rows, with their versions

A message holds the whole row, not the change. So a late, lost or doubled message does no harm: a viewer keeps the row
of the highest version, and the message that shows a gap in the versions also heals it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from chalicelib.domain.live import RowState, newest
from chalicelib.domain.ports import Clock, LiveConnections, Sessions, Viewers

ROWS_PER_MESSAGE = 8
"""How many rows one message has at most. Eight rows of 50 seats stay below a WebSocket frame of API Gateway, 32 kB."""


@dataclass(frozen=True)
class WatchSession:
    sessions: Sessions
    viewers: Viewers

    def __call__(self, viewer_id: str, session_id: str) -> None:
        """Makes the viewer watch this session, and no other. Raises SessionNotFound."""
        self.viewers.add(viewer_id, self.sessions.get(session_id).id)


@dataclass(frozen=True)
class StopWatchingSession:
    viewers: Viewers

    def __call__(self, viewer_id: str) -> None:
        self.viewers.remove(viewer_id)


@dataclass(frozen=True)
class ShowChanges:
    """Sends changed rows to the viewers of their session."""

    viewers: Viewers
    live_connections: LiveConnections
    clock: Clock

    def __call__(self, states: Iterable[RowState], render: Callable[[Sequence[RowState]], str]) -> None:
        """Sends each session's rows to its viewers. Removes viewers whose connection is gone."""
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
