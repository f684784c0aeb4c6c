"""Releasing seats: because the buyer cancels, or because the hold has lapsed.

    row: release ──► reservation: cancelled or expired

The order matters. Once its seats are released, a hold can't be sold or made again (see rows.py). So a reservation that
has ended is never paid for afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.domain.identity import UNCHECKED, Principal
from chalicelib.domain.refusals import ReservationConfirmed, ReservationExpired, ReservationNotFound
from chalicelib.domain.reservations import Hold, Reservation, State

from .owned import get_owned_reservation

if TYPE_CHECKING:
    from chalicelib.domain.ports import Clock, Reservations, Rows


@dataclass(frozen=True, slots=True)
class CancelReservationCommand:
    reservation_id: str
    asked_by: Principal = UNCHECKED


@dataclass(frozen=True)
class CancelReservation:
    """Cancels a pending reservation for its buyer."""

    rows: Rows
    reservations: Reservations
    clock: Clock

    def __call__(self, command: CancelReservationCommand) -> Reservation:
        """Cancels the reservation and gives it. Idempotent.

        Raises ReservationNotFound, ReservationConfirmed, ReservationExpired.
        """
        reservation = get_owned_reservation(self.reservations, command.reservation_id, command.asked_by)
        if reservation.state is State.PENDING:
            reservation = self._release_and_end(reservation)
        return _check_cancelled(reservation)

    def _release_and_end(self, reservation: Reservation) -> Reservation:
        now = reservation.at_least_1ms_after_creation(self.clock())
        if self.rows.release(reservation.hold, now).sale_id:
            raise ReservationConfirmed(reservation.id)
        state = State.EXPIRED if reservation.state_at(now) is State.EXPIRED else State.CANCELLED
        ended = self.reservations.mark_ended_if_pending_with_hold_and_read(reservation.hold, state, now)
        if ended is None:
            raise ReservationNotFound(reservation.id)
        return ended


def _check_cancelled(reservation: Reservation) -> Reservation:
    """Gives the reservation if it is cancelled. Raises ReservationConfirmed, ReservationExpired."""
    if reservation.state is State.CONFIRMED:
        raise ReservationConfirmed(reservation.id)
    if reservation.state is State.EXPIRED:
        raise ReservationExpired(reservation.id, reservation.expires_at)
    return reservation


class NotLapsedYet(Exception):
    """An expiry message came too early by this instance's clock. It is delivered again later."""


@dataclass(frozen=True)
class ExpireLapsedHoldUnlessSold:
    """Releases a lapsed hold's seats, and marks its reservation as expired. Idempotent."""

    rows: Rows
    reservations: Reservations
    clock: Clock

    def __call__(self, hold: Hold) -> bool:
        """Expires the hold, and gives True. Also gives True if the hold had ended before. Gives False, and changes
        nothing, if the hold was sold. Raises NotLapsedYet."""
        now = self.clock()
        if now < hold.expires_at:
            raise NotLapsedYet(hold.reservation_id)
        if self.rows.release(hold, now).sale_id:
            return False
        ended = self.reservations.mark_ended_if_pending_with_hold_and_read(hold, State.EXPIRED, now)
        if ended is None and self.reservations.bar_hold_and_earlier_or_read_stored(hold):
            # Its slow request has stored it in between.
            self.reservations.mark_ended_if_pending_with_hold_and_read(hold, State.EXPIRED, now)
        return True
