"""The resources of each consumer's queue: the queue, its dead letters, and an alarm for each."""

from typing import Any

from chalicelib.domain.consumers import CONSUMERS, Consumer
from chalicelib.infrastructure.sqs.queues import MOST_RECEIVES

from .functions import TIMEOUT_SECONDS
from .templates import Template, sub

LONGEST_RETENTION_SECONDS = 14 * 24 * 3600


def queue_resources() -> Template:
    """Makes the queues of all consumers and their alarms, by logical id."""
    queues, given_up, late = Template(), Template(), Template()
    for consumer in CONSUMERS:
        name, dead_letters = consumer.logical_id, f"{consumer.logical_id}Dlq"
        queues[name] = {"Type": "AWS::SQS::Queue", "Properties": _queue(consumer, dead_letters)}
        queues[dead_letters] = {"Type": "AWS::SQS::Queue", "Properties": _dead_letters(consumer)}
        given_up[f"{name}GaveUp"] = {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": _dead_letter_alarm(consumer, dead_letters),
        }
        late[f"{name}IsLate"] = {"Type": "AWS::CloudWatch::Alarm", "Properties": _late_alarm(consumer)}
    return {**queues, **given_up, **late}


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


def _dead_letter_alarm(consumer: Consumer, dead_letters: str) -> Template:
    return {
        "AlarmName": sub(f"cinema-${{Stage}}-{consumer.queue}-dlq-not-empty"),
        "AlarmDescription": consumer.when_given_up,
        "MetricName": "ApproximateNumberOfMessagesVisible",
        "EvaluationPeriods": 1,
        "Threshold": 0,
        **_alarm_defaults(dead_letters),
    }


def _late_alarm(consumer: Consumer) -> Template:
    return {
        "AlarmName": sub(f"cinema-${{Stage}}-{consumer.queue}-late"),
        "AlarmDescription": consumer.when_late,
        "MetricName": "ApproximateAgeOfOldestMessage",
        "EvaluationPeriods": 2,
        "Threshold": consumer.late_after_seconds,
        **_alarm_defaults(consumer.logical_id),
    }


def _alarm_defaults(queue: str) -> dict[str, Any]:
    return {
        "Namespace": "AWS/SQS",
        "Dimensions": [{"Name": "QueueName", "Value": {"Fn::GetAtt": f"{queue}.QueueName"}}],
        "Statistic": "Maximum",
        "Period": 60,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
        "AlarmActions": [{"Ref": "Alarms"}],
        "OKActions": [{"Ref": "Alarms"}],
    }
