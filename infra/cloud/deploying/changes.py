"""Change sets: what a deployment would change in a stack, in words, before it changes it.

    create ──► describe ──► agree ──► execute ──► wait
                  └─ nothing to change: delete it

See the CloudFormation User Guide, "Update CloudFormation stacks using change sets", and the API reference of
ResourceChange for the words Add, Modify, Remove, and Replacement.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError, WaiterError

from .stacks import DEADLINE_SECONDS, FIRST_FAILURES, POLL_SECONDS, DeploymentError, deployment_failures, read_status
from .states import explain

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import DescribeChangeSetOutputTypeDef, ParameterTypeDef

CAPABILITIES: Any = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
NOTHING_TO_CHANGE = ("didn't contain changes", "No updates are to be performed")
"""The reason that CloudFormation gives for a change set that would change nothing."""

KEEP_DATA = {
    "AWS::DynamoDB::Table",
    "AWS::S3::Bucket",
    "AWS::SQS::Queue",
    "AWS::Logs::LogGroup",
}
"""The types of resources that contain data. A plan names their removal or replacement first, as a loss of data."""
VERBS = {"Add": "add", "Modify": "modify", "Remove": "remove", "Import": "import", "Dynamic": "may change"}
LOUD = "!!!"
FIRST_ADDED = 12
"""The largest number of resources that the plan of a new stack names one by one. If there are more, it counts them by
type."""


class RolledBackError(DeploymentError):
    """A change set failed while it was executed. CloudFormation has rolled it back, or tried to."""


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """One line of a change set."""

    action: str
    logical_id: str
    kind: str
    replacement: str = "False"

    @property
    def replaces(self) -> bool:
        return self.action == "Modify" and self.replacement in ("True", "Conditional")

    @property
    def loses_data(self) -> bool:
        return self.kind in KEEP_DATA and (self.action == "Remove" or self.replaces)

    def __str__(self) -> str:
        may = "may " if self.replacement == "Conditional" else ""
        verb = f"{may}replace" if self.replaces else VERBS.get(self.action, self.action)
        said = f"{verb} {self.logical_id} ({self.kind})"
        if not self.loses_data:
            return said
        cost = "a new one begins empty" if self.replaces else "what is in it is lost"
        return f"{LOUD} {verb.upper()} {self.logical_id} ({self.kind}): {cost}"


@dataclass(frozen=True, slots=True)
class Plan:
    """The changes that a deployment would make in one stack."""

    stack: str
    is_new: bool
    settings: Sequence[str] = ()
    """The settings that would change, a sentence each."""
    resources: Sequence[ResourceChange] = ()

    @property
    def lines(self) -> list[str]:
        """Describes the plan: first the loss of data, then settings, then resources by kind of change."""
        resources = sorted(self.resources, key=lambda one: (not one.loses_data, one.action, one.logical_id))
        if self.is_new and len(resources) > FIRST_ADDED:
            counted = sorted(Counter(one.kind for one in resources).items())
            return [*self.settings, *(f"add {number} × {kind}" for kind, number in counted)]
        loud = [str(one) for one in resources if one.loses_data]
        return [*loud, *self.settings, *(str(one) for one in resources if not one.loses_data)]


@dataclass(frozen=True, slots=True)
class WantedStack:
    """A stack as a deployment wants it."""

    name: str
    parameters: Sequence[ParameterTypeDef]
    template: Mapping[str, str]
    """TemplateBody or TemplateURL."""
    settings: Sequence[str] = field(default=())
    """The settings that change, a sentence each."""


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """A change set that is ready to be executed."""

    arn: str
    plan: Plan

    def execute(self) -> None:
        """Executes the change set and waits. CloudFormation rolls a failure back. Raises RolledBackError."""
        client, name = boto3.client("cloudformation"), self.plan.stack
        try:
            # Said, because the API reference gives True as the default of a change set.
            client.execute_change_set(ChangeSetName=self.arn, StackName=name, DisableRollback=False)
            waiter: Any = client.get_waiter("stack_create_complete" if self.plan.is_new else "stack_update_complete")
            waiter.wait(StackName=name, WaiterConfig={"Delay": POLL_SECONDS, "MaxAttempts": DEADLINE_SECONDS})
        except ClientError as error:
            raise _not_accepted(name, error.response["Error"]["Message"]) from error
        except WaiterError as error:
            raise RolledBackError(_why_it_failed(name)) from error

    def discard(self) -> None:
        """Deletes the change set, and the empty stack that the change set of a creation leaves."""
        _discard(boto3.client("cloudformation"), self.plan.stack, self.arn)


def prepare(wanted: WantedStack, *, is_new: bool) -> ChangeSet | None:
    """Creates a change set. Gives None, and leaves no change set, if nothing would change. Raises DeploymentError."""
    client, name = boto3.client("cloudformation"), wanted.name
    arguments: Any = {"Parameters": wanted.parameters, "Capabilities": CAPABILITIES, **wanted.template}
    try:
        made = client.create_change_set(
            StackName=name,
            ChangeSetName=f"deploy-{time.time_ns()}",
            ChangeSetType="CREATE" if is_new else "UPDATE",
            **arguments,
        )
    except ClientError as error:
        raise _not_accepted(name, error.response["Error"]["Message"]) from error
    arn = made["Id"]
    refusal = _wait_until_made(client, name, arn)
    if refusal is None:
        return ChangeSet(arn, Plan(name, is_new, wanted.settings, _read_changes(client, name, arn)))
    _discard(client, name, arn)
    if any(words in refusal for words in NOTHING_TO_CHANGE):
        return None
    raise _not_accepted(name, refusal)


def _wait_until_made(client: CloudFormationClient, name: str, arn: str) -> str | None:
    """Waits for a change set. Gives CloudFormation's reason where it could not be made."""
    try:
        client.get_waiter("change_set_create_complete").wait(
            StackName=name, ChangeSetName=arn, WaiterConfig={"Delay": POLL_SECONDS, "MaxAttempts": DEADLINE_SECONDS}
        )
    except WaiterError as error:
        found: Mapping[str, Any] = error.last_response
        return str(found.get("StatusReason") or error)
    return None


def _read_changes(client: CloudFormationClient, name: str, arn: str) -> list[ResourceChange]:
    pages: Any = client.get_paginator("describe_change_set").paginate(StackName=name, ChangeSetName=arn)
    return [_change_from(one["ResourceChange"]) for page in pages for one in _changes(page) if "ResourceChange" in one]


def _changes(page: DescribeChangeSetOutputTypeDef) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Any] = page.get("Changes", ())
    return found


def _change_from(found: Mapping[str, Any]) -> ResourceChange:
    return ResourceChange(
        found["Action"], found["LogicalResourceId"], found["ResourceType"], found.get("Replacement") or "False"
    )


def _discard(client: CloudFormationClient, name: str, arn: str) -> None:
    client.delete_change_set(ChangeSetName=arn, StackName=name)
    if read_status(name) == "REVIEW_IN_PROGRESS":
        client.delete_stack(StackName=name)


def _not_accepted(name: str, reason: str) -> DeploymentError:
    return DeploymentError(f"Stack {name} was not accepted: {' '.join(reason.split())}")


def _why_it_failed(name: str) -> str:
    """Describes the first failures of the last operation, and in which state the stack is left."""
    said = [f"  {one}" for one in deployment_failures(name)[:FIRST_FAILURES]]
    return "\n".join([f"Stack {name} could not be deployed:", *said, explain(name, read_status(name))])
