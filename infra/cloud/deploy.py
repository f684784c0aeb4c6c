"""Deploys a stage to the endpoint at AWS_ENDPOINT_URL, without it to AWS: `python -m infra.cloud.deploy STAGE`.

Two stacks: `cinema-{stage}-data` (data_template.py) and `cinema-{stage}-app`, whose template package.py makes.
Some emulators leave properties of a template out: deploying/repairs.py sets them afterwards.

    data stack ──► its protection ──► package ──► app stack ──► canary purchase
    each stack: change set ─► said ─► in prod agreed to ─► executed, or rolled back by CloudFormation

Settings of a deployment come from the environment: docs/settings.md has all of them. A setting that is not given stays
as it is deployed. One that is set to nothing (`SELLER= make deploy`) gets the template's default. Each change is
printed before anything is done. In prod somebody has to agree to it, or the option `--yes` is given.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.settings import DEFAULT_SENDER, LOCAL_STAGES
from infra.processes import say

from . import data_template as data
from .dependencies import BUILD, PackagingError
from .deploying import artifacts, canary, repairs, sign_in
from .deploying.parameters import (
    APP_SETTINGS,
    DATA_SETTINGS,
    app_settings,
    check_settings,
    data_parameters,
    data_settings,
    wants_traces,
)
from .deploying.review import PRODUCTION, PrintedReview, Review, no_review
from .deploying.secrets import Secrets, current_secret
from .deploying.stacks import DeploymentError, app_stack, data_stack, deployed_parameters, outputs_of, where
from .deploying.states import make_stack_updatable
from .deploying.update import StackTemplate, deploy_stack
from .package import Package, check_stage, package
from .templates import as_body, load_long_forms

PROTECTION = "PROTECTION"


@dataclass(frozen=True)
class AppDeployment:
    """The addresses of a deployed API."""

    url: str
    """API Gateway's own, which always answers."""
    api_id: str
    live_url: str
    """The address for browsers' WebSockets."""
    address: str
    """The address for people: the stage's domain, or CloudFront's, if it has one."""


def deploy_data(stage: str, review: Review = no_review, sleep: Callable[[float], None] = time.sleep) -> None:
    """Creates or updates the stage's tables, queues and alarms, and has SES verify its sender. Raises DeploymentError.

    Deletion protection of the tables follows a successful creation: CloudFormation could not roll back protected ones.
    """
    emulated = "yes" if _emulator_host() else "no"
    said = {"Stage": stage, "Emulated": emulated, **data_settings(os.environ), **_protection(stage, os.environ)}
    template = StackTemplate({"TemplateBody": as_body(data.template_of(stage))}, data_parameters(), DATA_SETTINGS)
    name = data_stack(stage)
    is_new = make_stack_updatable(name, say, sleep)
    first = {**said, "Protection": "off"} if is_new else said
    deploy_stack(name, first, template, review, sleep)
    if said != first:
        deploy_stack(name, said, template)
    repairs.ensure_ttl(stage)
    repairs.ensure_sender(_sender(stage))
    if "Protection" in said:
        boto3.client("cloudformation").update_termination_protection(
            StackName=name, EnableTerminationProtection=said["Protection"] == "on"
        )


def deploy_app(stage: str, review: Review = no_review) -> AppDeployment:
    """Packages and uploads the functions, and creates or updates their stack. Raises DeploymentError.

    Needs the deployed data stack, whose exports name the functions' triggers.
    """
    said = app_settings(os.environ)
    traces = wants_traces(said, deployed_parameters(app_stack(stage)))
    template = _upload(stage, package(stage, BUILD / stage, traces=traces))
    ours = {"Stage": stage, "EdgeSecret": _store_secrets(stage, review), "EmulatorHost": _emulator_host()}
    deploy_stack(app_stack(stage), {**ours, **said}, template.at_s3, review)
    return _finish(stage, template.contents)


@dataclass(frozen=True)
class UploadedTemplate:
    contents: dict[str, Any]
    at_s3: StackTemplate


def _upload(stage: str, made: Package) -> UploadedTemplate:
    """Uploads the functions' code, and the template that names it."""
    bucket = artifacts.ensure_bucket()
    template = _template_with_code(made, bucket, artifacts.upload(bucket, stage, made.archive))
    url = artifacts.url_of(bucket, artifacts.upload(bucket, stage, _write_template(template, made.template)))
    return UploadedTemplate(template, StackTemplate({"TemplateURL": url}, template["Parameters"], APP_SETTINGS))


def _finish(stage: str, template: Mapping[str, Any]) -> AppDeployment:
    """Finishes a deployment by calls that the template can't make. Gives the addresses."""
    outputs = outputs_of(app_stack(stage))
    api_id = outputs["RestAPIId"]
    repairs.ensure_secrets_are_readable(app_stack(stage))
    repairs.ensure_gateway_responses(api_id, template["Resources"]["RestAPI"]["Properties"])
    own_url = _url_of_api(outputs)
    address = own_url if _emulator_host() else outputs["Address"].rstrip("/")
    sign_in.allow_sign_in_callbacks(stage, {own_url, address})
    return AppDeployment(url=own_url, api_id=api_id, live_url=outputs["LiveUrl"], address=address)


def _store_secrets(stage: str, review: Review) -> str:
    """Stores the given secrets, and makes those that nobody gives. Gives the one that CloudFront shows the API."""
    secrets = Secrets.of(stage)
    shown = current_secret(secrets.ensure_made()["EDGE_SECRET"])
    secrets.take(os.environ, review)
    return shown


def _protection(stage: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Gives the parameter of protection: prod is protected after each deployment for which "off" is not said."""
    said = environment.get(PROTECTION) or ("on" if stage == PRODUCTION else "")
    return {"Protection": said} if said else {}


def _template_with_code(made: Package, bucket: str, archive: str) -> dict[str, Any]:
    template = load_long_forms(made.template)
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = {"Bucket": bucket, "Key": archive}
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


def _deploy(stage: str, review: Review) -> AppDeployment:
    check_stage(stage)
    check_settings(os.environ, stage)
    say(f"Deploying {stage} to {where()}")
    deploy_data(stage, review)
    say(f"{data_stack(stage)}: tables and queues are ready")
    deployment = deploy_app(stage, review)
    say(f"{app_stack(stage)}: deployed\n  page and API  {deployment.address}/\n  WebSockets    {deployment.live_url}")
    if deployment.address != deployment.url:
        say(f"  API Gateway   {deployment.url}/")
    return deployment


def main(arguments: Sequence[str] | None = None) -> None:
    """Deploys both stacks of a stage, prints the API's address, and makes the canary purchase."""
    parser = argparse.ArgumentParser(prog="python -m infra.cloud.deploy", description="Deploys a stage.")
    parser.add_argument("stage", metavar="STAGE")
    parser.add_argument("--yes", action="store_true", help="change prod without asking")
    options = parser.parse_args(arguments)
    stage: str = options.stage
    review = PrintedReview(stage, sure=options.yes, at_terminal=sys.stdin.isatty(), say=say)
    try:
        wanted = canary.is_canary_on(os.environ)
        deployment = _deploy(stage, review)
        if wanted:
            canary.buy_and_undo(stage, deployment.url)
    except (DeploymentError, PackagingError) as failure:
        sys.exit(str(failure))
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"{where()} does not do what is asked: {error}")


if __name__ == "__main__":
    main()
