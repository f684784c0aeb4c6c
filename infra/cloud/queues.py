"""The resources of each consumer: its queue, and the queue of its dead letters. Their alarms are in watching/."""

from chalicelib.domain.consumers import CONSUMERS, Consumer
from chalicelib.infrastructure.sqs.queues import MOST_RECEIVES

from .functions import TIMEOUT_SECONDS
from .templates import Template, sub

LONGEST_RETENTION_SECONDS = 14 * 24 * 3600


def queue_resources() -> Template:
    """Makes the queues of all consumers, by logical id."""
    queues = Template()
    for consumer in CONSUMERS:
        name, dead_letters = consumer.logical_id, f"{consumer.logical_id}Dlq"
        queues[name] = {"Type": "AWS::SQS::Queue", "Properties": _queue(consumer, dead_letters)}
        queues[dead_letters] = {"Type": "AWS::SQS::Queue", "Properties": _dead_letters(consumer)}
    return queues


def _queue(consumer: Consumer, dead_letters: str) -> Template:
    return {
        "QueueName": sub(f"cinema-${{Stage}}-{consumer.queue}"),
        "VisibilityTimeout": 6 * TIMEOUT_SECONDS,  # as AWS recommends
        "ReceiveMessageWaitTimeSeconds": 20,
        "SqsManagedSseEnabled": True,
        "RedrivePolicy": {
            "deadLetterTargetArn": {"Fn::GetAtt": f"{dead_letters}.Arn"},
            "maxReceiveCount": MOST_RECEIVES,
        },
    }


def _dead_letters(consumer: Consumer) -> Template:
    return {
        "QueueName": sub(f"cinema-${{Stage}}-{consumer.queue}-dlq"),
        "MessageRetentionPeriod": LONGEST_RETENTION_SECONDS,
        "SqsManagedSseEnabled": True,
    }
