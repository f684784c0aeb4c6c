"""Decides by a stack's state what a deployment does with it: update, repair, or leave it alone and say why.

The states are those of the CloudFormation User Guide, "Stack status codes"; what each allows is in its
"Troubleshooting".
"""

from __future__ import annotations

import time
from collections.abc import Callable

import boto3
from botocore.exceptions import WaiterError

from .stacks import (
    DEADLINE_SECONDS,
    POLL_SECONDS,
    DeploymentError,
    Say,
    delete_stack,
    deployment_failures,
    read_status,
    wait_for_queue_names,
)

LEFT_OF_A_CREATION = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED")
"""The states of a stack whose creation failed. Such a stack has never been in use, and can only be deleted."""
NOT_YET_A_STACK = (None, "REVIEW_IN_PROGRESS")
"""The states before a stack exists: none, or the empty stack of a change set that was never executed."""

SENTENCES = {
    "ROLLBACK_COMPLETE": "The creation was rolled back. `make deploy` removes what is left of it and begins anew.",
    "UPDATE_ROLLBACK_COMPLETE": "It was rolled back: what was deployed before is in use.",
    "UPDATE_ROLLBACK_FAILED": "The roll-back failed, too. Mend what it names and deploy again: that continues the"
    " roll-back first. To leave a resource out of it: `aws cloudformation continue-update-rollback --stack-name {name}"
    " --resources-to-skip LOGICAL_ID`.",
    "UPDATE_FAILED": "It was left as it failed: `aws cloudformation rollback-stack --stack-name {name}`, then deploy"
    " again.",
    "DELETE_FAILED": "Its deletion was begun and failed: `make teardown STAGE=…` ends it; then deploy again.",
}
"""The remedy for each state. {name} stands for the stack's."""


def explain(name: str, status: str | None) -> str:
    """Gives a sentence that tells people what to do about a stack in that state."""
    if status in LEFT_OF_A_CREATION:
        status = "ROLLBACK_COMPLETE"
    if status in SENTENCES:
        return SENTENCES[status].format(name=name)
    if status and status.endswith("_IN_PROGRESS"):
        return f"Stack {name} is {status}: somebody is deploying it, or AWS is. Wait for the end, then deploy again."
    return f"Stack {name} is {status or 'gone'}."


def make_stack_updatable(name: str, say: Say, sleep: Callable[[float], None] = time.sleep) -> bool:
    """Brings a stack into a state that allows a change set. True if the stack has to be created.

    Deletes a stack whose creation failed, and continues a failed rollback. Raises DeploymentError, with the remedy, in
    any other state that allows no update.
    """
    status = read_status(name)
    if status in NOT_YET_A_STACK:
        return True
    if status in LEFT_OF_A_CREATION:
        _remove_failed_creation(name, say, sleep)
        return True
    if status == "UPDATE_ROLLBACK_FAILED":
        _continue_rollback(name, say)
        status = read_status(name)
    if not status or not status.endswith("_COMPLETE"):
        raise DeploymentError(f"Stack {name} can not be deployed: it is {status}. {explain(name, status)}")
    return False


def _remove_failed_creation(name: str, say: Say, sleep: Callable[[float], None]) -> None:
    say(f"{name}: its creation failed; removing what is left of it")
    stack_id = delete_stack(name)
    if stack_id:
        wait_for_queue_names(stack_id, say, sleep)


def _continue_rollback(name: str, say: Say) -> None:
    """Continues a roll-back to the version deployed before, which is safe. Raises DeploymentError."""
    say(f"{name}: its last roll-back failed; continuing it")
    client = boto3.client("cloudformation")
    client.continue_update_rollback(StackName=name)
    try:
        client.get_waiter("stack_rollback_complete").wait(
            StackName=name, WaiterConfig={"Delay": POLL_SECONDS, "MaxAttempts": DEADLINE_SECONDS}
        )
    except WaiterError as error:
        reasons = [f"  {one}" for one in deployment_failures(name)]
        raise DeploymentError(
            "\n".join([f"Stack {name} could not be rolled back:", *reasons, explain(name, read_status(name))])
        ) from error
