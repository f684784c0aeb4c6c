"""The operator's board: queues, dead letters, refusals, and the counts of sessions over time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from .analytics import BUCKET_LENGTH, EMPTY_TALLY, Tally, bucket_start
from .sessions import Session

WINDOW = timedelta(hours=3)
"""The period for which the board shows counts over time. A session is also assumed to end this long after its start."""


MOST_REDRIVEN = 100
"""The largest number of dead letters that one request redrives: two calls for each must fit into the 29 seconds that
API Gateway waits."""


@dataclass(frozen=True, slots=True)
class QueueState:
    """The numbers of messages in a queue. They are exact on an emulator, and up to a minute old on AWS.

    A queue for failures of streams or schedules holds dead letters only, and is not `redrivable`.
    """

    name: str
    waiting: int
    in_flight: int
    delayed: int
    dead_letters: int
    redrivable: bool


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter of a queue, with its message and the reason of the failure."""

    id: str
    sent_at: datetime
    """When the consumer's handler parked the message. For a message that SQS itself moved, when it was first sent."""
    reason: str | None
    """Why the handler parked the message. None if SQS's redrive policy moved it."""
    receives: int | None
    """How often the handler received the message. None if unknown."""
    received_here: int
    """How often the message was received from the dead-letter queue. Each display of the board counts too."""
    attributes: Mapping[str, str]
    body: str


@dataclass(frozen=True, slots=True)
class RedriveResult:
    """The result of a redrive: how many messages were moved, and how many dead letters are left."""

    moved: int
    left: int


RefusalCounts = Mapping[datetime, Mapping[str, int]]
"""Counts of refusals. The first key is the beginning of a bucket of five minutes, the second an error code."""


@dataclass(frozen=True, slots=True)
class ScreeningTallies:
    """The counts of one session: a tally for each bucket, by the bucket's beginning, and the sum of all tallies."""

    session: Session
    buckets: Mapping[datetime, Tally]
    total: Tally


def shown_buckets(now: datetime) -> list[datetime]:
    """Gives the beginnings of the buckets that the board shows, oldest first. The last bucket is the current one."""
    last = bucket_start(now)
    return [last - BUCKET_LENGTH * back for back in reversed(range(WINDOW // BUCKET_LENGTH))]


def sum_tallies_per_displayed_bucket(
    screenings: Sequence[ScreeningTallies], now: datetime
) -> list[tuple[datetime, Tally]]:
    """Adds up the tallies of all sessions for each time bucket that the board displays, oldest first. A bucket without
    counts has zeros."""
    return [
        (at, sum((screening.buckets.get(at, EMPTY_TALLY) for screening in screenings), start=EMPTY_TALLY))
        for at in shown_buckets(now)
    ]


@dataclass(frozen=True, slots=True)
class DependencyState:
    """The health of one dependency.

    `breaker` is the state of its circuit breaker; empty if there is no breaker, or its state is unknown. `trips` counts
    how often the breaker has opened.

    For Redis, `breaker` and `trips` are those of the process that answers the request. For SES and the payment gateway,
    `breaker` is the state that a function reported last, and `trips` is the sum over all functions.
    """

    name: str
    required: bool
    up: bool
    latency_ms: float
    reason: str = ""
    breaker: str = ""
    trips: int = 0
