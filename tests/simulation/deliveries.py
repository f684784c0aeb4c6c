"""The simulated delivery of streams and queues to the functions: at least once, late, and in parts of batches."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.api import batches
from chalicelib.application.payments import SettlementNotDueYet
from chalicelib.application.release import NotLapsedYet
from chalicelib.domain.events import Event, Failures, RetryLater
from chalicelib.domain.payments import GatewayUnavailable, RefundNotConfirmed
from chalicelib.domain.refusals import Refusal
from chalicelib.infrastructure.sqs.envelopes import event_in

from .cloud.dynamodb import Record, Table
from .cloud.sqs import Message
from .faults import Kind
from .instances import Instance
from .promises.at_all_times import Broken
from .scheduler import MS
from .services import PREFIX, Services

COMES_AGAIN = (
    NotLapsedYet,
    SettlementNotDueYet,
    LookupError,
    RefundNotConfirmed,
    GatewayUnavailable,
    Refusal,
    RetryLater,
)
OUTAGES = (BotoCoreError, ClientError)
"""What a handler may raise. All else is a fault of ours."""

STREAMS = ("rows", "reservations", "payments")
MOST_RECORDS, MOST_MESSAGES = 4, 3
MOST_SHARDS = 3


@dataclass(eq=False)
class Shard:
    """A part of a table's stream, in order; `next` is the first record that has not been relayed."""

    table: str
    records: list[Record] = field(default_factory=list)
    next: int = 0
    busy: int = 0
    """Which delivery is under way: 0 for none."""
    due: datetime | None = None
    """Who failed comes again a little later."""


@dataclass
class Deliveries:
    services: Services
    chance: Random
    instance: Callable[[], Instance]
    """Gives one of the instances, by chance."""
    shards: dict[str, list[Shard]] = field(default_factory=dict)
    read: dict[str, int] = field(default_factory=dict)
    """How many records of each table have been put on their shards."""
    seen: int = 0
    begun: int = 0

    def __post_init__(self) -> None:
        for table in STREAMS:
            self.shards[table] = [Shard(table) for _ in range(self.chance.randint(1, MOST_SHARDS))]
            self.read[table] = 0

    @property
    def now(self) -> datetime:
        return self.services.clock.now

    def try_to_deliver(self) -> bool:
        """Hands out some records of a shard, or some messages of a queue; False when there is nothing."""
        self._read_streams()
        ready: list[Shard | Message] = [shard for shard in self._waiting_shards() if _is_due(shard, self.now)]
        ready += self.services.sqs.ready()
        if not ready:
            return False
        chosen = ready[int(self.chance.random() * len(ready))]
        self._relay(chosen) if isinstance(chosen, Shard) else self._consume(chosen)
        return True

    def waits_until(self) -> list[datetime]:
        """Gives the moments at which there will be something to deliver."""
        self._read_streams()
        waits = [message.due for message in self.services.sqs.messages.values()]
        return waits + [shard.due for shard in self._waiting_shards() if shard.due]

    # Streams.

    def _waiting_shards(self) -> list[Shard]:
        return [one for some in self.shards.values() for one in some if one.next < len(one.records) and not one.busy]

    def _read_streams(self) -> None:
        """Puts new records on their shards: those of one item on the same, in their order."""
        if self.services.client.database.records == self.seen:
            return
        self.seen = self.services.client.database.records
        for name, shards in self.shards.items():
            table = self.services.client.database.tables[f"{PREFIX}-{name}"]
            for record in table.records[self.read[name] :]:
                shards[_shard_number(table, record) % len(shards)].records.append(record)
            self.read[name] = len(table.records)

    def _relay(self, shard: Shard) -> None:
        if self.services.scheduler.faults.is_striking(Kind.STREAM_LATE, 0.02):
            shard.due = self.now + self.chance.randint(1, 60) * 1000 * MS
            return
        self.begun += 1
        this, instance, first = self.begun, self.instance(), shard.next
        shard.busy = this
        records = shard.records[first : first + self.chance.randint(1, MOST_RECORDS)]

        def free() -> None:
            if shard.busy == this:
                shard.busy = 0

        def body() -> None:
            self._move_on(shard, first, _relay_records(instance, shard.table, records))
            free()

        self.services.scheduler.start(f"stream {shard.table} #{this}", body, free)

    def _move_on(self, shard: Shard, first: int, relayed: int) -> None:
        """Moves the shard past the relayed records; sometimes has a few delivered again."""
        shard.next = max(shard.next, first + relayed)
        shard.due = self.now + self.chance.randint(50, 900) * MS if shard.next == first else None
        if self.services.scheduler.faults.is_striking(Kind.RECORD_AGAIN, 0.05):
            shard.next = max(0, shard.next - self.chance.randint(1, 3))

    # Queues.

    def _consume(self, chosen: Message) -> None:
        sqs, queue = self.services.sqs, chosen.queue
        more = [one for one in sqs.ready() if one.queue == queue and one is not chosen]
        batch = [chosen, *more[: self.chance.randint(0, MOST_MESSAGES - 1)]]
        records = [sqs.receive(message) for message in batch]
        self.begun += 1
        instance, name = self.instance(), queue.removeprefix(f"{PREFIX}-")

        def body() -> None:
            failed = _handle_messages(instance, name, records)["batchItemFailures"]
            again = {one["itemIdentifier"] for one in failed}
            sqs.delete({message.number for message in batch if str(message.number) not in again})

        self.services.scheduler.start(f"queue {name} #{self.begun}", body)


def _relay_records(instance: Instance, table: str, records: list[Record]) -> int:
    """Relays the records as the function of the stream does. Gives how many need not come again."""
    relay = _only_outages(instance.relays[table])
    try:
        failed = batches.relay_in_order(records, relay, instance.send, instance.parking)["batchItemFailures"]
    except batches.NothingRelayed:
        return 0
    numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
    return numbers.index(failed[0]["itemIdentifier"]) if failed else len(records)


def _handle_messages(instance: Instance, queue: str, records: Sequence[Mapping[str, Any]]) -> batches.BatchAnswer:
    if together := instance.consumers_of_batches.get(queue):
        handle_all = _only_outages_of_batch(together)
        return batches.handle_messages_together(records, event_in, handle_all, instance.redelivery)
    return batches.handle_messages(records, _only_outages(instance.consumers[queue]), instance.redelivery)


def _only_outages_of_batch(
    handle: Callable[[Sequence[Event]], Failures],
) -> Callable[[Sequence[Event]], Failures]:
    """Does the same as `_only_outages` for a handler that gives its failures."""

    def handled(events: Sequence[Event]) -> Failures:
        failures: Failures = _only_outages(handle)(events)
        surprise = next((each for each in failures.values() if not isinstance(each, (*COMES_AGAIN, *OUTAGES))), None)
        if surprise:
            raise Surprise(repr(surprise)) from surprise
        return failures

    return handled


def _only_outages(handle: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Makes a handler whose other errors end the run: the functions would log them, and try again."""

    def handled(content: Any) -> Any:
        try:
            return handle(content)
        except (*COMES_AGAIN, *OUTAGES):
            raise
        except Exception as surprise:
            raise Surprise(repr(surprise)) from surprise

    return handled


class Surprise(Broken):
    """A handler raised an error that no outage explains."""


def _is_due(shard: Shard, now: datetime) -> bool:
    return shard.due is None or shard.due <= now


def _shard_number(table: Table, record: Record) -> int:
    change = record["dynamodb"]
    key = table.key_of(change.get("NewImage") or change["OldImage"])
    return zlib.crc32("/".join(key).encode())
