"""Questions: what is on, which seats are free, what was bought, and whether we are well."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock

from chalicelib.domain.ports import Clock, DependencyState, Page, Probe, Reservations, Rows, Sessions
from chalicelib.domain.refusals import ReservationNotFound, SessionCancelled
from chalicelib.domain.reservations import Held, Occupancy, Reservation, RowsClosed, Sold, State, in_force
from chalicelib.domain.sessions import Session


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
    def available(self) -> int:
        return sum(seat.status == "available" for seat in self.seats)


@dataclass(frozen=True)
class ShowSeats:
    sessions: Sessions
    rows: Rows
    clock: Clock

    def __call__(self, session_id: str) -> SeatMap:
        """Raises SessionNotFound, SessionCancelled."""
        session = self.sessions.get(session_id)
        try:
            occupancy = self.rows.occupancy(session)
        except RowsClosed as closed:
            raise SessionCancelled(session.id) from closed
        now = self.clock()
        taken = in_force(occupancy, now)
        return SeatMap(session.id, tuple(seen(seat, taken.get(seat)) for seat in session.seats))


def seen(number: str, entry: Occupancy | None) -> SeatView:
    """The seat as the world sees it, if the entry is in force."""
    match entry:
        case Sold():
            return SeatView(number, "sold")
        case Held(expires_at=expires_at):
            return SeatView(number, "reserved", expires_at)
    return SeatView(number, "available")


@dataclass(frozen=True)
class ShowReservation:
    reservations: Reservations
    clock: Clock

    def __call__(self, reservation_id: str) -> tuple[Reservation, State]:
        """The reservation and its state at this moment. Raises ReservationNotFound."""
        reservation = self.reservations.find(reservation_id)
        if reservation is None:
            raise ReservationNotFound(reservation_id)
        return reservation, reservation.state_at(self.clock())


@dataclass(frozen=True)
class ShowSession:
    sessions: Sessions

    def __call__(self, session_id: str) -> Session:
        """Raises SessionNotFound."""
        return self.sessions.get(session_id)


@dataclass(frozen=True)
class ListSessions:
    sessions: Sessions

    def __call__(self, starting_from: datetime | None, limit: int, cursor: str | None) -> Page[Session]:
        """Raises CursorInvalid."""
        return self.sessions.page(starting_from, limit, cursor)


@dataclass(frozen=True)
class ListPurchases:
    reservations: Reservations

    def __call__(self, user_id: str, limit: int, cursor: str | None) -> Page[Reservation]:
        """Raises CursorInvalid."""
        return self.reservations.purchases(user_id, limit, cursor)


@dataclass(frozen=True)
class CheckReadiness:
    probes: Sequence[Probe]

    def __call__(self) -> tuple[DependencyState, ...]:
        """Asks all at the same time: it takes as long as the slowest does."""
        with ThreadPoolExecutor(len(self.probes)) as threads:
            return tuple(threads.map(lambda probe: probe(), self.probes))


FRESH = timedelta(seconds=1)
"""How long an answer of /ready is shared: whoever asks it, however often, each dependency is asked once in this time by
each process."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """`checked_at` is when the dependencies were asked."""

    states: tuple[DependencyState, ...]
    checked_at: datetime


@dataclass(frozen=True)
class ShareReadiness:
    """The same answer again while it is fresh, and for all who ask while it is being found out. Safe in threads."""

    check: CheckReadiness
    clock: Clock
    lock: Lock = field(default_factory=Lock)
    kept: list[tuple[datetime, Readiness]] = field(default_factory=list)
    """The last one, with the moment when it was there: a check may take longer than its answer is fresh."""

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
