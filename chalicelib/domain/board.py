"""The operator's board: queues, dead letters, refusals, and the counts of sessions over time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from .analytics import BUCKET, NOTHING, Tally, bucket_of
from .sessions import Session

WINDOW = timedelta(hours=3)
"""How far back the board shows counts over time. A session is taken to run for as long after its start."""


MOST_REDRIVEN = 100
"""Dead letters redriven by one request: two calls for each must fit into the 29 seconds that API Gateway waits."""


@dataclass(frozen=True, slots=True)
class QueueState:
    """The messages of a queue, as SQS counts them: exact on an emulator, up to a minute old on AWS.

    A queue of failures from elsewhere has nothing but dead letters, and is not `redrivable`.
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
    """When its handler gave it up. For a message that SQS moved: when it was sent to its first queue."""
    reason: str | None
    """Why its handler gave it up. None for a message that SQS's redrive policy moved."""
    receives: int | None
    """How often its handler tried, if that is known."""
    received_here: int
    """How often it was received as a dead letter, also to be shown."""
    attributes: Mapping[str, str]
    body: str


@dataclass(frozen=True, slots=True)
class Redriven:
    moved: int
    left: int


RefusalCounts = Mapping[datetime, Mapping[str, int]]
"""The count of each error code, by the beginning of its five minutes."""


@dataclass(frozen=True, slots=True)
class ScreeningNumbers:
    session: Session
    buckets: Mapping[datetime, Tally]
    total: Tally


def shown_buckets(now: datetime) -> list[datetime]:
    """Gives the beginning of each five minutes in the window, oldest first. The last five still go on."""
    last = bucket_of(now)
    return [last - BUCKET * back for back in reversed(range(WINDOW // BUCKET))]


def over_time(screenings: Sequence[ScreeningNumbers], now: datetime) -> list[tuple[datetime, Tally]]:
    """Adds up the counts of all sessions for each five minutes of the window, also where they are zero."""
    return [
        (at, sum((screening.buckets.get(at, NOTHING) for screening in screenings), start=NOTHING))
        for at in shown_buckets(now)
    ]
