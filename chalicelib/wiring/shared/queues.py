"""SQS: sending messages; retrying, deferring or parking messages that failed."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, cast

from chalicelib.infrastructure.sqs import queues
from chalicelib.infrastructure.sqs.queues import QueueUrls, RedeliveryOfFailedMessages, SqsOutbox

from .process import once_per_settings, settings

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from chalicelib.domain.ports import Outbox


@cache
def sqs() -> SQSClient:
    return queues.new_sqs_client()


@once_per_settings
def queue_urls() -> QueueUrls:
    return QueueUrls(sqs())


@once_per_settings
def outbox() -> Outbox:
    return SqsOutbox(sqs(), settings().table_prefix, queue_urls())


@once_per_settings
def redelivery() -> RedeliveryOfFailedMessages:
    """Gives the object with which this process lets queues deliver failed messages again. The object makes its SQS
    client only when a message has failed."""
    return cast("RedeliveryOfFailedMessages", _MadeOnUse())


class _MadeOnUse:
    """Makes the RedeliveryOfFailedMessages, and its SQS client, when the first message fails. Most functions need the
    client only for failed messages, so in most cases they never make it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(_redelivery(), name)


@once_per_settings
def _redelivery() -> RedeliveryOfFailedMessages:
    return RedeliveryOfFailedMessages(sqs(), queue_urls())
