"""A consumer that crashes: on a real queue of its own, before or after its effect."""

import random
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chalicelib.api.batches import handle_messages, handle_messages_together
from chalicelib.domain.events import Event, OutgoingMessage
from chalicelib.infrastructure.sqs import queues
from chalicelib.infrastructure.sqs.envelopes import event_in
from chalicelib.infrastructure.sqs.queues import QueueUrls, RedeliveryOfFailedMessages, SqsOutbox
from infra.local.pump import QueueSource, queue_source
from tests.builders import NOW

CRASH_SHARE = 0.05
LONGEST_WORK_SECONDS = 240
"""ministack takes 3 s for it, LocalStack more than half a minute on two busy cores."""


class Consumer:
    """One consumer on a queue of its own, which crashes before or after its effect; and its dead-letter queue."""

    def __init__(self, consume: Callable[[Event], None], chance: random.Random) -> None:
        self.sqs = queues.new_sqs_client()
        self.name = f"crashing-{uuid.uuid4()}"
        urls = QueueUrls(self.sqs)
        self.dead = self.sqs.create_queue(QueueName=f"{self.name}-dlq")["QueueUrl"]
        self.sqs.create_queue(QueueName=self.name)
        self.outbox = SqsOutbox(self.sqs, "crashing", urls)
        self.redelivery = RedeliveryOfFailedMessages(self.sqs, urls, pause=lambda receives: 0)
        self.consume, self.chance = consume, chance
        self.queue: QueueSource = queue_source(self.name, self.handle, self.sqs, self.name, 10)

    def handle(self, event: Any, _: Any) -> Any:
        return handle_messages(event["Records"], self.crash_sometimes, self.redelivery)

    def crash_sometimes(self, record: Any) -> None:
        status = self.chance.random()
        if status < CRASH_SHARE / 2:
            raise RuntimeError("crashed before its effect")
        self.consume(event_in(record))
        if status > 1 - CRASH_SHARE / 2:
            raise RuntimeError("crashed after its effect")

    def send(self, events: list[Event]) -> None:
        queue = self.name.removeprefix("crashing-")
        assert (
            self.outbox.send_and_list_unsent_positions([OutgoingMessage(queue, event) for event in events], NOW)
            == set()
        )

    def poison(self, count: int) -> None:
        for number in range(count):
            body = '{"version": 9}' if number % 2 else "not even JSON"
            self.sqs.send_message(QueueUrl=self.queue.url, MessageBody=body)

    def work(self) -> None:
        deadline = time.monotonic() + LONGEST_WORK_SECONDS
        while self.left():
            assert time.monotonic() < deadline, "the queue has not become empty"
            self.queue.feed()

    def left(self) -> int:
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        numbers = self.sqs.get_queue_attributes(QueueUrl=self.queue.url, AttributeNames=names)["Attributes"]
        return sum(int(number) for number in numbers.values())

    def parked(self) -> list[Any]:
        found: list[Any] = []
        while more := self.sqs.receive_message(
            QueueUrl=self.dead, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages"):
            found += more
        return found


class BatchConsumer(Consumer):
    """A consumer that handles its messages together, and crashes before or after the effect of the whole batch."""

    def __init__(self, consume: Callable[[Sequence[Event]], Mapping[int, Exception]], chance: random.Random) -> None:
        super().__init__(lambda event: None, chance)
        self.consume_together = consume

    def handle(self, event: Any, _: Any) -> Any:
        return handle_messages_together(event["Records"], event_in, self.crash_a_batch_sometimes, self.redelivery)

    def crash_a_batch_sometimes(self, events: Sequence[Event]) -> Mapping[int, Exception]:
        status = self.chance.random()
        if status < CRASH_SHARE / 2:
            raise RuntimeError("crashed before its effect")
        failures = self.consume_together(events)
        if status > 1 - CRASH_SHARE / 2:
            raise RuntimeError("crashed after its effect")
        return failures
