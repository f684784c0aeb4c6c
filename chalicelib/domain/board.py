"""What an operator watches: queues, dead letters, refusals, and a whole board of numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from .analytics import BUCKET, NOTHING, Tally, bucket_of
from .sessions import Session

WINDOW = timedelta(hours=3)
"""How far back the board shows what happened over time; and how long after its start a screening is taken to run."""


MOST_REDRIVEN = 100
"""Dead letters of one request: two calls for each must fit into the 29 seconds that API Gateway waits."""


@dataclass(frozen=True, slots=True)
class QueueState:
    """Counts are SQS's own: right on an emulator, up to a minute old on AWS.

    A queue that only takes what was given up elsewhere has nothing but dead letters, and can't be redriven.
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
    """When it was last sent: by its handler as it gave up, else into its first queue, which SQS's own move keeps."""
    reason: str | None
    """None where SQS's own redrive policy moved it."""
    receives: int | None
    """How often its handler tried, where it says so."""
    received_here: int
    """How often it was received since it was sent, looking at it included."""
    attributes: Mapping[str, str]
    body: str


@dataclass(frozen=True, slots=True)
class Redriven:
    moved: int
    left: int


RefusalCounts = Mapping[datetime, Mapping[str, int]]
"""How often each code was answered, by the beginning of its five minutes."""


@dataclass(frozen=True, slots=True)
class ScreeningNumbers:
    session: Session
    buckets: Mapping[datetime, Tally]
    total: Tally


def shown_buckets(now: datetime) -> list[datetime]:
    """The beginnings of the five minutes of the window, oldest first; the last ones are still going on."""
    last = bucket_of(now)
    return [last - BUCKET * back for back in reversed(range(WINDOW // BUCKET))]


def over_time(screenings: Sequence[ScreeningNumbers], now: datetime) -> list[tuple[datetime, Tally]]:
    """What happened to all of them in each five minutes of the window, those in which nothing did included."""
    return [
        (at, sum((screening.buckets.get(at, NOTHING) for screening in screenings), start=NOTHING))
        for at in shown_buckets(now)
    ]
