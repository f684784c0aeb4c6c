"""CloudFormation as AWS documents it, before an emulator's, which is kinder: a behaviour of an endpoint.

- SQS refuses a queue's name for 60 s after its deletion (`QueueDeletedRecently`: CreateQueue in the SQS API Reference),
  so a stack whose queues have such names is rolled back;
- DeleteTable is refused under deletion protection ("Working with deletion protection" in the DynamoDB Developer Guide),
  so a stack with such a table ends as DELETE_FAILED, and a creation that failed as ROLLBACK_FAILED;
- a stack whose creation failed can only be deleted ("Stack status codes" in the CloudFormation User Guide).

A parameter that is left out takes the template's default on the emulator, too: test_emulator.py.
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

import boto3

from .endpoint import Call, Forward, Reply
from .errors import QUEUE_DELETED_RECENTLY

NAME_TAKEN_SECONDS = 60
STATUS = re.compile(rb"<StackStatus>[^<]*</StackStatus>")
EVENTS = b"<StackEvents>"
NAME_TAKEN = (
    'Resource handler returned message: "You must wait 60 seconds after deleting a queue before you can create another '
    'with the same name. (Service: Sqs, Status Code: 400)" (HandlerErrorCode: GeneralServiceException)'
)
PROTECTED = (
    'Resource handler returned message: "Resource cannot be deleted as it is currently protected against deletion. '
    'Disable deletion protection first. (Service: DynamoDb, Status Code: 400)" (HandlerErrorCode: NotUpdatable)'
)


@dataclass
class Strict:
    """The behaviour. `fail_next` is the reason for which the next creation of a stack fails, after its resources."""

    emulator: str
    now: Callable[[], float] = time.monotonic
    fail_next: str = ""
    states: dict[str, tuple[str, str]] = field(default_factory=dict)
    """The states of stacks that are in another one here than at the emulator, each with its reason."""
    deleted: dict[str, float] = field(default_factory=dict)
    """When each queue was deleted, by its name."""

    def __call__(self, call: Call, forward: Forward) -> Reply:
        rules: Mapping[tuple[str, str], Callable[[Call, Forward], Reply]] = {
            ("sqs", "CreateQueue"): self._create_queue,
            ("sqs", "DeleteQueue"): self._delete_queue,
            ("cloudformation", "CreateStack"): self._create_stack,
            ("cloudformation", "ExecuteChangeSet"): self._execute_change_set,
            ("cloudformation", "DeleteStack"): self._delete_stack,
            ("cloudformation", "DescribeStacks"): self._describe_stacks,
            ("cloudformation", "DescribeStackEvents"): self._describe_events,
        }
        rule = rules.get((call.service, call.operation))
        return rule(call, forward) if rule else forward(call)

    # Queues

    def _create_queue(self, call: Call, forward: Forward) -> Reply:
        return QUEUE_DELETED_RECENTLY if self._is_taken(call.json["QueueName"]) else forward(call)

    def _delete_queue(self, call: Call, forward: Forward) -> Reply:
        self.deleted[call.json["QueueUrl"].rpartition("/")[2]] = self.now()
        return forward(call)

    def _is_taken(self, queue: str) -> bool:
        return queue in self.deleted and self.now() - self.deleted[queue] < NAME_TAKEN_SECONDS

    # Stacks

    def _create_stack(self, call: Call, forward: Forward) -> Reply:
        reply = forward(call)
        self._judge_creation(call.form["StackName"])
        return reply

    def _execute_change_set(self, call: Call, forward: Forward) -> Reply:
        named = {name: call.form[name] for name in ("ChangeSetName", "StackName") if name in call.form}
        stack = self._client("cloudformation").describe_change_set(**named)["StackName"]
        creates = self._status(stack) == "REVIEW_IN_PROGRESS"
        reply = forward(call)
        if creates:
            self._judge_creation(stack)
        return reply

    def _judge_creation(self, stack: str) -> None:
        """Fails a creation at the emulator's success, where AWS fails it."""
        while self._status(stack).endswith("_IN_PROGRESS"):
            time.sleep(0.05)
        taken = any(self._is_taken(queue) for queue in self._resources(stack, "AWS::SQS::Queue"))
        reason = NAME_TAKEN if taken else self.fail_next
        self.fail_next = ""
        if reason:
            state = "ROLLBACK_FAILED" if self._find_protected_tables(stack) else "ROLLBACK_COMPLETE"
            self.states[stack] = (state, reason)

    def _delete_stack(self, call: Call, forward: Forward) -> Reply:
        stack = _name_in(call.form["StackName"])
        if self._find_protected_tables(stack):
            self.states[stack] = ("DELETE_FAILED", PROTECTED)
            return Reply(200, (("Content-Type", "text/xml"),), b"<DeleteStackResponse/>")
        self.deleted |= dict.fromkeys(self._resources(stack, "AWS::SQS::Queue"), self.now())
        self.states.pop(stack, None)
        return forward(call)

    def _describe_stacks(self, call: Call, forward: Forward) -> Reply:
        reply, state = forward(call), self.states.get(_name_in(call.form.get("StackName", "")))
        if state is None:
            return reply
        body = STATUS.sub(f"<StackStatus>{state[0]}</StackStatus>".encode(), reply.body)
        return Reply(reply.status, reply.headers, body)

    def _describe_events(self, call: Call, forward: Forward) -> Reply:
        """Tells of the failure before all that the emulator tells: the newest events come first."""
        reply, stack = forward(call), _name_in(call.form["StackName"])
        if stack not in self.states:
            return reply
        state, reason = self.states[stack]
        told = _event(stack, stack, state) + _event(stack, "RowsTable", "CREATE_FAILED", reason)
        return Reply(reply.status, reply.headers, reply.body.replace(EVENTS, EVENTS + told.encode(), 1))

    # What the emulator has

    def _client(self, service: Any) -> Any:
        return boto3.client(service, endpoint_url=self.emulator)

    def _status(self, stack: str) -> str:
        return str(self._client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"])

    def _resources(self, stack: str, kind: str) -> list[str]:
        """Gives the names of a stack's resources of this type."""
        client = self._client("cloudformation")
        pages = client.get_paginator("list_stack_resources").paginate(StackName=stack)
        found = [one for page in pages for one in page["StackResourceSummaries"] if one["ResourceType"] == kind]
        return [one["PhysicalResourceId"].rpartition("/")[2] for one in found if "PhysicalResourceId" in one]

    def _find_protected_tables(self, stack: str) -> list[str]:
        client = self._client("dynamodb")
        tables = self._resources(stack, "AWS::DynamoDB::Table")
        return [one for one in tables if client.describe_table(TableName=one)["Table"].get("DeletionProtectionEnabled")]


def _name_in(named: str) -> str:
    """Gives the name of a stack from its name or its ARN."""
    return named.split("/")[1] if named.startswith("arn:") else named


def _event(stack: str, logical_id: str, status: str, reason: str = "") -> str:
    said = f"<ResourceStatusReason>{escape(reason)}</ResourceStatusReason>" if reason else ""
    return (
        f"<member><EventId>{logical_id}-{status}</EventId><StackId>{stack}</StackId><StackName>{stack}</StackName>"
        f"<LogicalResourceId>{logical_id}</LogicalResourceId><ResourceType>AWS::SQS::Queue</ResourceType>"
        f"<Timestamp>2026-11-27T01:37:20Z</Timestamp><ResourceStatus>{status}</ResourceStatus>{said}</member>"
    )
