"""A sale as an entry of its buyer's calendar."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.domain.booking_codes import booking_code
from chalicelib.domain.refusals import ReservationNotPaid
from chalicelib.domain.reservations import Reservation
from chalicelib.domain.sessions import Session


@dataclass(frozen=True, slots=True)
class SaleCalendarEntry:
    """A calendar entry of a sale. It contains no ticket code, because people share their calendars.

    `id` is derived from the sale. `lasts` is None if the length of the film is unknown.
    """

    id: str
    movie_title: str
    room: str
    seats: tuple[str, ...]
    booking_code: str
    starts_at: datetime
    changed_at: datetime
    is_cancelled: bool = False
    lasts: timedelta | None = None

    @property
    def version(self) -> int:
        """Gives the number of changes since the sale: 0, or 1 after the cancellation. There are no other changes."""
        return int(self.is_cancelled)


def calendar_entry_for(sold: Reservation, session: Session) -> SaleCalendarEntry:
    """Makes the entry of a sale. The entry is cancelled if the session was cancelled, or the sale refunded.

    Raises ReservationNotPaid.
    """
    if sold.sale is None:
        raise ReservationNotPaid(sold.id)
    cancelled_at = session.cancelled_at or sold.refunded_at
    return SaleCalendarEntry(
        id=sold.sale.id,
        movie_title=session.movie_title,
        room=session.room,
        seats=sold.seats,
        booking_code=booking_code(sold.sale.id),
        starts_at=session.starts_at,
        changed_at=cancelled_at or sold.sale.paid_at,
        is_cancelled=cancelled_at is not None,
    )
