"""Queries: sessions, seat maps, reservations, purchases, and readiness."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING

from chalicelib.domain.identity import UNCHECKED, Principal
from chalicelib.domain.refusals import SessionCancelled, UserNotFoundOrNotVisible
from chalicelib.domain.reservations import (
    HeldSeat,
    Occupancy,
    Reservation,
    RowsOfCancelledSession,
    SoldSeat,
    State,
    without_lapsed_holds,
)
from chalicelib.domain.sessions import Session

from .owned import get_owned_reservation

if TYPE_CHECKING:
    from chalicelib.domain.board import DependencyState
    from chalicelib.domain.pages import Page
    from chalicelib.domain.ports import Clock, DependencyProbe, Reservations, Rows, Sessions


@dataclass(frozen=True, slots=True)
class SeatView:
    number: str
    status: str
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SeatMap:
    session_id: str
    seats: tuple[SeatView, ...]

    @property
    def available_seats(self) -> int:
        return sum(seat.status == "available" for seat in self.seats)


@dataclass(frozen=True)
class ShowSeatMapUnlessCancelled:
    sessions: Sessions
    rows: Rows
    clock: Clock

    def __call__(self, session_id: str) -> SeatMap:
        """Reads the state of all seats of the session. Raises SessionNotFound, SessionCancelled."""
        session = self.sessions.get(session_id)
        try:
            occupancy = self.rows.read_entries_with_lapsed_or_raise_if_cancelled(session)
        except RowsOfCancelledSession as closed:
            raise SessionCancelled(session.id) from closed
        now = self.clock()
        taken = without_lapsed_holds(occupancy, now)
        return SeatMap(session.id, tuple(to_seat_view(seat, taken.get(seat)) for seat in session.seats))


def to_seat_view(seat: str, unlapsed_entry: Occupancy | None) -> SeatView:
    """Makes the public view of a seat. `unlapsed_entry` is None for a free seat, and is never a lapsed hold."""
    match unlapsed_entry:
        case SoldSeat():
            return SeatView(seat, "sold")
        case HeldSeat(expires_at=expires_at):
            return SeatView(seat, "reserved", expires_at)
    return SeatView(seat, "available")


@dataclass(frozen=True)
class ShowOwnReservation:
    reservations: Reservations
    clock: Clock

    def __call__(self, reservation_id: str, asked_by: Principal = UNCHECKED) -> tuple[Reservation, State]:
        """Gives the reservation and its current state. Raises ReservationNotFound."""
        reservation = get_owned_reservation(self.reservations, reservation_id, asked_by)
        return reservation, reservation.state_at(self.clock())


@dataclass(frozen=True)
class ShowSession:
    sessions: Sessions

    def __call__(self, session_id: str) -> Session:
        """Gives the session. Raises SessionNotFound."""
        return self.sessions.get(session_id)


@dataclass(frozen=True)
class ListSessionsPage:
    sessions: Sessions

    def __call__(self, starting_from: datetime | None, limit: int, cursor: str | None) -> Page[Session]:
        """Lists sessions by start time. If `starting_from` is None, past sessions are listed, too.
        Raises CursorInvalid."""
        return self.sessions.list_by_start(starting_from, limit, cursor)


@dataclass(frozen=True)
class ListPurchasesPage:
    reservations: Reservations

    def __call__(
        self, user_id: str, limit: int, cursor: str | None, asked_by: Principal = UNCHECKED
    ) -> Page[Reservation]:
        """Lists the user's purchases, newest first.

        Raises CursorInvalid. Raises UserNotFoundOrNotVisible if the caller may not see the user.
        """
        if not asked_by.may_act_for(user_id):
            raise UserNotFoundOrNotVisible(user_id)
        return self.reservations.list_purchases(user_id, limit, cursor)


@dataclass(frozen=True)
class CheckDependencies:
    probes: Sequence[DependencyProbe]

    def __call__(self) -> tuple[DependencyState, ...]:
        """Checks all dependencies at the same time. Takes as long as the slowest one."""
        with ThreadPoolExecutor(len(self.probes)) as threads:
            return tuple(threads.map(lambda probe: probe(), self.probes))


FRESH = timedelta(seconds=1)
"""How long an answer of /ready is shared. A process asks each dependency at most once in this time, however many
requests it gets."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """The states of the dependencies, as checked at `checked_at`."""

    states: tuple[DependencyState, ...]
    checked_at: datetime


@dataclass(frozen=True)
class CachedReadinessCheck:
    """Caches the readiness for a short time. Only one thread at a time checks again; the others wait for its result."""

    check: CheckDependencies
    clock: Clock
    lock: Lock = field(default_factory=Lock)
    kept: list[tuple[datetime, Readiness]] = field(default_factory=list)
    """The last result, with the moment when its check ended. FRESH counts from the end, because a check may take longer
    than FRESH."""

    def __call__(self) -> Readiness:
        with self.lock:
            if self.kept:
                since, known = self.kept[0]
                if abs(self.clock() - since) < FRESH:
                    return known
            began = self.clock()
            found = Readiness(self.check(), began)
            self.kept[:] = [(self.clock(), found)]
            return found
