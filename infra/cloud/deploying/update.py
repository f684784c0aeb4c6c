"""Creates or updates a stack by a change set. First repairs what a failed deployment left, if that is safe."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.processes import say

from .changes import Plan, RolledBackError, WantedStack, prepare
from .parameters import changes_of_stack, keeps_deployed_settings
from .review import Review, no_review
from .stacks import (
    QUEUE_NAME_TAKEN,
    DeploymentError,
    deployed_parameters,
    wait_for_names,
    was_queue_name_taken,
)
from .states import make_stack_updatable

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import ParameterTypeDef

ATTEMPTS = 2
"""The number of attempts. The second is for a creation that failed because names of deleted queues were still taken."""


@dataclass(frozen=True, slots=True)
class StackTemplate:
    """A template, by its text or its address, with its declared parameters."""

    body: Mapping[str, str]
    """TemplateBody or TemplateURL."""
    parameters: Mapping[str, Any]
    settings: Mapping[str, str]
    """The variable that sets each parameter, but for those that the deployment sets by itself."""


def deploy_stack(
    name: str,
    said: Mapping[str, str],
    template: StackTemplate,
    review: Review = no_review,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Creates or updates a stack with the parameters that are given (`said`), and waits. Raises DeploymentError."""
    for attempt in range(1, ATTEMPTS + 1):
        is_new = make_stack_updatable(name, say, sleep)
        wanted = _want(name, said, template, None if is_new else deployed_parameters(name))
        try:
            _change(wanted, is_new, review if attempt == 1 else no_review)
        except RolledBackError:
            if attempt == ATTEMPTS or not (is_new and was_queue_name_taken(name)):
                raise
            wait_for_names(QUEUE_NAME_TAKEN.total_seconds(), say, sleep)
        else:
            return


def _want(name: str, said: Mapping[str, str], template: StackTemplate, before: Mapping[str, str] | None) -> WantedStack:
    changed = [] if before is None else changes_of_stack(said, before, template.parameters, template.settings)
    return WantedStack(name, parameters_for(said, template.parameters, before), template.body, changed)


def _change(wanted: WantedStack, is_new: bool, review: Review) -> None:
    change_set = prepare(wanted, is_new=is_new)
    if change_set is None:
        review(Plan(wanted.name, is_new))
        return
    try:
        review(change_set.plan)
    except DeploymentError:
        change_set.discard()
        raise
    change_set.execute()


def parameters_for(
    said: Mapping[str, str], declared: Mapping[str, Any], before: Mapping[str, str] | None
) -> list[ParameterTypeDef]:
    """Makes the parameters of an update. Those that are not given stay as they are deployed, but for a laptop's.

    Otherwise CloudFormation would set them to the template's defaults.
    """
    values: list[ParameterTypeDef] = [{"ParameterKey": k, "ParameterValue": v} for k, v in said.items()]
    if before is None or not keeps_deployed_settings(said["Stage"]):
        return values
    stays = [name for name in declared if name not in said and name in before]
    return [*values, *({"ParameterKey": name, "UsePreviousValue": True} for name in stays)]  # type: ignore[list-item]
