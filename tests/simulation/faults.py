"""The injected faults by kind. A seed decides at each numbered occasion whether one happens.

An occasion has the same number whatever happens at others. So a run can be told which of them may strike at all, and a
failing seed is reduced to the few that matter: see shrinking.py.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random


class Kind(StrEnum):
    """A kind of fault. Each is counted when it takes effect, not when it is thrown."""

    # At a call, of whatever service.
    REFUSED = "a call has no effect and no answer"
    ANSWER_LOST = "a call takes effect, its answer is lost"
    SECOND_OUTCOME = "its answer is lost, the library repeats it: the second outcome counts"
    WRITE_AGAIN = "a write takes effect once more, later"
    WRITE_LATE = "a write is given up, and takes effect later"
    DIES_BEFORE = "the process dies before a call"
    DIES_AFTER = "the process dies after a call"
    STOPS = "the process stops for longer than a hold, and goes on"
    # DynamoDB.
    CONFLICT = "a transaction takes its time, and others meet it"
    UNPROCESSED = "a read of many items leaves some out"
    INDEX_LATE = "a global index is behind"
    RECORD_AGAIN = "a stream's records come again"
    STREAM_LATE = "a stream stands still for a while"
    TTL_AT_ONCE = "TTL deletes an item in its second"
    TTL_LATE = "TTL deletes an item days late"
    # SQS.
    SQS_DOWN = "SQS does not answer for a while"
    SQS_PARTIAL = "SQS takes a part of a batch"
    MESSAGE_TWICE = "a message comes twice"
    MESSAGE_LATE = "a message comes late"
    MESSAGE_LOST = "an expiry message is lost"
    VISIBLE_AGAIN = "a message comes again while it is being handled"
    # Redis.
    REDIS_DOWN = "Redis does not answer for a while"
    REDIS_EMPTIED = "Redis loses all it had"
    REDIS_FORGETS = "Redis loses a key"
    REDIS_LIES = "Redis answers nonsense"
    REDIS_OLD = "Redis answers what was true before"
    # The payment gateway.
    GATEWAY_SILENT = "the gateway does not answer"
    GATEWAY_FORGETFUL = "the gateway does not know a charge yet"
    CHARGE_LATE = "a charge is told late"
    CHARGE_TWICE = "a charge is told twice"
    CHARGE_UNTOLD = "a charge is never told"
    CHARGE_WRONG = "a charge of another amount, for another reservation, or for none"
    # All around.
    CLOCKS_DIFFER = "the instances' clocks differ"
    CANCELLED = "the screening is cancelled"


@dataclass
class Faults:
    """Decides at each occasion whether a fault happens, and of which kind.

    `only` has the numbers of the occasions that may strike; None for all.
    """

    chance: Random
    rate: float
    only: frozenset[int] | None = None
    occasions: int = 0
    struck: list[int] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)
    calm: bool = False
    """From now on nothing goes wrong."""

    def at_a_call(self, kinds: Sequence[Kind], risk: float) -> Kind | None:
        """Chooses the fault of this call, mostly none. The caller counts it when it takes effect."""
        if self.calm:
            return None
        self.occasions += 1
        if self.chance.random() >= self.rate * risk:
            return None
        kind = kinds[int(self.chance.random() * len(kinds))]
        return kind if self._may_strike() else None

    def is_striking(self, kind: Kind, probability: float) -> bool:
        """Tells whether this kind of fault happens now, by its own probability; counts it."""
        if self.calm:
            return False
        self.occasions += 1
        is_striking = self.chance.random() < probability and self._may_strike()
        if is_striking:
            self.count(kind)
        return is_striking

    def count(self, kind: Kind) -> None:
        self.happened[kind] += 1

    def _may_strike(self) -> bool:
        if self.only is not None and self.occasions not in self.only:
            return False
        self.struck.append(self.occasions)
        return True
