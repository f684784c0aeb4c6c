"""The two CloudFormation stacks of a stage: their names, and creating or updating them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError, WaiterError

from chalicelib.settings import LOCAL_STAGES

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import ParameterTypeDef, StackEventTypeDef

CAPABILITIES: Any = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
NOTHING_TO_DO = "No updates are to be performed"
DEADLINE_SECONDS = 30 * 60
FIRST_FAILURES = 3
"""The most failed resources that an error names. Later ones are mostly cancelled because of the first."""
LEFT_OF_A_CREATION = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED")
"""The states of a stack whose creation failed. Such a stack can't be updated, only deleted."""


class DeploymentError(Exception):
    """A deployment failed. The message says why, or where to look."""


def data_stack(stage: str) -> str:
    """Names the stack of tables and queues."""
    return f"cinema-{stage}-data"


def app_stack(stage: str) -> str:
    """Names the stack of functions and their API."""
    return f"cinema-{stage}-app"


def deploy_stack(name: str, said: Mapping[str, str], declared: Mapping[str, Any], **template: str) -> None:
    """Creates or updates a stack with the parameters that are given (`said`), and waits. Raises DeploymentError."""
    client = boto3.client("cloudformation")
    status = _read_status(name)
    if status in LEFT_OF_A_CREATION:
        _delete_stack(name)
    exists = status not in (None, "DELETE_COMPLETE", *LEFT_OF_A_CREATION)
    before = deployed_parameters(name) if exists else None
    keep = said["Stage"] not in LOCAL_STAGES  # on a laptop, those of this `make run` alone count
    values = parameters_for(said, declared, before, keep=keep)
    arguments: Any = {"StackName": name, "Parameters": values, "Capabilities": CAPABILITIES, **template}
    try:
        waiter: Any
        if exists:
            client.update_stack(**arguments)
            waiter = client.get_waiter("stack_update_complete")
        else:
            client.create_stack(**arguments)
            waiter = client.get_waiter("stack_create_complete")
        waiter.wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": DEADLINE_SECONDS})
    except ClientError as error:
        if NOTHING_TO_DO not in str(error):
            raise DeploymentError(f"Stack {name} was not accepted: {error.response['Error']['Message']}") from error
    except WaiterError as error:
        raise DeploymentError(_why_it_failed(name)) from error


def parameters_for(
    said: Mapping[str, str], declared: Mapping[str, Any], before: Mapping[str, str] | None, *, keep: bool
) -> list[ParameterTypeDef]:
    """Makes the parameters of an update. With `keep`, parameters that are not given stay as they are deployed.

    Otherwise CloudFormation would set them to the template's defaults.
    """
    values: list[ParameterTypeDef] = [{"ParameterKey": k, "ParameterValue": v} for k, v in said.items()]
    if before is None or not keep:
        return values
    stays = [name for name in declared if name not in said and name in before]
    values += [{"ParameterKey": name, "UsePreviousValue": True} for name in stays]
    return values


def deployed_parameters(name: str) -> dict[str, str] | None:
    """Reads the parameters of a stack; None where it is not deployed."""
    try:
        found = boto3.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    return {one["ParameterKey"]: one.get("ParameterValue", "") for one in found.get("Parameters", [])}


def outputs_of(name: str) -> dict[str, str]:
    """Reads the outputs of a deployed stack."""
    stack = boto3.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def physical_name(stack: str, logical_name: str) -> str:
    """Reads the name that a resource of a deployed stack has been given."""
    client = boto3.client("cloudformation")
    resource = client.describe_stack_resource(StackName=stack, LogicalResourceId=logical_name)
    return resource["StackResourceDetail"]["PhysicalResourceId"]


def _read_status(name: str) -> str | None:
    """Reads the state of a stack; None where there is none."""
    try:
        return boto3.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise


def _delete_stack(name: str) -> None:
    """Deletes a stack and waits until it is gone."""
    client = boto3.client("cloudformation")
    client.delete_stack(StackName=name)
    client.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 600})


def _why_it_failed(name: str) -> str:
    """Describes the first failures of the last operation. CloudFormation lists its events newest first."""
    events = boto3.client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
    of_this_operation = takewhile(lambda event: not _is_the_start(event), events)
    failures = [event for event in of_this_operation if event["ResourceStatus"].endswith("_FAILED")]
    said = [f"  {e['LogicalResourceId']}: {e['ResourceStatusReason']}" for e in failures if "ResourceStatusReason" in e]
    return "\n".join([f"Stack {name} could not be deployed:", *said[: -FIRST_FAILURES - 1 : -1]])


def _is_the_start(event: StackEventTypeDef) -> bool:
    of_the_stack = event["LogicalResourceId"] == event["StackName"]
    return of_the_stack and event["ResourceStatus"] in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS")
