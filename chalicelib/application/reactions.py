"""What follows from what has happened: run by the stream and queue handlers, never in a buyer's request."""

from dataclasses import dataclass

from chalicelib.domain.events import RowEvent, SeatsHeld, SeatsSold
from chalicelib.domain.ports import Clock, ExpiryQueue, Reservations
from chalicelib.domain.reservations import Reservation, State

from .release import Expire


@dataclass(frozen=True)
class ReactToRow:
    """A hold is scheduled to lapse; a sale that its request could not finish is finished here."""

    expiry_queue: ExpiryQueue
    reservations: Reservations
    clock: Clock

    def __call__(self, event: RowEvent) -> None:
        """Harmless twice: a second expiry message finds nothing to do, and a confirmed reservation is left alone."""
        match event:
            case SeatsHeld():
                self.expiry_queue.schedule(event.hold, self.clock())
            case SeatsSold():
                self._finish_sale(event)

    def _finish_sale(self, event: SeatsSold) -> None:
        reservation = self.reservations.find(event.reservation_id)
        if reservation and reservation.state is State.PENDING:
            self.reservations.confirm(event.reservation_id, event.sale)


@dataclass(frozen=True)
class ReactToForgotten:
    """A reservation that TTL deleted while still pending: its expiry message was lost, so free its seats now.

    Harmless twice, as expiring is.
    """

    expire: Expire

    def __call__(self, reservation: Reservation) -> None:
        if reservation.state is State.PENDING:
            self.expire(reservation.hold)
