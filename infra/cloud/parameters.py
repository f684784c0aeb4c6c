"""Reads a deployment's settings from the environment, as parameters of the stacks, and lists what they would change.

Parameters come from the table in chalicelib/settings.py. Those for the deployment alone are in stateful.yaml and
app.yaml, by hand. Each is set by the variable of its name: HOLD_SECONDS for HoldSeconds.
"""

import re
from collections.abc import Mapping
from typing import Any

from chalicelib import settings
from chalicelib.settings import ADDRESS, SettingInvalid

from . import app_template as app
from . import data_template as data
from .stacks import DeploymentError, app_stack, data_stack, deployed_parameters

SAID_BY_DEPLOYING = ("Stage", "IdSecret", "EmulatorHost")
"""The parameters that infra/cloud/deploy.py sets by itself, not from variables."""

HIDDEN = "****"
"""The text that CloudFormation gives instead of a secret parameter's value."""


def data_parameters() -> dict[str, Any]:
    """Gives the parameters of the data stack's template, by name."""
    declared: dict[str, Any] = data.template()["Parameters"]
    return declared


def app_parameters() -> dict[str, Any]:
    """Gives the parameters of the functions' template, by name."""
    declared: dict[str, Any] = app.overlay()["Parameters"]
    return declared


def variable_of(parameter: str) -> str:
    """Names the variable that sets a parameter: HOLD_SECONDS for HoldSeconds."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", parameter).upper()


def _variables_of(declared: Mapping[str, Any]) -> dict[str, str]:
    return {name: variable_of(name) for name in declared if name not in SAID_BY_DEPLOYING}


DATA_SETTINGS = _variables_of(data_parameters())
APP_SETTINGS = _variables_of(app_parameters())
"""The variable that sets each parameter of the functions' stack. DATA_SETTINGS has those of the data stack."""


def data_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Gives the parameters of the data stack that the environment sets. Raises DeploymentError."""
    check_settings(environment)
    return _chosen(DATA_SETTINGS, data_parameters(), environment)


def app_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Gives the parameters of the functions' stack that the environment sets. Raises DeploymentError."""
    check_settings(environment)
    said = _chosen(APP_SETTINGS, app_parameters(), environment)
    if ("RedisSubnets" in said) != ("RedisSecurityGroups" in said):
        raise DeploymentError("REDIS_SUBNETS and REDIS_SECURITY_GROUPS go together: set both, or neither.")
    return said


def check_settings(environment: Mapping[str, str], stage: str = "local") -> None:
    """Checks the settings as the application does in the stage, before anything is deployed. Raises DeploymentError."""
    said = {name: environment[name] for name in APP_SETTINGS.values() if environment.get(name)}
    try:
        settings.load({**said, "STAGE": stage})
    except SettingInvalid as error:
        raise DeploymentError(str(error)) from error
    alarms = environment.get("ALARM_EMAIL", "")
    if alarms and not re.fullmatch(ADDRESS, alarms):
        raise DeploymentError(f"ALARM_EMAIL must be an e-mail address without a name, not {alarms!r}.")


def list_setting_changes(stage: str, environment: Mapping[str, str]) -> list[str]:
    """Lists the settings that a deployment would change, a sentence each. Raises DeploymentError."""
    check_settings(environment, stage)
    sentences = []
    for stack, said, declared, variables in (
        (data_stack(stage), data_settings(environment), data_parameters(), DATA_SETTINGS),
        (app_stack(stage), app_settings(environment), app_parameters(), APP_SETTINGS),
    ):
        before = deployed_parameters(stack)
        if before is not None:
            sentences += changes_of_stack(said, before, declared, variables)
    return sentences


def changes_of_stack(
    said: Mapping[str, str], before: Mapping[str, str], declared: Mapping[str, Any], names: Mapping[str, str]
) -> list[str]:
    """Describes each change, such as `HOLD_SECONDS: 60 → 30`. Hides the values of secrets."""
    sentences = []
    for parameter, value in said.items():
        old = before.get(parameter, str(declared.get(parameter, {}).get("Default", "")))
        if declared.get(parameter, {}).get("NoEcho"):
            sentences.append(f"{names[parameter]}: set anew (it can't be read back)")
        elif old != value:
            sentences.append(f"{names[parameter]}: {old or 'nothing'} → {value or 'nothing'}")
    return sentences


def _chosen(
    variables: Mapping[str, str], declared: Mapping[str, Any], environment: Mapping[str, str]
) -> dict[str, str]:
    """Gives the values of the variables that are set, by parameter. An empty one gives the template's default."""
    said = {parameter: environment[name] for parameter, name in variables.items() if name in environment}
    return {parameter: value or str(declared[parameter].get("Default", "")) for parameter, value in said.items()}
