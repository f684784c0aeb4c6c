"""Analytics: counting a session's events, and showing the counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import accumulate, groupby
from typing import TYPE_CHECKING

from chalicelib.domain.analytics import EMPTY_TALLY, Tally, bucket_start, sum_tallies, tally_of
from chalicelib.domain.events import Event

if TYPE_CHECKING:
    from chalicelib.domain.ports import Analytics, Clock, Sessions


@dataclass(frozen=True)
class CountEvent:
    """Adds an event to its session's counts.

    Idempotent: one write adds the counts and marks the event as processed. The order of events does not matter, because
    each event only adds to the bucket of its own time.
    """

    analytics: Analytics

    def __call__(self, event: Event) -> None:
        """Counts the event. Raises BackendUnavailable, or UnreadableMessage if a sale or refund lacks its amount."""
        tally = tally_of(event)
        if tally != EMPTY_TALLY:
            self.analytics.add_tally_once(event.id, event.session_id, bucket_start(event.occurred_at), tally)


@dataclass(frozen=True, slots=True)
class SessionAnalytics:
    """The counts of one session, read at `as_of`. Events of the last seconds may be missing.

    `running_totals` has a running total for each bucket of five minutes in which something changed.
    """

    session_id: str
    total_seats: int
    as_of: datetime
    total: Tally
    by_day: tuple[tuple[date, Tally], ...]
    running_totals: tuple[tuple[datetime, Tally], ...]

    @property
    def occupancy_rate(self) -> Decimal:
        return self.total.occupancy_rate(self.total_seats)


@dataclass(frozen=True)
class ShowAnalytics:
    sessions: Sessions
    analytics: Analytics
    clock: Clock

    def __call__(self, session_id: str) -> SessionAnalytics:
        """Reads the session's counts and adds them up. Raises SessionNotFound."""
        session = self.sessions.get(session_id)
        as_of = self.clock()
        counted = sorted(self.analytics.read_tallies_by_bucket(session.id).items(), key=lambda entry: entry[0])
        return SessionAnalytics(
            session_id=session.id,
            total_seats=session.total_seats,
            as_of=as_of,
            total=sum_tallies(tally for _, tally in counted),
            by_day=_group_by_day(counted),
            running_totals=_accumulate(dict(counted)),
        )


def _group_by_day(counted: Iterable[tuple[datetime, Tally]]) -> tuple[tuple[date, Tally], ...]:
    days = groupby(counted, key=lambda entry: entry[0].date())
    return tuple((day, sum_tallies(tally for _, tally in entries)) for day, entries in days)


def _accumulate(counted: Mapping[datetime, Tally]) -> tuple[tuple[datetime, Tally], ...]:
    return tuple(zip(counted, accumulate(counted.values()), strict=True))
