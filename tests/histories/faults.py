"""The kinds of fault, how often each comes, and how often each came."""

import random
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    ANSWER_DROPPED = "answer dropped"
    """It takes effect; the connection breaks before the answer."""
    ERROR_AFTER = "5xx after the effect"
    THROTTLED = "throttled"
    CONFLICT = "transaction conflict"
    CUT = "cut before the effect"
    LATE_DUPLICATE = "late duplicate"
    """It takes effect and is answered, and comes once more seconds later."""
    DELAYED = "given up, effect later"
    """The connection breaks at once; it takes effect seconds later."""
    INSTANCE_KILLED = "instance killed"
    INSTANCE_STOPPED = "instance stopped"
    RELAY_KILLED = "relay killed"
    RELAY_STOPPED = "relay stopped"
    REDIS_KILLED = "redis killed"
    REDIS_STOPPED = "redis stopped"
    DYNAMODB_OUT = "outage of dynamodb"
    STREAMS_OUT = "outage of streams"
    SQS_OUT = "outage of sqs"
    S3_OUT = "outage of s3"
    EMAIL_OUT = "outage of email"
    PAYMENTS_OUT = "outage of payments"


OUTAGES: Mapping[str, Kind] = {
    "dynamodb": Kind.DYNAMODB_OUT,
    "streams": Kind.STREAMS_OUT,
    "sqs": Kind.SQS_OUT,
    "s3": Kind.S3_OUT,
    "email": Kind.EMAIL_OUT,
    "payments": Kind.PAYMENTS_OUT,
}
"""The fault of each service that does not answer for a while."""

RATES: Mapping[Kind, float] = {
    Kind.ANSWER_DROPPED: 0.006,
    Kind.ERROR_AFTER: 0.006,
    Kind.THROTTLED: 0.01,
    Kind.CONFLICT: 0.02,
    Kind.CUT: 0.006,
    Kind.LATE_DUPLICATE: 0.02,
    Kind.DELAYED: 0.008,
}
"""The probability of each fault of a call at which it is possible."""


@dataclass
class Faults:
    """Decides what goes wrong. Its chances come from one seed; who asks first depends on the machine."""

    seed: int
    calm: bool = False
    """True: nothing goes wrong any more."""
    out: set[str] = field(default_factory=set)
    """The services that do not answer now."""
    counts: Counter[Kind] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)

    def draw(self, possible: frozenset[Kind]) -> Kind | None:
        """Chooses the fault of one call among those that are possible, or none, and counts it."""
        if self.calm:
            return None
        with self._lock:
            for kind in RATES:
                if kind in possible and self._chance.random() < RATES[kind]:
                    self.counts[kind] += 1
                    return kind
        return None

    def count(self, kind: Kind) -> None:
        with self._lock:
            self.counts[kind] += 1

    def seconds(self, least: float, most: float) -> float:
        with self._lock:
            return self._chance.uniform(least, most)
