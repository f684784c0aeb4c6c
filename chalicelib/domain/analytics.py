"""Counts of a session's reservations, sales and refunds. Events only add to them, so their order does not matter."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal

from .events import Event, EventType, UnreadableMessage
from .money import Money
from .times import from_ms, to_ms

BUCKET_LENGTH = timedelta(minutes=5)
"""The time that one bucket of counts covers. Days are UTC days, so each day has whole buckets."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of holds, sales and refunds, with their seats and money. Two tallies are added up with `+`."""

    holds: int = 0
    seats_in_holds: int = 0
    sales: int = 0
    seats_in_sales: int = 0
    revenue_cents: int = 0
    expiries: int = 0
    cancellations: int = 0
    seats_given_back: int = 0
    """Seats released by expiry or cancellation."""
    refunds: int = 0
    """Refunded payments, including those that bought nothing and so were never in the revenue."""
    refunded_cents: int = 0
    refunded_revenue_cents: int = 0
    """The part of `refunded_cents` that had been in the revenue."""

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(*(getattr(self, name) + getattr(other, name) for name in COUNTERS))

    @property
    def held_seats(self) -> int:
        """Gives the number of seats that are held now, neither sold nor released. Never negative, although a sale may
        be counted before its hold."""
        return max(0, self.seats_in_holds - self.seats_in_sales - self.seats_given_back)

    @property
    def gross_revenue(self) -> Decimal:
        """Gives the price of all sales in the currency's unit, refunded sales included."""
        return Money(self.revenue_cents).amount

    def occupancy_rate(self, total_seats: int) -> Decimal:
        """Divides the sold seats by all seats of the session."""
        return Decimal(self.seats_in_sales) / total_seats

    @property
    def refunded_amount(self) -> Decimal:
        """Gives all refunded money in the currency's unit, including payments that bought nothing."""
        return Money(self.refunded_cents).amount

    @property
    def net_revenue(self) -> Decimal:
        """Gives the revenue without refunded sales, in the currency's unit."""
        return (Money(self.revenue_cents) - Money(self.refunded_revenue_cents)).amount

    @property
    def conversion_rate(self) -> Decimal | None:
        """Divides the sales by the holds. None if there are no holds."""
        return Decimal(self.sales) / self.holds if self.holds else None


COUNTERS = tuple(counter.name for counter in fields(Tally))
EMPTY_TALLY = Tally()


def tally_of(event: Event) -> Tally:
    """Makes the tally of one event. Raises UnreadableMessage if a sale or refund lacks its amount."""
    seats = len(event.seats)
    match event.type:
        case EventType.RESERVATION_CREATED:
            return Tally(holds=1, seats_in_holds=seats)
        case EventType.PAYMENT_CONFIRMED:
            return Tally(sales=1, seats_in_sales=seats, revenue_cents=_read_amount_cents(event))
        case EventType.RESERVATION_EXPIRED:
            return Tally(expiries=1, seats_given_back=seats)
        case EventType.RESERVATION_CANCELLED:
            return Tally(cancellations=1, seats_given_back=seats)
        case EventType.REFUND_COMPLETED:
            cents = _read_amount_cents(event)
            return Tally(refunds=1, refunded_cents=cents, refunded_revenue_cents=cents if "saleId" in event.data else 0)
        case EventType.REFUND_REQUESTED | EventType.SESSION_CANCELLED:
            return EMPTY_TALLY
        case EventType.SEAT_RELEASED:
            return EMPTY_TALLY  # its expiry or cancellation has counted the seats


def _read_amount_cents(event: Event) -> int:
    amount = event.data.get("amountCents")
    if not isinstance(amount, int):
        raise UnreadableMessage(f"{event.type} needs its amountCents, a whole number, not {amount!r}")
    return amount


def bucket_start(moment: datetime) -> datetime:
    """Gives the beginning of the five-minute bucket that contains the moment."""
    length = BUCKET_LENGTH // timedelta(milliseconds=1)
    return from_ms(to_ms(moment) // length * length)


def sum_tallies(tallies: Iterable[Tally]) -> Tally:
    return sum(tallies, start=EMPTY_TALLY)
