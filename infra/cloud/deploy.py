"""Deploys a stage to the endpoint at AWS_ENDPOINT_URL, without it to AWS: `python -m infra.cloud.deploy STAGE`.

Two stacks: `cinema-{stage}-data` (data_template.py) and `cinema-{stage}-app`, whose template package.py makes.
Some emulators leave properties of a template out: repairs.py sets them afterwards.

Settings of a deployment come from the environment: docs/settings.md has all of them. A setting that is not given stays
as it is deployed. One that is set to nothing (`SELLER= make deploy`) gets the template's default. Each change is
printed before anything is done. In prod somebody has to agree to it, or the option `--yes` is given.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import yaml
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.settings import DEFAULT_SENDER, LOCAL_STAGES

from . import artifacts, repairs, sign_in
from . import data_template as data
from .dependencies import BUILD, PackagingError
from .package import Package, check_stage, package
from .parameters import app_settings, check_settings, data_parameters, data_settings, list_setting_changes
from .stacks import DeploymentError, app_stack, data_stack, deploy_stack, deployed_parameters, outputs_of
from .templates import dump

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

PRODUCTION = "prod"


@dataclass(frozen=True)
class AppDeployment:
    """The addresses of a deployed API."""

    url: str
    api_id: str
    live_url: str
    """The address for browsers' WebSockets."""


def deploy_data(stage: str) -> None:
    """Creates or updates the stage's tables, queues and alarms, and has its sender verified. Raises DeploymentError."""
    said = data_settings(os.environ)
    template = dump(data.template())
    deploy_stack(data_stack(stage), {"Stage": stage, **said}, data_parameters(), TemplateBody=template)
    repairs.ensure_expiry_of_items(stage)
    repairs.ensure_sender(_sender(stage))
    if stage == PRODUCTION:
        boto3.client("cloudformation").update_termination_protection(
            StackName=data_stack(stage), EnableTerminationProtection=True
        )


def deploy_app(stage: str) -> AppDeployment:
    """Packages the functions, uploads them, creates or updates their stack. Raises DeploymentError.

    The data stack must be there: the functions' triggers are imported from it.
    """
    said = app_settings(os.environ)
    made = package(stage, BUILD / stage)
    bucket = artifacts.ensure_bucket()
    template = _template_with_code(made, bucket, artifacts.upload(bucket, stage, made.archive))
    template_url = artifacts.url_of(bucket, artifacts.upload(bucket, stage, _write_template(template, made.template)))
    ours = {"Stage": stage, "IdSecret": id_secret(stage), "EmulatorHost": _emulator_host()}
    deploy_stack(app_stack(stage), {**ours, **said}, template["Parameters"], TemplateURL=template_url)

    outputs = outputs_of(app_stack(stage))
    api_id = outputs["RestAPIId"]
    repairs.ensure_gateway_responses(api_id, template["Resources"]["RestAPI"]["Properties"])
    url = _url_of_api(outputs)
    sign_in.allow_page(stage, url)
    return AppDeployment(url=url, api_id=api_id, live_url=outputs["LiveUrl"])


def id_secret(stage: str, client: SSMClient | None = None) -> str:
    """Gives the key that reservation ids are derived with. Makes it once for each stage, as an SSM SecureString."""
    client = client or boto3.client("ssm")
    name = f"/cinema/{stage}/id-secret"
    # Usually it exists already. Asking first would race with another deployment.
    with suppress(client.exceptions.ParameterAlreadyExists):
        client.put_parameter(Name=name, Value=secrets.token_hex(32), Type="SecureString", Overwrite=False)
    return client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]


def _template_with_code(made: Package, bucket: str, archive: str) -> dict[str, Any]:
    template: dict[str, Any] = yaml.safe_load(made.template.read_text())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = {"Bucket": bucket, "Key": archive}
    if _emulator_host():
        repairs.remove_socket_deployment(template["Resources"])
    return template


def _write_template(template: dict[str, Any], beside: Path) -> Path:
    ready = beside.with_name("app.json")
    ready.write_text(json.dumps(template, sort_keys=True))
    return ready


def _sender(stage: str) -> str:
    """Gives the sender after this deployment: the one that is set, else the deployed one, else the template's."""
    said = os.environ.get("MAIL_FROM")
    if said is not None or stage in LOCAL_STAGES:
        return said or DEFAULT_SENDER
    return (deployed_parameters(app_stack(stage)) or {}).get("MailFrom") or DEFAULT_SENDER


def _emulator_host() -> str:
    """Gives the host of AWS_ENDPOINT_URL; empty on AWS itself."""
    return urlsplit(os.environ.get("AWS_ENDPOINT_URL", "")).netloc


def _url_of_api(outputs: dict[str, str]) -> str:
    """Gives the API's address. The stack's output names amazonaws.com, but an emulator answers below its own host."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    if not endpoint:
        return outputs["EndpointURL"].rstrip("/")
    stage_name = outputs["EndpointURL"].rstrip("/").rsplit("/", 1)[-1]
    return f"{endpoint.rstrip('/')}/_aws/execute-api/{outputs['RestAPIId']}/{stage_name}"


def _ask(question: str) -> bool:
    return input(question).strip().lower() in ("y", "yes")


def require_agreement(
    stage: str, changes: Sequence[str], *, sure: bool, at_terminal: bool, ask: Callable[[str], bool] = _ask
) -> None:
    """Prints the changes. In prod asks somebody to agree, and raises DeploymentError where nobody does."""
    for one in changes:
        print(f"  {one}")
    if not changes or stage != PRODUCTION or sure:
        return
    if not at_terminal:
        raise DeploymentError("Nothing was deployed: these settings of prod would change. Agree with YES=1 (--yes).")
    if not ask(f"Change {'this' if len(changes) == 1 else 'these'} in {stage}? [y/N] "):
        raise DeploymentError("Nothing was deployed.")


def _where() -> str:
    return os.environ.get("AWS_ENDPOINT_URL") or f"AWS in {boto3.Session().region_name or 'no region'}"


def _deploy(stage: str, *, sure: bool) -> AppDeployment:
    check_stage(stage)
    check_settings(os.environ)
    print(f"Deploying {stage} to {_where()}")
    require_agreement(stage, list_setting_changes(stage, os.environ), sure=sure, at_terminal=sys.stdin.isatty())
    deploy_data(stage)
    print(f"{data_stack(stage)}: tables and queues are ready")
    return deploy_app(stage)


def main(arguments: Sequence[str] | None = None) -> None:
    """Deploys both stacks of a stage and prints where the API answers."""
    parser = argparse.ArgumentParser(prog="python -m infra.cloud.deploy", description="Deploys a stage.")
    parser.add_argument("stage", metavar="STAGE")
    parser.add_argument("--yes", action="store_true", help="change the settings of prod without asking")
    options = parser.parse_args(arguments)
    stage: str = options.stage
    try:
        deployment = _deploy(stage, sure=options.yes)
    except (DeploymentError, PackagingError) as failure:
        sys.exit(str(failure))
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"{_where()} does not do what is asked: {error}")
    print(f"{app_stack(stage)}: deployed, {deployment.url}")


if __name__ == "__main__":
    main()
