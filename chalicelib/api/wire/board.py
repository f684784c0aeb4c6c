"""The operator's board on the wire: the JSON of /api/operations."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from chalice.app import Request
from msgspec import Meta

from chalicelib.domain.analytics import Tally
from chalicelib.domain.board import (
    MOST_REDRIVEN,
    DeadLetter,
    QueueState,
    RedriveResult,
    RefusalCounts,
    ScreeningTallies,
    shown_buckets,
)
from chalicelib.domain.events import PRIVATE

from .bodies import Answer, Moment, Money, Ratio, UnsupportedMediaType, body_of, moment, money, ratio
from .health import DependencyBody, dependency

if TYPE_CHECKING:
    from chalicelib.application.board import Board

SHOWN_CHARACTERS = 2000
"""The number of characters of a dead letter's body that the board shows. An SQS message may have over 250,000."""

_PRIVATE = re.compile(rf'("(?:{"|".join(PRIVATE)})": ?")[^"]*')


class RedriveRequest(msgspec.Struct, rename="camel"):
    limit: Annotated[int, Meta(ge=1, le=MOST_REDRIVEN)] = MOST_REDRIVEN


class ScreeningNumbersBody(Answer):
    session_id: str
    movie_title: str
    start_time: Moment
    room_number: str
    total_seats: int
    sold_seats: int
    held_seats: int
    occupancy: Ratio
    revenue: Money
    net_revenue: Money
    holds: int
    sales: int
    expiries: int
    conversion: Ratio | None = None
    status: Literal["cancelled"] | None = None


class BoardPageTotalsBody(Answer):
    """The totals of the screenings on this page of the board. The net revenue is the revenue minus the refunds of
    sales."""

    total_seats: int
    sold_seats: int
    held_seats: int
    revenue: Money
    net_revenue: Money
    holds: int
    sales: int
    expiries: int
    cancellations: int
    occupancy: Ratio | None = None
    conversion: Ratio | None = None


class FiveMinutesBody(Answer):
    """The numbers of events in the five minutes from `at` on. A sale may be counted later than its hold, so `sales` can
    be more than `holds`."""

    at: Moment
    holds: int
    sales: int
    expiries: int
    cancellations: int
    conversion: Ratio | None = None


class QueueBody(Answer):
    name: str
    waiting: int
    in_flight: int
    delayed: int
    dead_letters: int
    redrivable: bool


class ReasonCountBody(Answer):
    code: str
    count: int


class RefusalCountBody(Answer):
    at: Moment
    count: int


class RefusalsBody(Answer):
    """The numbers of refusals in this deployment, in the same five-minute periods as the board's `overTime`."""

    by_reason: list[ReasonCountBody]
    over_time: list[RefusalCountBody]


class BoardBody(Answer):
    """The operator's board. If a part could not be read, its fields are missing. Events are counted some seconds after
    they happen, refusals at once."""

    as_of: Moment
    dependencies: list[DependencyBody]
    screenings: list[ScreeningNumbersBody] | None = None
    next_cursor: str | None = None
    totals: BoardPageTotalsBody | None = None
    over_time: list[FiveMinutesBody] | None = None
    queues: list[QueueBody] | None = None
    refusals: RefusalsBody | None = None


class DeadLetterBody(Answer):
    """A dead letter. `body` is the beginning of the message. `reason` is missing if SQS itself moved the message to the
    dead-letter queue, after too many receives."""

    id: str
    sent_at: Moment
    body: str
    reason: str | None = None
    receives: int | None = None


class DeadLettersBody(Answer):
    queue: str
    letters: list[DeadLetterBody]


class RedrivenBody(Answer):
    queue: str
    moved: int
    left: int


def refuse_without_content_type(request: Request) -> None:
    """Raises UnsupportedMediaType if the request has no Content-Type; Chalice already refuses any type but JSON's.

    This prevents CSRF: a browser sends JSON to another site only after a preflight.
    """
    if "content-type" not in request.headers:
        raise UnsupportedMediaType


def read_redrive_limit(request: Request) -> int:
    """Reads from the body how many dead letters to redrive at most. Raises MalformedRequest, BodyTooLarge."""
    return body_of(request, RedriveRequest).limit


def board(board: "Board") -> BoardBody:
    body = BoardBody(moment(board.as_of), [dependency(state) for state in board.dependencies])
    if board.screenings is not None:
        body.screenings = [_screening(each) for each in board.screenings.items]
        body.next_cursor = board.screenings.cursor
        body.totals = _totals(
            board.total_of_listed_screenings, sum(each.session.total_seats for each in board.screenings.items)
        )
        body.over_time = [_five_minutes(at, tally) for at, tally in board.totals_by_shown_bucket]
    if board.queues is not None:
        body.queues = [queue(state) for state in board.queues]
    if board.refusals is not None:
        body.refusals = _refusals(board.refusals, shown_buckets(board.as_of))
    return body


def dead_letters(queue: str, found: Sequence[DeadLetter]) -> DeadLettersBody:
    return DeadLettersBody(queue, [_dead_letter(each) for each in found])


def redriven(queue: str, redriven: RedriveResult) -> RedrivenBody:
    return RedrivenBody(queue=queue, moved=redriven.moved, left=redriven.left)


def queue(state: QueueState) -> QueueBody:
    return QueueBody(
        name=state.name,
        waiting=state.waiting,
        in_flight=state.in_flight,
        delayed=state.delayed,
        dead_letters=state.dead_letters,
        redrivable=state.redrivable,
    )


def _screening(numbers: ScreeningTallies) -> ScreeningNumbersBody:
    session, tally = numbers.session, numbers.total
    return ScreeningNumbersBody(
        session_id=session.id,
        movie_title=session.movie_title,
        start_time=moment(session.starts_at),
        room_number=session.room,
        total_seats=session.total_seats,
        sold_seats=tally.seats_in_sales,
        held_seats=tally.held_seats,
        occupancy=ratio(tally.occupancy_rate(session.total_seats)),
        revenue=money(tally.gross_revenue),
        net_revenue=money(tally.net_revenue),
        holds=tally.holds,
        sales=tally.sales,
        expiries=tally.expiries,
        conversion=_conversion(tally),
        status="cancelled" if session.cancelled_at else None,
    )


def _totals(tally: Tally, total_seats: int) -> BoardPageTotalsBody:
    return BoardPageTotalsBody(
        total_seats=total_seats,
        sold_seats=tally.seats_in_sales,
        held_seats=tally.held_seats,
        revenue=money(tally.gross_revenue),
        net_revenue=money(tally.net_revenue),
        holds=tally.holds,
        sales=tally.sales,
        expiries=tally.expiries,
        cancellations=tally.cancellations,
        occupancy=ratio(tally.occupancy_rate(total_seats)) if total_seats else None,
        conversion=_conversion(tally),
    )


def _five_minutes(at: datetime, tally: Tally) -> FiveMinutesBody:
    return FiveMinutesBody(
        at=moment(at),
        holds=tally.holds,
        sales=tally.sales,
        expiries=tally.expiries,
        cancellations=tally.cancellations,
        conversion=_conversion(tally),
    )


def _refusals(counts: RefusalCounts, buckets: Sequence[datetime]) -> RefusalsBody:
    by_reason = sum(map(Counter, counts.values()), start=Counter[str]())
    most_first = sorted(by_reason.items(), key=lambda reason: (-reason[1], reason[0]))
    nothing: Mapping[str, int] = {}
    return RefusalsBody(
        [ReasonCountBody(code, count) for code, count in most_first],
        [RefusalCountBody(moment(at), sum(counts.get(at, nothing).values())) for at in buckets],
    )


def _dead_letter(found: DeadLetter) -> DeadLetterBody:
    text = _PRIVATE.sub(r"\1…", found.body[:SHOWN_CHARACTERS])
    return DeadLetterBody(
        id=found.id, sent_at=moment(found.sent_at), body=text, reason=found.reason, receives=found.receives
    )


def _conversion(tally: Tally) -> msgspec.Raw | None:
    return None if tally.conversion_rate is None else ratio(tally.conversion_rate)
