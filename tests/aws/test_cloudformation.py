"""What CloudFormation refuses, as the endpoint has it refuse: queues' names, protected tables, a failed creation."""

import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, WaiterError

from .cloudformation import NAME_TAKEN_SECONDS, Strict
from .endpoint import Endpoint

QUICKLY: Any = {"Delay": 1, "MaxAttempts": 30}


@dataclass
class Clock:
    """The time, moved on by whoever would sleep."""

    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return time.monotonic() + sum(self.slept)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def aws(endpoint: Endpoint, emulator: str, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Strict]:
    """A strict CloudFormation, which all calls of this process meet."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.url)
    strict = Strict(emulator, clock)
    with endpoint.behaving(strict):
        yield strict


@pytest.fixture
def stack() -> str:
    return f"cinema-of-nobody-{uuid.uuid4().hex[:8]}"


def create(stack: str, *, protected: bool = False) -> None:
    """Creates a stack of a queue and a table, and waits. Raises WaiterError when it fails."""
    client = boto3.client("cloudformation")
    client.create_stack(StackName=stack, TemplateBody=json.dumps(template(stack, protected=protected)))
    client.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig=QUICKLY)


def template(name: str, *, protected: bool) -> Any:
    table = {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "DeletionProtectionEnabled": protected,
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    }
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": name}}
    return {"Resources": {"Queue": queue, "Table": {"Type": "AWS::DynamoDB::Table", "Properties": table}}}


def delete(stack: str) -> None:
    client = boto3.client("cloudformation")
    client.delete_stack(StackName=stack)
    client.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig=QUICKLY)


def read_status(stack: str) -> str:
    return str(boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"])


def test_the_name_of_a_deleted_queue_is_taken_for_a_minute(aws: Strict, clock: Clock, stack: str) -> None:
    client = boto3.client("sqs")
    client.delete_queue(QueueUrl=client.create_queue(QueueName=stack)["QueueUrl"])

    with pytest.raises(ClientError) as refused:
        client.create_queue(QueueName=stack)
    clock.sleep(NAME_TAKEN_SECONDS)
    again = client.create_queue(QueueName=stack)

    assert refused.value.response["Error"]["Code"] == "AWS.SimpleQueueService.QueueDeletedRecently"
    client.delete_queue(QueueUrl=again["QueueUrl"])


def test_a_stack_whose_queues_were_just_deleted_is_rolled_back_and_says_why(
    aws: Strict, clock: Clock, stack: str
) -> None:
    create(stack)
    delete(stack)

    with pytest.raises(WaiterError):
        create(stack)

    told = boto3.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    assert read_status(stack) == "ROLLBACK_COMPLETE"
    assert any("60 seconds after deleting" in event.get("ResourceStatusReason", "") for event in told)
    delete(stack)
    clock.sleep(NAME_TAKEN_SECONDS)
    create(stack)
    delete(stack)


def test_a_stack_with_a_protected_table_is_neither_deleted_nor_rolled_back(aws: Strict, stack: str) -> None:
    aws.fail_next = "Rate exceeded"
    with pytest.raises(WaiterError):
        create(stack, protected=True)
    assert read_status(stack) == "ROLLBACK_FAILED"

    with pytest.raises(WaiterError):
        delete(stack)
    assert read_status(stack) == "DELETE_FAILED"

    boto3.client("dynamodb").update_table(TableName=stack, DeletionProtectionEnabled=False)
    delete(stack)


def test_a_stack_that_fails_says_why_before_all_else(aws: Strict, stack: str) -> None:
    aws.fail_next = "Rate exceeded"
    with pytest.raises(WaiterError):
        create(stack)

    newest, failed, *_ = boto3.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]

    assert (newest["LogicalResourceId"], newest["ResourceStatus"]) == (stack, "ROLLBACK_COMPLETE")
    assert failed["ResourceStatusReason"] == "Rate exceeded"
    delete(stack)
