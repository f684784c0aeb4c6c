"""Reads a deployment's settings from the environment, as parameters of the stacks, and lists what they would change.

Parameters come from the table in chalicelib/settings.py. Those for the deployment alone are in stateful.yaml and
app.yaml, by hand. Each is set by the variable of its name: HOLD_SECONDS for HoldSeconds.
"""

import re
from collections.abc import Mapping
from typing import Any

from chalicelib import settings
from chalicelib.settings import EMAIL_ADDRESS_PATTERN, SettingInvalid
from infra.cloud import app_template as app
from infra.cloud import data_template as data

from .secrets import GIVEN
from .stacks import DeploymentError

SAID_BY_DEPLOYING = ("Stage", "EdgeSecret", "EmulatorHost", "Emulated")
"""The parameters that infra/cloud/deploy.py sets itself. No environment variable sets them."""

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


TOGETHER = (("RedisSubnets", "RedisSecurityGroups"), ("Domain", "Certificate"), ("LiveDomain", "LiveCertificate"))
"""The parameters of the functions' stack that must be given together or not at all."""


def data_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Gives the parameters of the data stack that the environment sets. Raises DeploymentError."""
    check_settings(environment)
    return _chosen(DATA_SETTINGS, data_parameters(), environment)


def app_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Gives the parameters of the functions' stack that the environment sets. Raises DeploymentError."""
    check_settings(environment)
    said = _chosen(APP_SETTINGS, app_parameters(), environment)
    _check_addresses(said)
    for one, other in TOGETHER:
        if (one in said) != (other in said):
            raise DeploymentError(f"{APP_SETTINGS[one]} and {APP_SETTINGS[other]} go together: set both, or neither.")
    return said


def wants_traces(said: Mapping[str, str], before: Mapping[str, str] | None) -> bool:
    """Tells whether the functions will have TRACES on, and so need OpenTelemetry's packages.

    A setting that is not given (`said`) stays as deployed (`before`). Raises DeploymentError if no collector is set.
    """
    known = {**(before or {}), **said}
    if known.get("Traces") != "on":
        return False
    if not known.get("OtelExporterOtlpEndpoint"):
        raise DeploymentError("TRACES is on, so OTEL_EXPORTER_OTLP_ENDPOINT must be the URL of a collector.")
    return True


def check_settings(environment: Mapping[str, str], stage: str = "local") -> None:
    """Checks the settings as the application does in the stage, before anything is deployed. Raises DeploymentError."""
    names = (*APP_SETTINGS.values(), *GIVEN)
    said = {name: environment[name] for name in names if environment.get(name)}
    try:
        settings.load({**said, "STAGE": stage})
    except SettingInvalid as error:
        raise DeploymentError(str(error)) from error
    _check_choices({**data_parameters(), **app_parameters()}, environment)
    alarms = environment.get("ALARM_EMAIL", "")
    if alarms and not re.fullmatch(EMAIL_ADDRESS_PATTERN, alarms):
        raise DeploymentError(f"ALARM_EMAIL must be an e-mail address without a name, not {alarms!r}.")


def keeps_deployed_settings(stage: str) -> bool:
    """Tells whether settings that are not given keep their deployed values. False on a laptop."""
    return stage not in settings.LOCAL_STAGES


def _check_addresses(said: Mapping[str, str]) -> None:
    if said.get("Domain") and said.get("Domain") == said.get("LiveDomain"):
        raise DeploymentError("LIVE_DOMAIN must be another than DOMAIN: API Gateway takes no REST API with WebSockets.")
    certificate = said.get("Certificate", "")
    if said.get("Edge") == "on" and certificate and ":acm:us-east-1:" not in certificate:
        raise DeploymentError("CERTIFICATE must be one of us-east-1 with EDGE=on: CloudFront takes no other.")


def _check_choices(declared: Mapping[str, Any], environment: Mapping[str, str]) -> None:
    for parameter, variable in {**DATA_SETTINGS, **APP_SETTINGS}.items():
        choices, value = declared[parameter].get("AllowedValues"), environment.get(variable)
        if value and choices and value not in choices:
            raise DeploymentError(f"{variable} must be {' or '.join(filter(None, choices))}, not {value!r}.")


def changes_of_stack(
    said: Mapping[str, str], before: Mapping[str, str], declared: Mapping[str, Any], names: Mapping[str, str]
) -> list[str]:
    """Describes each change of a setting, such as `HOLD_SECONDS: 60 → 30`. Hides the values of secrets.

    Parameters that the deployment sets by itself are left out: `names` does not have them.
    """
    sentences = []
    for parameter, value in said.items():
        if parameter not in names:
            continue
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
