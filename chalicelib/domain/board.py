"""The operator's board: queues, dead letters, refusals, and the counts of sessions over time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from .analytics import BUCKET_LENGTH, EMPTY_TALLY, Tally, bucket_start
from .sessions import Session

WINDOW = timedelta(hours=3)
"""How far back the board shows counts over time. Also how long a session is assumed to run after its start."""


MOST_REDRIVEN = 100
"""The most dead letters that one request redrives: two calls for each must fit into the 29 seconds that API Gateway
waits."""


@dataclass(frozen=True, slots=True)
class QueueState:
    """The messages of a queue, as SQS counts them: exact on an emulator, up to a minute old on AWS.

    Some queues only collect failures from elsewhere. These have nothing but dead letters, and are not `redrivable`.
    """

    name: str
    waiting: int
    in_flight: int
    delayed: int
    dead_letters: int
    redrivable: bool


@dataclass(frozen=True, slots=True)
class DeadLetter:
    id: str
    sent_at: datetime
    """When the consumer's handler gave the message up. If SQS moved it here: when it was sent to its first queue."""
    reason: str | None
    """Why the handler gave the message up. None if SQS's redrive policy moved it."""
    receives: int | None
    """How often the handler tried the message; None if that is not known."""
    received_here: int
    """How often the message was received from the dead-letter queue. Showing it counts too."""
    attributes: Mapping[str, str]
    body: str


@dataclass(frozen=True, slots=True)
class RedriveResult:
    moved: int
    left: int


RefusalCounts = Mapping[datetime, Mapping[str, int]]
"""Counts of refusals: for the beginning of each five minutes, the number of each error code."""


@dataclass(frozen=True, slots=True)
class ScreeningTallies:
    session: Session
    buckets: Mapping[datetime, Tally]
    total: Tally


def shown_buckets(now: datetime) -> list[datetime]:
    """Gives the beginning of each five minutes in the window, oldest first. The last five minutes are not over yet."""
    last = bucket_start(now)
    return [last - BUCKET_LENGTH * back for back in reversed(range(WINDOW // BUCKET_LENGTH))]


def sum_by_bucket(screenings: Sequence[ScreeningTallies], now: datetime) -> list[tuple[datetime, Tally]]:
    """Adds up the counts of all sessions for each five minutes of the window; zeros if nothing was counted in them."""
    return [
        (at, sum((screening.buckets.get(at, EMPTY_TALLY) for screening in screenings), start=EMPTY_TALLY))
        for at in shown_buckets(now)
    ]


@dataclass(frozen=True, slots=True)
class DependencyState:
    """The health of one dependency. `breaker` is the state of its circuit breaker, `trips` how often the breaker
    opened.

    `breaker` is empty if there is none, or its state is unknown. Redis's breaker is that of the process that answers.
    Those of SES and the payment gateway are as their functions reported last; the trips of all functions are added up.
    """

    name: str
    required: bool
    up: bool
    latency_ms: float
    reason: str = ""
    breaker: str = ""
    trips: int = 0
