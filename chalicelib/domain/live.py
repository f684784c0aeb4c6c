"""Live seat maps: the state of a row of seats after each write, for the viewers of its session."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from .reservations import Occupancy, without_lapsed_holds


@dataclass(frozen=True, slots=True)
class RowState:
    """The held and sold seats of a row. `version` counts the writes of the row, so a higher version is newer."""

    session_id: str
    row: str
    version: int
    occupancy: Mapping[str, Occupancy]

    def without_lapsed_holds(self, now: datetime) -> "RowState":
        """Gives the state without the holds that have lapsed by `now`."""
        return replace(self, occupancy=without_lapsed_holds(self.occupancy, now))


def newest_by_session(states: Iterable[RowState]) -> dict[str, list[RowState]]:
    """Groups the states by session id. Keeps only the newest state of each row."""
    rows: dict[tuple[str, str], RowState] = {}
    for state in states:
        known = rows.get((state.session_id, state.row))
        if known is None or state.version > known.version:
            rows[state.session_id, state.row] = state
    by_session: dict[str, list[RowState]] = {}
    for state in rows.values():
        by_session.setdefault(state.session_id, []).append(state)
    return by_session
