"""The queues of a stage as its operators see them: how much is in them, what was given up, and giving it back."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.domain.board import DeadLetter, QueueState, Redriven
from chalicelib.domain.refusals import QueueNotFound, QueueOutOfReach, StoreUnavailable
from chalicelib.infrastructure.dynamodb.stream_failures import S3StreamFailures

from . import dead_letters
from .queues import QueueUrls

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

ASKED_AT_ONCE = 10
"""Threads, one connection each: as many as boto3 keeps open."""

DEPTHS: Any = [
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
]
Depths = tuple[int, int, int]
"""Visible, in flight, delayed."""

STREAM_FAILURES = "stream-failures"
"""By this name the board shows them."""

FORBIDDEN = ("AccessDenied", "AccessDeniedException")


@dataclass(frozen=True)
class SqsQueueBoard:
    """`consumers` are queues with a DLQ; `failures` are what was given up where there is no queue."""

    client: "SQSClient"
    urls: QueueUrls
    prefix: str
    consumers: Sequence[str]
    failures: S3StreamFailures

    def states(self) -> Sequence[QueueState]:
        names = [each for name in self.consumers for each in (name, f"{name}-dlq")]
        with _translated("GetQueueAttributes"), ThreadPoolExecutor(ASKED_AT_ONCE) as threads:
            failures = threads.submit(self._failures)
            depths = dict(zip(names, threads.map(self._depths, names), strict=True))
            return [
                *(_state(name, depths[name], depths[f"{name}-dlq"]) for name in self.consumers),
                *failures.result(),
            ]

    def _failures(self) -> list[QueueState]:
        """Not there when they can't be counted: the queues are worth seeing without them."""
        try:
            return [QueueState(STREAM_FAILURES, 0, 0, 0, self.failures.count(), redrivable=False)]
        except (BotoCoreError, ClientError):
            return []

    def dead_letters(self, name: str, most: int) -> Sequence[DeadLetter]:
        if name == STREAM_FAILURES:
            with _translated("GetObject"):
                return self.failures.look(most)
        letters = self._dead_letter_queue(name)
        with _translated("ReceiveMessage"):
            visible, _, _ = self._depths(letters)
            return dead_letters.look(self.client, self._url(letters), min(most, visible))

    def redrive(self, name: str, most: int) -> Redriven:
        if name not in self.consumers:
            raise QueueNotFound(name)
        letters, source = (self._url(each) for each in (f"{name}-dlq", name))
        with _translated("SendMessage"):
            there = self._depths(f"{name}-dlq")
            moved = dead_letters.redrive(self.client, letters, source, min(most, there[0]))
        return Redriven(moved, sum(there) - moved)

    def _dead_letter_queue(self, name: str) -> str:
        if name in self.consumers:
            return f"{name}-dlq"
        raise QueueNotFound(name)

    def _url(self, name: str) -> str:
        with _translated("GetQueueUrl"):
            return self.urls[f"{self.prefix}-{name}"]

    def _depths(self, name: str) -> Depths:
        answer = self.client.get_queue_attributes(QueueUrl=self.urls[f"{self.prefix}-{name}"], AttributeNames=DEPTHS)
        visible, in_flight, delayed = (int(answer["Attributes"].get(depth, 0)) for depth in DEPTHS)
        return visible, in_flight, delayed


def _state(name: str, depths: Depths, dead_letters: Depths) -> QueueState:
    return QueueState(name, *depths, sum(dead_letters), redrivable=True)


@contextmanager
def _translated(operation: str) -> Iterator[None]:
    try:
        yield
    except dead_letters.Interrupted as error:
        raise _refusal(operation, error.__cause__) from error
    except (BotoCoreError, ClientError) as error:
        raise _refusal(operation, error) from error


def _refusal(operation: str, error: BaseException | None) -> QueueOutOfReach | StoreUnavailable:
    forbidden = isinstance(error, ClientError) and error.response["Error"]["Code"] in FORBIDDEN
    return QueueOutOfReach() if forbidden else StoreUnavailable(operation)
