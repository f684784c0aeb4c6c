"""What viewers are shown while they look at a screening: each row of seats as it stands after a write."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from .reservations import Occupancy, in_force


@dataclass(frozen=True, slots=True)
class RowState:
    """All that is not free in a row of seats. `version` counts the row's writes, so that of two states one is newer."""

    session_id: str
    row: str
    version: int
    occupancy: Mapping[str, Occupancy]

    def at(self, now: datetime) -> "RowState":
        return replace(self, occupancy=in_force(self.occupancy, now))


def newest(states: Iterable[RowState]) -> dict[str, list[RowState]]:
    """The last state of each row, by screening: what a row was in between, nobody needs to see."""
    rows: dict[tuple[str, str], RowState] = {}
    for state in states:
        known = rows.get((state.session_id, state.row))
        if known is None or state.version > known.version:
            rows[state.session_id, state.row] = state
    by_session: dict[str, list[RowState]] = {}
    for state in rows.values():
        by_session.setdefault(state.session_id, []).append(state)
    return by_session
