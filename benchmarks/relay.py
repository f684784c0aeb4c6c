"""The relay: records of a stream that it takes, against queues and tables that answer after a while.

DynamoDB writes 1,000 items a second to a partition, and hands its records to the relays of one shard. The stand-ins
answer after times that are usual on AWS: what is measured is our own work, and what waits for what.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from time import perf_counter
from typing import Any

from benchmarks.frame.pairs import interleave, median_with_bounds, ratio
from benchmarks.frame.run import Run
from chalicelib.api.batches import relay_in_order
from chalicelib.application.refunds import MarkPaymentSoldOrLogConflict
from chalicelib.application.relay import MarkPaymentSoldOrExpireDeletedHoldAndListMessages
from chalicelib.domain.consumers import CONSUMERS
from chalicelib.domain.events import OutgoingMessage, ReservationChange
from chalicelib.domain.payments import Payment
from chalicelib.domain.reservations import Reservation, Sale, State
from chalicelib.infrastructure.ids import RandomOrDerivedIds
from chalicelib.infrastructure.sqs.queues import BATCH_ENTRIES, QueueUrls, SqsOutbox
from infra.cloud.functions import RELAYS_PER_SHARD

RECORDS = 100
"""The largest number of records of one batch of a stream: see app.py."""
SEND_SECONDS, WRITE_SECONDS = 0.010, 0.005
"""What a SendMessageBatch and an UpdateItem take within a region."""
RECORDS_OF_A_SHARD = 1000
ROUNDS = 12

NOW = datetime(2026, 11, 27, tzinfo=UTC)
Work = Callable[[], object]


def measure(run: Run) -> None:
    queues = SlowQueues()
    mark_payment_sold = MarkPaymentSoldOrLogConflict(SlowPayments())  # type: ignore[arg-type] # what it calls
    relay = MarkPaymentSoldOrExpireDeletedHoldAndListMessages(refuse_to_expire, mark_payment_sold)  # type: ignore[arg-type] # it is not called
    made = [ReservationChange(None, reservation, NOW) for reservation in new_reservations()]
    paid = [ReservationChange(change.after, as_paid(change.after), NOW) for change in made if change.after]
    count_messages(run, queues, relay, made)
    paths: Mapping[str, Work] = {
        "made": partial(relay_batch, made, relay, queues.outbox.send_and_list_unsent_positions),
        "made, one batch after the other": partial(relay_batch, made, relay, partial(send_in_turn, queues.outbox)),
        "paid": partial(relay_batch, paid, relay, queues.outbox.send_and_list_unsent_positions),
    }
    samples = interleave(paths, rounds=ROUNDS, seconds_left=run.seconds_left, clock=perf_counter)
    run.record("at the same time", ratio(samples["made, one batch after the other"], samples["made"]), samples=samples)
    taken = [2 * RECORDS / sum(both) for both in zip(samples["made"], samples["paid"], strict=True)]
    shares = [RELAYS_PER_SHARD * records / RECORDS_OF_A_SHARD for records in taken]
    note = f"{max(taken):.0f} a second and relay at best"
    run.record("share of a shard", median_with_bounds(shares), note=note, samples={"records a second": taken})


def count_messages(
    run: Run,
    queues: "SlowQueues",
    relay: MarkPaymentSoldOrExpireDeletedHoldAndListMessages,
    changes: Sequence[ReservationChange],
) -> None:
    relay_batch(changes, relay, queues.outbox.send_and_list_unsent_positions)
    run.record("calls of a record", queues.calls / RECORDS, note=f"{queues.messages / RECORDS:.0f} messages")


def relay_batch(
    changes: Sequence[ReservationChange],
    relay: Callable[[ReservationChange], list[OutgoingMessage]],
    send: Callable[[Sequence[OutgoingMessage], datetime], set[int]],
) -> None:
    records = [{"dynamodb": {"SequenceNumber": str(number)}, "change": each} for number, each in enumerate(changes)]
    answer = relay_in_order(
        records, lambda record: relay(record["change"]), lambda messages: send(messages, NOW), NoParking()
    )
    assert not answer["batchItemFailures"], answer  # noqa: S101 - a measurement of failures would be none


def send_in_turn(outbox: SqsOutbox, messages: Sequence[OutgoingMessage], now: datetime) -> set[int]:
    """Sends one batch after the other, as the relay once did."""
    failed = set[int]()
    for queue in {message.queue for message in messages}:
        of_queue = [message for message in messages if message.queue == queue]
        for start in range(0, len(of_queue), BATCH_ENTRIES):
            failed |= outbox.send_and_list_unsent_positions(of_queue[start : start + BATCH_ENTRIES], now)
    return failed


class SlowQueues:
    """SQS as the outbox calls it: takes everything, after a while, and counts."""

    def __init__(self) -> None:
        self.calls = self.messages = 0
        urls = {f"bench-{each.queue}": each.queue for each in CONSUMERS}
        self.outbox = SqsOutbox(self, "bench", QueueUrls(self, urls))  # type: ignore[arg-type] # what it calls of SQS

    def send_message_batch(self, QueueUrl: str, Entries: Sequence[Any]) -> dict[str, Any]:  # noqa: N803 - SQS's names
        time.sleep(SEND_SECONDS)
        self.calls += 1
        self.messages += len(Entries)
        return {}


@dataclass
class SlowPayments:
    """The port of payments as MarkPaymentSoldOrLogConflict calls it."""

    def mark_sold_if_allowed_and_read(self, payment: Payment) -> Payment:
        time.sleep(WRITE_SECONDS)
        return payment


class NoParking:
    def count_failure_and_tell_whether_to_park(self, record: Mapping[str, Any], error: Exception) -> bool:
        return False

    def park(self, record: Mapping[str, Any], reason: str) -> None:
        raise AssertionError(reason)


def refuse_to_expire(*_: object) -> bool:
    raise AssertionError("no reservation is deleted here")


def new_reservations() -> Iterable[Reservation]:
    ids = RandomOrDerivedIds(b"of no use to anybody")
    for number in range(RECORDS):
        user = f"user-{number}"
        yield Reservation(
            id=ids.reservation_id(user, None),
            session_id="550e8400-e29b-41d4-a716-446655440000",
            movie_title="Oppenheimer",
            user_id=user,
            seats=("A1", "A2"),
            amount=Decimal("50.00"),
            fingerprint="",
            created_at=NOW,
            expires_at=NOW + timedelta(seconds=30),
        )


def as_paid(reservation: Reservation) -> Reservation:
    sale = Sale(f"sale-{reservation.id}", f"tx-{reservation.id}", "credit_card", NOW)
    return replace(reservation, state=State.CONFIRMED, sale=sale)
