"""Ports of booking: sessions, rows of seats, the seat cache, reservations, and the holds that count against a limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from chalicelib.domain.pages import Page
    from chalicelib.domain.reservations import CountedHold, Hold, Occupancy, ReleaseResult, Reservation, Sale, State
    from chalicelib.domain.sessions import Session

__all__ = ["LiveHolds", "Reservations", "Rows", "SeatCache", "Sessions"]


class Sessions(Protocol):
    """The screenings on the programme."""

    def get_or_add(self, session: Session) -> Session:
        """Stores the session, unless one is stored under its id. Gives the stored one.

        Makes the rows first and the session last, so that every session that is found can be booked.
        """
        ...

    def get(self, session_id: str) -> Session:
        """Reads the session. Raises SessionNotFound."""
        ...

    def list_by_start(self, starting_from: datetime | None, limit: int, cursor: str | None) -> Page[Session]:
        """Lists sessions by start time. Raises CursorInvalid."""
        ...

    def mark_cancelled(self, session_id: str, now: datetime) -> Session:
        """Marks the session as cancelled, for display: the rows decide about bookings. Keeps the first
        cancellation's moment.

        Raises SessionNotFound.
        """
        ...


class Rows(Protocol):
    """The rows of seats. A row decides who holds and who owns its seats."""

    def hold(self, hold: Hold, now: datetime) -> None:
        """Holds all the seats or none. Each must be free, or its earlier hold must have lapsed.

        Each hold of a seat must expire later than the seat's hold before it. So a late repeat of a request can't make a
        released hold again.

        Raises SeatsTaken, and RowsClosed once the session is cancelled.
        """
        ...

    def sell(self, hold: Hold, sale: Sale, now: datetime) -> None:
        """Turns this very hold, if it is live, into a sale: the commit point of a purchase.

        Raises SeatsTaken, and RowsClosed once the session is cancelled.
        """
        ...

    def release(self, hold: Hold, now: datetime) -> ReleaseResult:
        """Frees the seats that this very hold still has, row by row. Sold seats stay, and so do later holds under the
        same id."""
        ...

    def read_seat_entries(self, session: Session) -> Mapping[str, Occupancy]:
        """Reads the seats that are not free. Consistent. Lapsed holds may be among them: compare with the clock.

        Raises RowsClosed, with the same entries, once the session is cancelled.
        """
        ...

    def sales_between(self, session: Session, since: datetime, until: datetime) -> Mapping[str, str]:
        """Reads sale ids by reservation id, from the rows that were last written between the moments. Consistent."""
        ...

    def close_row(self, session_id: str, row: str, now: datetime) -> Mapping[str, Occupancy]:
        """Closes the row for good: none of its seats can be held or sold afterwards. Gives the seats that are not free.

        Sales in it are final. Holds in it still lapse or are released. Closing again changes nothing.
        """
        ...


class SeatCache(Protocol):
    """A copy of the rows, for fast refusals. These methods correct it after a change. Each raises StoreUnavailable."""

    def forget_seats(self, session_id: str, reservation_id: str, seats: Sequence[str]) -> None:
        """Removes the reservation's entries for these seats. Entries of later owners stay."""
        ...

    def invalidate_map(self, session_id: str) -> None:
        """Makes every seat map of the session that is cached so far out of date."""
        ...

    def remember_reservation_id(self, session_id: str, reservation_id: str) -> None:
        """Remembers that a reservation exists under this id, which was made from an idempotency key."""
        ...


class Reservations(Protocol):
    """The stored reservations: each is pending, confirmed, cancelled or expired."""

    def get_or_add(self, reservation: Reservation) -> Reservation:
        """Stores the reservation, unless one is stored under its id. Gives the stored one.

        Raises HoldHasEnded when this hold was barred: see `bar`.
        """
        ...

    def bar(self, hold: Hold) -> Reservation | None:
        """Makes `add` refuse this hold and every earlier one under its id; does nothing if a reservation is stored
        under it.

        Gives the stored reservation; None if there is none.
        """
        ...

    def restore(self, reservation: Reservation) -> Reservation:
        """Stores a confirmed reservation that was deleted, in one write, unless one is stored under its id. Gives the
        stored one."""
        ...

    def find(self, reservation_id: str) -> Reservation | None:
        """Reads consistently: every earlier write is seen."""
        ...

    def mark_confirmed(self, reservation_id: str, sale: Sale) -> Reservation | None:
        """Marks the reservation as confirmed by this sale, from any state: its rows have sold the seats.

        An earlier sale stays. Gives the reservation as stored afterwards; None if none is stored.
        """
        ...

    def mark_ended(self, hold: Hold, state: State, now: datetime) -> Reservation | None:
        """Moves the pending reservation of this very hold to cancelled or expired. Gives the reservation as stored
        afterwards.

        Call it only once the rows have released the hold, so that none of its seats can be sold afterwards.
        """
        ...

    def mark_refunded(self, reservation_id: str, sale_id: str, refunded_at: datetime) -> None:
        """Writes on the reservation that its sale was refunded. Changes nothing if the reservation has no such sale."""
        ...

    def list_purchases(self, user_id: str, limit: int, cursor: str | None) -> Page[Reservation]:
        """Lists the user's confirmed reservations, newest first. Consistent. Raises CursorInvalid."""
        ...


class LiveHolds(Protocol):
    """The holds that count against the limit, by holder and session. Stores when a hold lapses, not how it ended.

    A holder is a user together with the network that the request came from.
    """

    def count_hold(
        self, holder: str, hold: Hold, limit: int, now: datetime, instead_of: CountedHold | None = None
    ) -> None:
        """Counts the hold once, however often it is called. Raises HoldLimitReached if `limit` counted holds are
        unexpired.

        `instead_of` is a counted hold that has ended. The new hold replaces it if it is still stored as it was read;
        else HoldLimitReached.

        Only the oldest of the last `limit` holds has to be checked: all last equally long, so the oldest lapses first.
        """
        ...
