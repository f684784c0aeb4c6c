"""A screening's numbers on the wire: the JSON of /api/sessions/{id}/analytics."""

from datetime import date
from typing import TYPE_CHECKING

from .bodies import Answer, Day, Moment, Money, Ratio, moment, money, ratio

if TYPE_CHECKING:
    from chalicelib.application.consumers.analytics import SessionAnalytics
    from chalicelib.domain.analytics import Tally


class TotalsBody(Answer):
    """The totals of a screening. `revenue` is the amount of all sales, including sales that were refunded later.
    `refunded` is the amount of all refunds, including refunds of payments that bought nothing. `net_revenue` is
    `revenue` minus the refunds of sales."""

    holds: int
    seats_in_holds: int
    sales: int
    seats_in_sales: int
    expiries: int
    cancellations: int
    revenue: Money
    refunds: int
    refunded: Money
    net_revenue: Money


class DayBody(Answer):
    day: Day
    holds: int
    sales: int
    expiries: int
    cancellations: int
    revenue: Money
    refunds: int
    refunded: Money


class OccupancyBucketBody(Answer):
    """The numbers of sold and of held seats at the end of the five minutes that begin at `at`."""

    at: Moment
    sold_seats: int
    held_seats: int


class AnalyticsBody(Answer):
    """The analytics of a screening, read at `as_of`. Events are counted some seconds after they happen."""

    session_id: str
    as_of: Moment
    total_seats: int
    totals: TotalsBody
    occupancy: Ratio
    by_day: list[DayBody]
    occupancy_over_time: list[OccupancyBucketBody]
    conversion: Ratio | None = None


def analytics(numbers: "SessionAnalytics") -> AnalyticsBody:
    conversion = numbers.total.conversion_rate
    return AnalyticsBody(
        session_id=numbers.session_id,
        as_of=moment(numbers.as_of),
        total_seats=numbers.total_seats,
        totals=_totals(numbers.total),
        occupancy=ratio(numbers.occupancy_rate),
        by_day=[_day(day, tally) for day, tally in numbers.by_day],
        occupancy_over_time=[
            OccupancyBucketBody(at=moment(at), sold_seats=tally.seats_in_sales, held_seats=tally.held_seats)
            for at, tally in numbers.running_totals
        ],
        conversion=None if conversion is None else ratio(conversion),
    )


def _totals(tally: "Tally") -> TotalsBody:
    return TotalsBody(
        holds=tally.holds,
        seats_in_holds=tally.seats_in_holds,
        sales=tally.sales,
        seats_in_sales=tally.seats_in_sales,
        expiries=tally.expiries,
        cancellations=tally.cancellations,
        revenue=money(tally.gross_revenue),
        refunds=tally.refunds,
        refunded=money(tally.refunded_amount),
        net_revenue=money(tally.net_revenue),
    )


def _day(day: date, tally: "Tally") -> DayBody:
    return DayBody(
        day=day.isoformat(),
        holds=tally.holds,
        sales=tally.sales,
        expiries=tally.expiries,
        cancellations=tally.cancellations,
        revenue=money(tally.gross_revenue),
        refunds=tally.refunds,
        refunded=money(tally.refunded_amount),
    )
