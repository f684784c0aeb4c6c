"""The work after a write: the relay of each partition's stream, and the queue of each consumer."""

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.bill import ESTIMATES as OF_BILL
from chalicelib.domain.consumers import CONSUMERS, EMAIL, EXPIRY, INVOICES, WEBHOOKS, Consumer
from chalicelib.domain.events import EventType
from infra.cloud.functions import RELAYS_PER_SHARD

from .limits import ESTIMATES
from .store import Partition

RELAYED = 240.0
"""Records a second that one relay takes: measured, decision 101."""

ONE_AFTER_THE_OTHER = {INVOICES: 200.0, WEBHOOKS: 500.0}
"""Messages a second of consumers that number what they do: those of `make bench ONLY=numbers`. Invoices have one
counter; webhooks one for each screening."""


@dataclass(slots=True)
class Backlog:
    """A consumer's queue."""

    consumer: Consumer
    screenings: int
    messages: float = 0.0
    handled: float = 0.0
    caught_up_at: float = 0.0

    @property
    def rate(self) -> float:
        """Messages a second that it handles, with as many workers as its row allows."""
        workers = self.consumer.max_concurrency / OF_BILL.seconds
        counters = self.screenings if self.consumer.queue == WEBHOOKS else 1
        numbered = ONE_AFTER_THE_OTHER.get(self.consumer.queue, workers)
        mails = ESTIMATES.emails if self.consumer.queue == EMAIL else workers
        return min(workers, numbered * counters, mails)

    def work(self, now: float, step: float) -> None:
        done = min(self.messages, self.rate * step)
        self.messages -= done
        self.handled += done
        if done:
            self.caught_up_at = now + (self.messages / self.rate)


class Events:
    """Carries changes from the streams into the consumers' queues."""

    def __init__(self, screenings: int) -> None:
        self.backlogs = {one.queue: Backlog(one, screenings) for one in CONSUMERS}
        self.latest_relay = 0.0
        """The longest that a record waited for its relay, in seconds."""

    def tell(self, kind: EventType, times: int = 1) -> None:
        for backlog in self.backlogs.values():
            if kind in backlog.consumer.hears:
                backlog.messages += times

    def expect_expiry(self) -> None:
        self.backlogs[EXPIRY].messages += 1

    def relay(self, partitions: list[Partition], step: float) -> None:
        """Reads each partition's stream, which is a shard of its own."""
        rate = RELAYED * RELAYS_PER_SHARD
        for partition in partitions:
            if partition.unrelayed:
                self.latest_relay = max(self.latest_relay, partition.unrelayed / rate)
                partition.unrelayed = max(0.0, partition.unrelayed - rate * step)

    def work(self, now: float, step: float) -> None:
        for backlog in self.backlogs.values():
            backlog.work(now, step)

    def caught_up(self) -> Mapping[str, float]:
        """Tells for each consumer the second, from the on-sale's beginning, at which its queue is empty."""
        return {queue: backlog.caught_up_at for queue, backlog in self.backlogs.items() if backlog.handled}

    def messages(self) -> float:
        return sum(backlog.messages + backlog.handled for backlog in self.backlogs.values())
