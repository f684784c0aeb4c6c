"""The queues of a stage for its operators: their depths, their dead letters, and sending those back."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.domain.board import DeadLetter, QueueState, RedriveResult
from chalicelib.domain.refusals import BackendUnavailable, DeploymentMayNotUseQueue, QueueNotFound
from chalicelib.infrastructure.streams.failures import S3StreamFailures

from . import dead_letters
from .queues import QueueUrls

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

ASKED_AT_ONCE = 10
"""How many queues are asked at the same time, each by a thread with one connection. boto3 keeps this number of
connections open."""

ATTRIBUTES: Any = [
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
]
"""The attributes of a queue with the numbers of its visible messages, of those in flight, and of the delayed ones."""


@dataclass(frozen=True, slots=True)
class QueueDepths:
    """The numbers of messages in a queue, as SQS counts them."""

    visible: int
    in_flight: int
    delayed: int

    @property
    def total(self) -> int:
        return self.visible + self.in_flight + self.delayed


STREAM_FAILURES = "stream-failures"
"""The board's name for the failures of streams."""

FORBIDDEN = ("AccessDenied", "AccessDeniedException")


@dataclass(frozen=True)
class SqsQueueAndStreamFailureBoard:
    """The queues of a stage, for operators.

    `consumers` are the names of the queues with consumers. `failures` has the stream failures.
    """

    client: "SQSClient"
    urls: QueueUrls
    prefix: str
    consumers: Sequence[str]
    failures: S3StreamFailures

    def states(self) -> Sequence[QueueState]:
        names = [each for name in self.consumers for each in (name, f"{name}-dlq")]
        with _errors_as_refusals("GetQueueAttributes"), ThreadPoolExecutor(ASKED_AT_ONCE) as threads:
            failures = threads.submit(self._read_failures)
            depths = dict(zip(names, threads.map(self._read_depths, names), strict=True))
            return [
                *(_queue_state(name, depths[name], depths[f"{name}-dlq"].total) for name in self.consumers),
                *failures.result(),
            ]

    def _read_failures(self) -> list[QueueState]:
        """Counts the stream failures. Gives an empty list if S3 can't be read, so that the queues are still shown."""
        try:
            return [
                QueueState(
                    name=STREAM_FAILURES,
                    waiting=0,
                    in_flight=0,
                    delayed=0,
                    dead_letters=self.failures.count(),
                    redrivable=False,
                )
            ]
        except (BotoCoreError, ClientError):
            return []

    def dead_letters(self, name: str, most: int) -> Sequence[DeadLetter]:
        if name == STREAM_FAILURES:
            with _errors_as_refusals("GetObject"):
                return self.failures.read_oldest(most)
        dlq = self._dead_letter_queue(name)
        with _errors_as_refusals("ReceiveMessage"):
            visible = self._read_depths(dlq).visible
            return dead_letters.peek(self.client, self._url(dlq), min(most, visible))

    def redrive(self, name: str, most: int) -> RedriveResult:
        dlq = self._dead_letter_queue(name)
        dlq_url, source_url = self._url(dlq), self._url(name)
        with _errors_as_refusals("SendMessage"):
            there = self._read_depths(dlq)
            moved = dead_letters.redrive(self.client, dlq_url, source_url, min(most, there.visible))
        return RedriveResult(moved, there.total - moved)

    def _dead_letter_queue(self, name: str) -> str:
        """Gives the name of a consumer's DLQ. Raises QueueNotFound for any other name."""
        if name in self.consumers:
            return f"{name}-dlq"
        raise QueueNotFound(name)

    def _url(self, name: str) -> str:
        with _errors_as_refusals("GetQueueUrl"):
            return self.urls[f"{self.prefix}-{name}"]

    def _read_depths(self, name: str) -> QueueDepths:
        """Reads how many messages are in a queue. Raises BotoCoreError, ClientError."""
        url = self.urls[f"{self.prefix}-{name}"]
        answer = self.client.get_queue_attributes(QueueUrl=url, AttributeNames=ATTRIBUTES)
        visible, in_flight, delayed = (int(answer["Attributes"].get(name, 0)) for name in ATTRIBUTES)
        return QueueDepths(visible=visible, in_flight=in_flight, delayed=delayed)


def _queue_state(name: str, depths: QueueDepths, dead_letters: int) -> QueueState:
    return QueueState(
        name=name,
        waiting=depths.visible,
        in_flight=depths.in_flight,
        delayed=depths.delayed,
        dead_letters=dead_letters,
        redrivable=True,
    )


@contextmanager
def _errors_as_refusals(operation: str) -> Iterator[None]:
    """Raises DeploymentMayNotUseQueue if AWS denies access, and BackendUnavailable for every other error of AWS."""
    try:
        yield
    except dead_letters.RedriveInterrupted as error:
        raise _refusal(operation, error.__cause__) from error
    except (BotoCoreError, ClientError) as error:
        raise _refusal(operation, error) from error


def _refusal(operation: str, error: BaseException | None) -> DeploymentMayNotUseQueue | BackendUnavailable:
    forbidden = isinstance(error, ClientError) and error.response["Error"]["Code"] in FORBIDDEN
    return DeploymentMayNotUseQueue() if forbidden else BackendUnavailable(operation)
