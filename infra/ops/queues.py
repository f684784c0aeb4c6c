"""Reads the queues of a stage from SQS, so that a new queue appears by itself."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.ops.connection import Connection, OpsError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

DEAD_LETTERS_END_IN = "-dlq"
"""The suffix of the names of dead-letter queues. Such a queue has no consumer."""


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue. The counts are SQS's own: right on an emulator, up to a minute old on AWS."""

    name: str
    short_name: str
    """The name without the stage's prefix."""
    url: str
    visible: int
    in_flight: int
    delayed: int
    dead_letters: str | None
    """The name of its dead-letter queue."""

    @property
    def depth(self) -> int:
        return self.visible + self.in_flight + self.delayed


@dataclass(frozen=True, slots=True)
class Queues:
    """All queues of one stage, by full name."""

    connection: Connection
    by_name: Mapping[str, Queue]

    def __iter__(self) -> Iterator[Queue]:
        return iter(self.by_name.values())

    @property
    def dead_letter_queues(self) -> list[Queue]:
        targets = {queue.dead_letters for queue in self}
        return [queue for queue in self if queue.name in targets or queue.name.endswith(DEAD_LETTERS_END_IN)]

    def dead_letters_of(self, queue: Queue) -> Queue | None:
        return self.by_name.get(queue.dead_letters or "")

    def sources_of(self, dead_letters: Queue) -> list[Queue]:
        return [queue for queue in self if queue.dead_letters == dead_letters.name]

    def dead_letter_queue(self, name: str) -> Queue:
        """Finds a dead-letter queue by its own name or its source's, short or full. Raises OpsError."""
        queue = self.by_name.get(name) or self.by_name.get(f"{self.connection.prefix}{name}")
        known = self.dead_letter_queues
        if queue in known:
            return queue
        found = self.dead_letters_of(queue) if queue else None
        if found is None:
            wrong = f"Queue {name!r} has no dead-letter queue" if queue else f"There is no queue {name!r}"
            names = ", ".join(one.short_name for one in known) or "none"
            raise OpsError(f"{wrong} in stage {self.connection.stage!r}: its dead-letter queues are {names}.")
        return found

    def source(self, dead_letters: Queue) -> Queue:
        """Finds the source of a dead-letter queue. Raises OpsError unless there is exactly one."""
        sources = self.sources_of(dead_letters)
        if len(sources) == 1:
            return sources[0]
        if sources:
            names = ", ".join(queue.short_name for queue in sources)
            raise OpsError(f"{dead_letters.name} serves {names}: its messages can't be told apart, move them by hand.")
        look = self.connection.command("dlq", "show", dead_letters.short_name)
        raise OpsError(
            f"{dead_letters.name} has no source queue to give its messages back to: look at them with `{look}`."
        )


def read_queues(connection: Connection) -> Queues:
    """Reads the queues of a stage. Raises OpsError when it has none."""
    sqs: SQSClient = connection.client("sqs")
    pages = sqs.get_paginator("list_queues").paginate(
        QueueNamePrefix=connection.prefix, PaginationConfig={"PageSize": 1000}
    )
    urls = sorted(url for page in pages for url in page.get("QueueUrls", []))
    if not urls:
        raise OpsError(
            f"Stage {connection.stage!r} has no queues at {connection.where}: deploy it with "
            f"`{connection.deploy_command}`, or name another with --stage, or another place with --endpoint."
        )
    found = [_read_queue(sqs, url, connection.prefix) for url in urls]
    return Queues(connection, {queue.name: queue for queue in found})


def _read_queue(sqs: "SQSClient", url: str, prefix: str) -> Queue:
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    name = url.rpartition("/")[2]
    redrive = json.loads(attributes.get("RedrivePolicy") or "{}")
    return Queue(
        name=name,
        short_name=name.removeprefix(prefix),
        url=url,
        visible=int(attributes.get("ApproximateNumberOfMessages", 0)),
        in_flight=int(attributes.get("ApproximateNumberOfMessagesNotVisible", 0)),
        delayed=int(attributes.get("ApproximateNumberOfMessagesDelayed", 0)),
        dead_letters=redrive["deadLetterTargetArn"].rpartition(":")[2] if redrive else None,
    )


def total_depth(queues: Sequence[Queue]) -> int:
    return sum(queue.depth for queue in queues)
