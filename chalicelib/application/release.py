"""Giving seats back: because the buyer cancels, or because the hold has lapsed.

    row: release ──► reservation: cancelled or expired

In this order: once the seats were given back, that hold can't be sold any more, nor be made again (see rows.py). So a
reservation that says that it has ended is never paid for afterwards.
"""

from dataclasses import dataclass

from chalicelib.domain.ports import Clock, Reservations, Rows
from chalicelib.domain.refusals import ReservationConfirmed, ReservationExpired, ReservationNotFound
from chalicelib.domain.reservations import Hold, Reservation, State


@dataclass(frozen=True, slots=True)
class CancelReservation:
    reservation_id: str


@dataclass(frozen=True)
class Cancel:
    rows: Rows
    reservations: Reservations
    clock: Clock

    def __call__(self, command: CancelReservation) -> Reservation:
        """Gives the cancelled reservation, also the second time.

        Raises ReservationNotFound, ReservationConfirmed, ReservationExpired.
        """
        reservation = self.reservations.find(command.reservation_id)
        if reservation is None:
            raise ReservationNotFound(command.reservation_id)
        if reservation.state is State.PENDING:
            reservation = self._give_back(reservation)
        return _cancelled(reservation)

    def _give_back(self, reservation: Reservation) -> Reservation:
        now = reservation.not_before(self.clock())
        if self.rows.release(reservation.hold, now).sale_id:
            raise ReservationConfirmed(reservation.id)
        state = State.EXPIRED if reservation.state_at(now) is State.EXPIRED else State.CANCELLED
        closed = self.reservations.end(reservation.hold, state, now)
        if closed is None:
            raise ReservationNotFound(reservation.id)
        return closed


def _cancelled(reservation: Reservation) -> Reservation:
    if reservation.state is State.CONFIRMED:
        raise ReservationConfirmed(reservation.id)
    if reservation.state is State.EXPIRED:
        raise ReservationExpired(reservation.id, reservation.expires_at)
    return reservation


class NotLapsedYet(Exception):
    """The expiry message came before its time by this instance's clock: deliver it again."""


@dataclass(frozen=True)
class ExpireHold:
    """Frees a lapsed hold's seats and writes down that it expired. A second delivery finds nothing left to do."""

    rows: Rows
    reservations: Reservations
    clock: Clock

    def __call__(self, hold: Hold) -> bool:
        """Whether the hold came to nothing; False when it was sold meanwhile, and is left as it is.

        Raises NotLapsedYet.
        """
        now = self.clock()
        if now < hold.expires_at:
            raise NotLapsedYet(hold.reservation_id)
        if self.rows.release(hold, now).sale_id:
            return False
        if self.reservations.end(hold, State.EXPIRED, now) is None and self.reservations.bar(hold):
            self.reservations.end(hold, State.EXPIRED, now)  # its request, which was slow, has come just before
        return True
