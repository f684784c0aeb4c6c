"""The two CloudFormation stacks of a stage: their names, states, parameters, outputs, and why an operation failed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import ClientError, WaiterError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackEventTypeDef, StackTypeDef

DEADLINE_SECONDS = 30 * 60
POLL_SECONDS = 1
FIRST_FAILURES = 3
"""The most failed resources that an error names. Most later failures are only consequences of the first."""

STARTS = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS")
"""The states in which a stack enters an operation."""

QUEUE = "AWS::SQS::Queue"
QUEUE_NAME_TAKEN = timedelta(seconds=60)
"""The time for which the name of a deleted queue can't be used again (reference of SQS, CreateQueue)."""
QUEUE_DELETED_RECENTLY = ("QueueDeletedRecently", "60 seconds after deleting")
"""A part of the message with which SQS refuses to create a queue whose name can't be used again yet."""

Say = Callable[[str], None]


class DeploymentError(Exception):
    """A deployment failed. The message says why, or where to look."""


def where() -> str:
    """Names the endpoint of this process, for people."""
    return os.environ.get("AWS_ENDPOINT_URL") or f"AWS in {boto3.Session().region_name or 'no region'}"


def data_stack(stage: str) -> str:
    """Names the stack of tables and queues."""
    return f"cinema-{stage}-data"


def app_stack(stage: str) -> str:
    """Names the stack of functions and their API."""
    return f"cinema-{stage}-app"


# Reading


def find_stack(name: str) -> StackTypeDef | None:
    """Reads a stack by its name or id; None where there is none."""
    try:
        return boto3.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise


def read_status(name: str) -> str | None:
    """Reads the state of a stack; None where there is none, or it is deleted."""
    found = find_stack(name)
    return None if found is None or found["StackStatus"] == "DELETE_COMPLETE" else found["StackStatus"]


def deployed_parameters(name: str) -> dict[str, str] | None:
    """Reads the parameters of a stack; None where it is not deployed."""
    found = find_stack(name)
    if found is None:
        return None
    return {one["ParameterKey"]: one.get("ParameterValue", "") for one in found.get("Parameters", [])}


def outputs_of(name: str) -> dict[str, str]:
    """Reads the outputs of a deployed stack."""
    stack = boto3.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def physical_name(stack: str, logical_name: str) -> str:
    """Reads the physical name of a resource of a deployed stack."""
    client = boto3.client("cloudformation")
    resource = client.describe_stack_resource(StackName=stack, LogicalResourceId=logical_name)
    return resource["StackResourceDetail"]["PhysicalResourceId"]


def physical_names(stack: str, kind: str) -> list[str]:
    """Lists the names of a stack's resources of a type, such as AWS::S3::Bucket, that have not been deleted."""
    pages = boto3.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    resources = [one for page in pages for one in page["StackResourceSummaries"] if one["ResourceType"] == kind]
    return [one["PhysicalResourceId"] for one in resources if one["ResourceStatus"] != "DELETE_COMPLETE"]


# Why an operation failed


def deployment_failures(name: str) -> list[str]:
    """Describes the failures of the last operation on a stack, the first one first."""
    failed = [event for event in _last_operation(name) if event["ResourceStatus"].endswith("_FAILED")]
    return [f"{e['LogicalResourceId']}: {e['ResourceStatusReason']}" for e in failed if "ResourceStatusReason" in e][
        ::-1
    ]


def was_queue_name_taken(name: str) -> bool:
    """Tells whether the last operation failed because a queue of the same name had been deleted just before."""
    return any(word in reason for reason in deployment_failures(name) for word in QUEUE_DELETED_RECENTLY)


def _last_operation(name: str) -> Iterator[StackEventTypeDef]:
    """Gives the events of the last operation. CloudFormation lists events newest first."""
    return takewhile(lambda event: not _is_the_start(event), _events(name))


def _events(name: str) -> Iterator[StackEventTypeDef]:
    for page in boto3.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=name):
        yield from page["StackEvents"]


def _is_the_start(event: StackEventTypeDef) -> bool:
    of_the_stack = event["LogicalResourceId"] == event["StackName"]
    return of_the_stack and event["ResourceStatus"] in STARTS


# Deleting


def delete_stack(name: str) -> str | None:
    """Deletes a stack and waits until it is gone. Gives its id; None where there was none. Raises DeploymentError."""
    found = find_stack(name)
    if found is None or found["StackStatus"] == "DELETE_COMPLETE":
        return None
    stack_id = found["StackId"]  # a deleted stack is found by its id only
    client = boto3.client("cloudformation")
    client.delete_stack(StackName=stack_id)
    waiter = client.get_waiter("stack_delete_complete")
    try:
        waiter.wait(StackName=stack_id, WaiterConfig={"Delay": POLL_SECONDS, "MaxAttempts": DEADLINE_SECONDS})
    except WaiterError as error:
        raise DeploymentError(
            "\n".join([f"Stack {name} could not be deleted:", *(f"  {one}" for one in deployment_failures(stack_id))])
        ) from error
    return stack_id


def wait_for_queue_names(stack_id: str, say: Say, sleep: Callable[[float], None] = time.sleep) -> None:
    """Waits until the names of a deleted stack's queues are free again: a minute at most, and mostly not at all."""
    gone = [
        event["Timestamp"]
        for event in _events(stack_id)
        if event["ResourceType"] == QUEUE and event["ResourceStatus"] == "DELETE_COMPLETE"
    ]
    if not gone:
        return
    left = (max(gone) + QUEUE_NAME_TAKEN - datetime.now(UTC)).total_seconds()
    if left > 0:
        wait_for_names(min(left, QUEUE_NAME_TAKEN.total_seconds()) + 1, say, sleep)


def wait_for_names(seconds: float, say: Say, sleep: Callable[[float], None] = time.sleep) -> None:
    """Waits for `seconds`, after printing that the names of deleted queues are still taken."""
    say(f"The names of deleted queues are free again in {seconds:.0f} s (SQS keeps them for a minute): waiting.")
    sleep(seconds)
