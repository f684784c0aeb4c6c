"""A sale as an entry of its buyer's calendar."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.domain.booking_codes import booking_code
from chalicelib.domain.refusals import ReservationNotPaid
from chalicelib.domain.reservations import Reservation
from chalicelib.domain.sessions import Session


@dataclass(frozen=True, slots=True)
class CalendarEntry:
    """An entry. Nothing in it lets anybody in, because calendars are shared: it has no ticket's code.

    `id` is the sale's. `lasts` is None where nobody knows how long the film is.
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
        """Counts the changes since the sale. There is one at most: neither a screening nor a sale changes otherwise."""
        return int(self.is_cancelled)


def calendar_entry_for(sold: Reservation, session: Session) -> CalendarEntry:
    """Makes the entry of a sale: cancelled once the screening is, or once the money went back.

    Raises ReservationNotPaid.
    """
    if sold.sale is None:
        raise ReservationNotPaid(sold.id)
    cancelled_at = session.cancelled_at or sold.refunded_at
    return CalendarEntry(
        id=sold.sale.id,
        movie_title=session.movie_title,
        room=session.room,
        seats=sold.seats,
        booking_code=booking_code(sold.sale.id),
        starts_at=session.starts_at,
        changed_at=cancelled_at or sold.sale.paid_at,
        is_cancelled=cancelled_at is not None,
    )
