"""A simulated SQS: at-least-once delivery in no order, with delays, visibility, dead letters and outages."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any

from tests.simulation.faults import Kind
from tests.simulation.scheduler import MS, Door, Scheduler

from .doors import EVERYWHERE, no_answer, no_connection

VISIBLE_AFTER = timedelta(seconds=180)
"""How long a message that is being handled stays out of sight: as in infra/cloud, six times the function's timeout."""
DOWN_SECONDS = (5, 120)
LATE_SECONDS = (1, 40)

SQS = Door("sqs", no_answer, no_connection, EVERYWHERE, (*EVERYWHERE, Kind.DIES_AFTER, Kind.ANSWER_LOST))


@dataclass(eq=False, slots=True)
class Message:
    number: int
    queue: str
    body: str
    due: datetime
    attributes: Mapping[str, Any]
    receives: int = 0
    is_lost: bool = False

    def record(self) -> dict[str, Any]:
        """Gives the message as a function gets it."""
        named = {name: {"stringValue": value["StringValue"]} for name, value in self.attributes.items()}
        return {
            "messageId": str(self.number),
            "receiptHandle": str(self.number),
            "body": self.body,
            "attributes": {"ApproximateReceiveCount": str(self.receives)},
            "messageAttributes": named,
            "eventSourceARN": f"arn:aws:sqs:us-east-1:0:{self.queue}",
        }


@dataclass
class Sqs:
    """The service, and its client."""

    scheduler: Scheduler
    chance: Random
    deaf: frozenset[str] = frozenset()
    """Queues whose consumers are left out of this run: what is sent there is forgotten."""
    loses: str = ""
    """The queue whose messages may get lost, and `lost` is told their bodies."""
    lost: Callable[[str], None] = lambda body: None
    messages: dict[int, Message] = field(default_factory=dict)
    dead: list[Message] = field(default_factory=list)
    down_until: datetime | None = None
    sent: int = 0

    # What our adapters call.

    def get_queue_url(self, *, QueueName: str) -> dict[str, str]:  # noqa: N803 - boto3's names
        return {"QueueUrl": QueueName}

    def send_message_batch(self, *, QueueUrl: str, Entries: list[Any]) -> Any:  # noqa: N803
        own: dict[Kind, Callable[[], Any]] = {
            Kind.SQS_DOWN: self._go_down,
            Kind.SQS_PARTIAL: partial(self._take_some, QueueUrl, Entries),
        }
        return self._call(f"send {len(Entries)} to {QueueUrl}", partial(self._take, QueueUrl, Entries), own)

    def send_message(self, **request: Any) -> Any:
        self._call(f"send to {request['QueueUrl']}", partial(self._take, request["QueueUrl"], [request]), {})

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> Any:  # noqa: N803
        def change() -> None:
            if message := self.messages.get(int(ReceiptHandle)):
                message.due = self.now + timedelta(seconds=VisibilityTimeout)

        self._call(f"show {ReceiptHandle} of {QueueUrl} in {VisibilityTimeout} s", change, {})

    def _call(self, call: str, act: Callable[[], Any], own: Mapping[Kind, Callable[[], Any]]) -> Any:
        return self.scheduler.call(SQS, call, partial(self._while_up, act), is_read=False, own=own)

    def _while_up(self, act: Callable[[], Any]) -> Any:
        if self.down_until and self.now < self.down_until and not self.scheduler.faults.calm:
            raise no_connection("sqs")
        return act()

    def _go_down(self) -> Any:
        self.down_until = self.now + timedelta(seconds=self.chance.randint(*DOWN_SECONDS))
        raise no_connection("sqs")

    def _take_some(self, queue: str, entries: list[Any]) -> Any:
        taken = entries[1:]
        self._take(queue, taken)
        return {"Failed": [{"Id": entries[0]["Id"]}]}

    def _take(self, queue: str, entries: list[Any]) -> dict[str, Any]:
        for entry in entries:
            self._put(queue, entry)
        return {}

    def _put(self, queue: str, entry: Mapping[str, Any]) -> None:
        if queue in self.deaf:
            return
        faults, body = self.scheduler.faults, entry["MessageBody"]
        due = self.now + timedelta(seconds=entry.get("DelaySeconds", 0))
        if faults.is_striking(Kind.MESSAGE_LATE, 0.05):
            due += self.chance.randint(*LATE_SECONDS) * 1000 * MS
        if queue == self.loses and faults.is_striking(Kind.MESSAGE_LOST, 0.03):
            self.lost(body)
            return
        for _ in range(2 if faults.is_striking(Kind.MESSAGE_TWICE, 0.05) else 1):
            self.sent += 1
            message = Message(self.sent, queue, body, due, entry.get("MessageAttributes", {}))
            if queue.endswith("-dlq"):
                self.dead.append(message)
            else:
                self.messages[message.number] = message

    # What the service does by itself.

    @property
    def now(self) -> datetime:
        return self.scheduler.clock.now

    def ready(self) -> Iterator[Message]:
        now = self.now
        return (message for message in self.messages.values() if message.due <= now)

    def receive(self, message: Message) -> dict[str, Any]:
        """Delivers a message and hides it for the visibility timeout."""
        message.receives += 1
        message.due = self.now + VISIBLE_AFTER
        if self.scheduler.faults.is_striking(Kind.VISIBLE_AGAIN, 0.02):
            message.due = self.now
        return message.record()

    def delete(self, numbers: set[int]) -> None:
        for number in numbers:
            self.messages.pop(number, None)

    def redrive(self) -> int:
        """Has all dead letters delivered again, as an operator does. Gives how many there were."""
        dead, self.dead = self.dead, []
        for message in dead:
            self.sent += 1
            queue = message.queue.removesuffix("-dlq")
            self.messages[self.sent] = Message(self.sent, queue, message.body, self.now, {})
        return len(dead)
