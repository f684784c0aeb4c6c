"""Ports of booking: sessions, rows of seats, the seat cache, reservations, and the holds that count against a limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from chalicelib.domain.pages import Page
    from chalicelib.domain.reservations import CountedHold, Hold, Occupancy, ReleaseResult, Reservation, Sale, State
    from chalicelib.domain.sessions import Session

__all__ = ["HoldsCountedUntilExpiry", "Reservations", "Rows", "SeatCacheUpdates", "Sessions"]


class Sessions(Protocol):
    """The screenings on the programme."""

    def get_or_add_with_rows(self, session: Session) -> Session:
        """Stores the session and gives it. If a session is already stored under its id, gives the stored one unchanged.

        The rows are written before the session, so every session that can be read can be booked.
        """
        ...

    def get(self, session_id: str) -> Session:
        """Reads the session. Raises SessionNotFound."""
        ...

    def list_by_start(self, starting_from: datetime | None, limit: int, cursor: str | None) -> Page[Session]:
        """Lists sessions in order of start time, from `starting_from` on; all sessions if that is None.

        Raises CursorInvalid.
        """
        ...

    def set_cancelled_at_for_display_if_unset(self, session_id: str, now: datetime) -> Session:
        """Marks the session as cancelled, for display only: the rows decide about bookings. Keeps the moment of the
        first cancellation.

        Raises SessionNotFound.
        """
        ...


class Rows(Protocol):
    """The rows of seats. A row decides who holds and who owns its seats."""

    def hold(self, hold: Hold, now: datetime) -> None:
        """Holds all the seats or none. Each seat must be free, or its earlier hold must have lapsed.

        A new hold of a seat must expire later than the seat's previous hold. So a delayed repeat of a request can't
        bring back a hold that was released. Raises SeatsTakenOrHoldEnded, or RowsOfCancelledSession if the session is
        cancelled.
        """
        ...

    def sell(self, hold: Hold, sale: Sale, now: datetime) -> None:
        """Sells all the hold's seats or none: the commit point of a purchase. Each seat must still have exactly this
        hold, and the hold must not have lapsed.

        Raises SeatsTakenOrHoldEnded if a seat or the hold does not fulfil this, or RowsOfCancelledSession if the
        session is cancelled.
        """
        ...

    def release(self, hold: Hold, now: datetime) -> ReleaseResult:
        """Frees the seats that this hold still has, row by row. Leaves sold seats, and seats of a later hold under the
        same reservation id."""
        ...

    def read_entries_with_lapsed_or_raise_if_cancelled(self, session: Session) -> Mapping[str, Occupancy]:
        """Reads the entries of held and sold seats, by seat. Strongly consistent, except that a cache may answer with
        entries that are up to a second old.

        May include lapsed holds: compare their expiry with the clock. Raises RowsOfCancelledSession, which carries the
        same entries, if the session is cancelled.
        """
        ...

    def sale_ids_by_reservation_in_rows_last_written_between(
        self, session: Session, since: datetime, until: datetime
    ) -> Mapping[str, str]:
        """Reads sale ids by reservation id, from rows whose last write is in the period. Strongly consistent.

        Includes older sales in such a row. Leaves out sales in a row that was written again after `until`.
        """
        ...

    def close_row_and_read_entries_with_lapsed(
        self, session_id: str, row: str, now: datetime
    ) -> Mapping[str, Occupancy]:
        """Closes the row for good: its seats can't be held or sold any more. Gives the entries of held and sold seats.

        Sales in the row are final. Its holds can still lapse or be released. Idempotent.
        """
        ...


class SeatCacheUpdates(Protocol):
    """A copy of the rows in a cache, for fast refusals.

    The methods correct the copy after rows or reservations have changed. Each method raises BackendUnavailable.
    """

    def delete_seat_entries_of_reservation(self, session_id: str, reservation_id: str, seats: Sequence[str]) -> None:
        """Removes the reservation's entries for these seats. Entries of other reservations stay."""
        ...

    def invalidate_map(self, session_id: str) -> None:
        """Invalidates the session's cached seat map."""
        ...

    def mark_id_from_idempotency_key_used(self, session_id: str, reservation_id: str) -> None:
        """Records that this reservation id is used, so that a repeated request is recognized.

        Only ids that were derived from an idempotency key need this.
        """
        ...


class Reservations(Protocol):
    """The stored reservations: each is pending, confirmed, cancelled or expired."""

    def get_or_add_unless_hold_barred(self, reservation: Reservation) -> Reservation:
        """Stores the reservation and gives it. If one is already stored under its id, gives the stored one unchanged.

        Raises HoldBarredBeforeStored if the hold was barred: see `bar_hold_and_earlier_or_read_stored`.
        """
        ...

    def bar_hold_and_earlier_or_read_stored(self, hold: Hold) -> Reservation | None:
        """Bars the hold: from now on `get_or_add_unless_hold_barred` refuses this hold, and every earlier hold with the
        same reservation id. Gives None.

        If a reservation is already stored under the id, changes nothing and gives the stored one.
        """
        ...

    def add_sold_if_missing(self, reservation: Reservation) -> Reservation:
        """Stores a confirmed reservation that had been deleted. If one is stored under its id, gives the stored one
        unchanged."""
        ...

    def find(self, reservation_id: str) -> Reservation | None:
        """Reads the reservation, with strong consistency. None if it is not stored."""
        ...

    def mark_confirmed_unless_sold_and_read(self, reservation_id: str, sale: Sale) -> Reservation | None:
        """Marks the reservation as confirmed by this sale, whatever its state is, because its rows have already sold
        the seats.

        If the reservation already has a sale, keeps that sale. Gives the reservation as stored afterwards; None if it
        is not stored.
        """
        ...

    def mark_ended_if_pending_with_hold_and_read(self, hold: Hold, state: State, now: datetime) -> Reservation | None:
        """Marks the reservation as cancelled or expired, if it is pending and has this hold. Gives the reservation as
        stored afterwards; None if it is not stored.

        Release the hold in the rows first, so that none of its seats can be sold afterwards.
        """
        ...

    def set_refunded_at_if_sale_matches(self, reservation_id: str, sale_id: str, refunded_at: datetime) -> None:
        """Marks the reservation's sale as refunded. Changes nothing if the reservation does not have this sale."""
        ...

    def list_purchases(self, user_id: str, limit: int, cursor: str | None) -> Page[Reservation]:
        """Lists the user's confirmed reservations, newest first. Strongly consistent. Raises CursorInvalid."""
        ...


class HoldsCountedUntilExpiry(Protocol):
    """The holds that count against the limit, by holder and session. A holder is a user together with the network of
    the request, if the network is known.

    A hold counts until its expiry, or until a new hold replaces it. That a hold was sold or released is recorded only
    on its reservation, not here.
    """

    def count_hold(
        self, holder: str, hold: Hold, limit: int, now: datetime, instead_of: CountedHold | None = None
    ) -> None:
        """Counts the hold against the holder's limit. Idempotent.

        Without `instead_of`, raises HoldLimitReachedOrReplacedHoldChanged if none of the last `limit` holds that were
        counted for the holder has lapsed. Sold and released holds count, too. Only the oldest is compared with `now`,
        because all holds last equally long.

        `instead_of` is a counted hold that was sold or released. If it is given, the new hold takes the place of that
        hold, and the same error means that the entry of `instead_of` has changed since the caller read it.
        """
        ...
