"""The ports of booking in memory."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from chalicelib.domain.events import RowClosed, RowEvent, SeatsHeld, SeatsReleased, SeatsSold
from chalicelib.domain.pages import Page
from chalicelib.domain.refusals import CursorInvalid, SessionNotFound
from chalicelib.domain.reservations import (
    CountedHold,
    HeldSeat,
    Hold,
    HoldBarredBeforeStored,
    HoldLimitReachedOrReplacedHoldChanged,
    Occupancy,
    ReleaseResult,
    Reservation,
    RowsOfCancelledSession,
    Sale,
    SeatsTakenOrHoldEnded,
    SoldSeat,
    State,
    without_lapsed_holds,
)
from chalicelib.domain.sessions import Session, row_of_seat, seats_by_row_in_given_order
from chalicelib.domain.times import to_iso
from chalicelib.infrastructure.dynamodb.cursors import from_cursor

from .common import make_page

__all__ = ["FakeLiveHolds", "FakeReservations", "FakeRows", "FakeSessions"]


@dataclass
class FakeSessions:
    known: dict[str, Session] = field(default_factory=dict)

    def get_or_add_with_rows(self, session: Session) -> Session:
        return self.known.setdefault(session.id, session)

    def get(self, session_id: str) -> Session:
        if session_id not in self.known:
            raise SessionNotFound(session_id)
        return self.known[session_id]

    def list_by_start(self, starting_from: datetime | None, limit: int, cursor: str | None) -> Page[Session]:
        least = to_iso(starting_from) if starting_from else ""
        by_start = {(to_iso(session.starts_at), session.id): session for session in self.known.values()}
        after = from_cursor(cursor, 2) if cursor else None
        if after and after[0] < least:
            raise CursorInvalid
        wanted = sorted(key for key in by_start if key[0] >= least and (after is None or key > tuple(after)))
        return make_page(wanted, by_start, limit)

    def set_cancelled_at_for_display_if_unset(self, session_id: str, now: datetime) -> Session:
        session = self.get(session_id)
        self.known[session_id] = replace(session, cancelled_at=session.cancelled_at or now)
        return self.known[session_id]


@dataclass
class FakeRows:
    """`events` has the events of each row, in order."""

    taken: dict[str, dict[str, Occupancy]] = field(default_factory=lambda: defaultdict(dict))
    events: dict[tuple[str, str], list[RowEvent]] = field(default_factory=lambda: defaultdict(list))
    closed: set[tuple[str, str]] = field(default_factory=set)
    released: dict[tuple[str, str], datetime] = field(default_factory=dict)
    """The expiry of the hold of each seat that was released last."""

    def hold(self, hold: Hold, now: datetime) -> None:
        def may_be_held(seat: str, entry: Occupancy | None) -> bool:
            if entry is None:
                return not self._was_later(hold, seat)
            return isinstance(entry, HeldSeat) and _has_lapsed(entry, now)

        late = tuple(
            seat for seat in hold.seats if seat not in self.taken[hold.session_id] and self._was_later(hold, seat)
        )
        self._refuse_unless(hold, now, may_be_held, late)
        self._put(hold, _held(hold))
        self._tell(hold, lambda part: SeatsHeld(part, now))

    def sell(self, hold: Hold, sale: Sale, now: datetime) -> None:
        self._refuse_unless(hold, now, lambda _, entry: entry == _held(hold) and hold.expires_at > now)
        self._put(hold, SoldSeat(hold.reservation_id, sale.id))
        self._tell(hold, lambda part: SeatsSold(part.session_id, part.reservation_id, part.seats, sale, now))

    def release(self, hold: Hold, now: datetime) -> ReleaseResult:
        seats = self.taken[hold.session_id]
        freed = tuple(seat for seat in hold.seats if seats.get(seat) == _held(hold))
        for seat in freed:
            del seats[seat]
            self.released[hold.session_id, seat] = hold.expires_at
        part = replace(hold, seats=freed)
        self._tell(part, lambda part: SeatsReleased(part.session_id, part.reservation_id, part.seats, now))
        sale_id = SeatsTakenOrHoldEnded(self._standing(hold)).sale_id_of_any_seat_of(hold.reservation_id)
        is_closed = any((hold.session_id, row) in self.closed for row in seats_by_row_in_given_order(hold.seats))
        return ReleaseResult(freed, sale_id, was_sold_and_session_cancelled_since=bool(sale_id) and is_closed)

    def read_entries_with_lapsed_or_raise_if_cancelled(self, session: Session) -> Mapping[str, Occupancy]:
        if any((session.id, row) in self.closed for row in session.rows):
            raise RowsOfCancelledSession(self.taken[session.id])
        return dict(self.taken[session.id])

    def sale_ids_by_reservation_in_rows_last_written_between(
        self, session: Session, since: datetime, until: datetime
    ) -> Mapping[str, str]:
        return {
            entry.reservation_id: entry.sale_id
            for seat, entry in self.taken[session.id].items()
            if isinstance(entry, SoldSeat) and since <= _moment(self.events[session.id, row_of_seat(seat)][-1]) <= until
        }

    def close_row_and_read_entries_with_lapsed(
        self, session_id: str, row: str, now: datetime
    ) -> Mapping[str, Occupancy]:
        standing = {seat: entry for seat, entry in self.taken[session_id].items() if row_of_seat(seat) == row}
        if (session_id, row) not in self.closed:
            self.closed.add((session_id, row))
            sold = sorted({entry.reservation_id for entry in standing.values() if isinstance(entry, SoldSeat)})
            self.events[session_id, row].append(RowClosed(session_id, row, tuple(sold), now))
        return standing

    def _refuse_unless(
        self,
        hold: Hold,
        now: datetime,
        allowed: Callable[[str, Occupancy | None], bool],
        held_meanwhile: tuple[str, ...] = (),
    ) -> None:
        """Raises SeatsTakenOrHoldEnded or RowsOfCancelledSession unless each seat is allowed. Reports only the rows
        that refuse."""
        seats, refused, closed = self.taken[hold.session_id], list[str](), False
        for row, members in seats_by_row_in_given_order(hold.seats).items():
            is_closed = (hold.session_id, row) in self.closed
            if is_closed or not all(allowed(seat, seats.get(seat)) for seat in members):
                refused += members
                closed = closed or is_closed
        if refused:
            standing = {seat: seats[seat] for seat in refused if seat in seats}
            raise (RowsOfCancelledSession if closed else SeatsTakenOrHoldEnded)(
                without_lapsed_holds(standing, now),
                held_meanwhile=tuple(seat for seat in held_meanwhile if seat in refused),
            )

    def _was_later(self, hold: Hold, seat: str) -> bool:
        """Tells whether this hold of the seat, or a later one, was released before: holds of a seat expire in order."""
        last = self.released.get((hold.session_id, seat))
        return last is not None and hold.expires_at <= last

    def _standing(self, hold: Hold) -> dict[str, Occupancy]:
        seats = self.taken[hold.session_id]
        return {seat: seats[seat] for seat in hold.seats if seat in seats}

    def _put(self, hold: Hold, entry: Occupancy) -> None:
        self.taken[hold.session_id] |= dict.fromkeys(hold.seats, entry)

    def _tell(self, hold: Hold, event: Callable[[Hold], RowEvent]) -> None:
        for row, seats in seats_by_row_in_given_order(hold.seats).items():
            self.events[hold.session_id, row].append(event(replace(hold, seats=seats)))


@dataclass
class FakeReservations:
    stored: dict[str, Reservation] = field(default_factory=dict)
    barred: dict[str, datetime] = field(default_factory=dict)
    """The expiry, by reservation id, up to which no hold may be stored."""

    def get_or_add_unless_hold_barred(self, reservation: Reservation) -> Reservation:
        barred = self.barred.get(reservation.id)
        if reservation.id not in self.stored and barred and reservation.expires_at <= barred:
            raise HoldBarredBeforeStored(reservation.id)
        return self.add_sold_if_missing(reservation)

    def bar_hold_and_earlier_or_read_stored(self, hold: Hold) -> Reservation | None:
        if hold.reservation_id not in self.stored:
            self.barred[hold.reservation_id] = max(
                self.barred.get(hold.reservation_id, hold.expires_at), hold.expires_at
            )
        return self.find(hold.reservation_id)

    def add_sold_if_missing(self, reservation: Reservation) -> Reservation:
        self.barred.pop(reservation.id, None)
        return self.stored.setdefault(reservation.id, reservation)

    def find(self, reservation_id: str) -> Reservation | None:
        return self.stored.get(reservation_id)

    def mark_confirmed_unless_sold_and_read(self, reservation_id: str, sale: Sale) -> Reservation | None:
        stored = self.find(reservation_id)
        if stored and stored.sale is None:
            self.stored[reservation_id] = replace(stored.confirmed(sale), ended_at=None)
        return self.find(reservation_id)

    def mark_ended_if_pending_with_hold_and_read(self, hold: Hold, state: State, now: datetime) -> Reservation | None:
        stored = self.find(hold.reservation_id)
        if stored and stored.state is State.PENDING and stored.expires_at == hold.expires_at:
            self.stored[stored.id] = replace(stored, state=state, ended_at=now)
        return self.find(hold.reservation_id)

    def set_refunded_at_if_sale_matches(self, reservation_id: str, sale_id: str, refunded_at: datetime) -> None:
        stored = self.find(reservation_id)
        if stored and stored.sale and stored.sale.id == sale_id:
            self.stored[reservation_id] = replace(stored, refunded_at=refunded_at)

    def list_purchases(self, user_id: str, limit: int, cursor: str | None) -> Page[Reservation]:
        bought = {
            (to_iso(stored.sale.paid_at), stored.id): stored
            for stored in self.stored.values()
            if stored.user_id == user_id and stored.sale
        }
        after = from_cursor(cursor, 2) if cursor else None
        wanted = sorted((key for key in bought if after is None or key < tuple(after)), reverse=True)
        return make_page(wanted, bought, limit)


@dataclass
class FakeLiveHolds:
    """`counted` has the counted holds of each holder and session, newest first."""

    counted: dict[tuple[str, str], list[Hold]] = field(default_factory=lambda: defaultdict(list))

    def count_hold(
        self, holder: str, hold: Hold, limit: int, now: datetime, instead_of: CountedHold | None = None
    ) -> None:
        holds = self.counted[holder, hold.session_id]
        place = instead_of.newer_holds if instead_of else limit - 1
        standing = holds[place] if place < len(holds) else None
        if any(counted == _counted(hold, counted.newer_holds) for counted in self._counted(holds)):
            return
        if instead_of:
            room = standing is not None and _counted(standing, place) == instead_of
        else:
            room = standing is None or standing.expires_at <= now
        if not room:
            raise HoldLimitReachedOrReplacedHoldChanged(self._counted(holds))
        del holds[place : place + 1]
        holds.insert(0, hold)

    def _counted(self, holds: Sequence[Hold]) -> list[CountedHold]:
        return [_counted(hold, age) for age, hold in enumerate(holds)]


def _moment(event: RowEvent) -> datetime:
    return event.occurred_at


def _counted(hold: Hold, age: int) -> CountedHold:
    return CountedHold(hold.reservation_id, hold.expires_at, age)


def _held(hold: Hold) -> HeldSeat:
    return HeldSeat(hold.reservation_id, hold.expires_at, hold.fingerprint)


def _has_lapsed(entry: HeldSeat, now: datetime) -> bool:
    return entry.expires_at <= now
