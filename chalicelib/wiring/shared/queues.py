"""SQS: sending messages, and putting off or parking those that can not be handled."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from chalicelib.infrastructure.sqs import queues
from chalicelib.infrastructure.sqs.queues import QueueUrls, Redelivery, SqsOutbox

from .process import once, settings

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from chalicelib.domain.ports import Outbox


@cache
def sqs() -> SQSClient:
    return queues.new_sqs_client()


@once
def queue_urls() -> QueueUrls:
    return QueueUrls(sqs())


@once
def outbox() -> Outbox:
    return SqsOutbox(sqs(), settings().table_prefix, queue_urls())


@once
def redelivery() -> Redelivery:
    return Redelivery(sqs(), queue_urls())
