"""Deploy a stage to whatever AWS_ENDPOINT_URL points at, AWS itself without it: `python -m infra.cloud.deploy STAGE`.

Two stacks: `cinema-{stage}-data` (stateful.yaml) and `cinema-{stage}-app`, whose template package.py makes.
After each, what the template says is checked against what the endpoint did: some emulators leave a property out.

Settings of a deployment come from the environment: HOLD_SECONDS, MAX_SEATS_PER_HOLD, MAX_LIVE_HOLDS, RATE_LIMITS,
LOG_LEVEL, REDIS_URL, REDIS_SUBNETS, REDIS_SECURITY_GROUPS, THROTTLE_RATE, THROTTLE_BURST, ACCESS_LOG, PAYMENTS_URL,
ALARM_EMAIL, MAIL_FROM, TIME_ZONE, SELLER.
What is not said stays as it is deployed; what is set to nothing (`SELLER= make deploy`) gets the template's default.
Each change is printed before anything is done, and in prod it is asked for; `--yes` answers.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import yaml
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from chalicelib import settings
from chalicelib.settings import DEFAULT_SENDER, LOCAL_STAGES, SettingInvalid
from infra.cloud import data_stack as data
from infra.cloud.package import BUILD, ROOT, PackagingError, check_stage, package

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import ParameterTypeDef, StackEventTypeDef
    from mypy_boto3_ssm import SSMClient

DATA_SETTINGS = {"AlarmEmail": "ALARM_EMAIL"}
APP_SETTINGS = {
    "HoldSeconds": "HOLD_SECONDS",
    "MaxSeatsPerHold": "MAX_SEATS_PER_HOLD",
    "MaxLiveHolds": "MAX_LIVE_HOLDS",
    "SalesEndMinutes": "SALES_END_MINUTES",
    "RateLimits": "RATE_LIMITS",
    "LogLevel": "LOG_LEVEL",
    "RedisUrl": "REDIS_URL",
    "RedisSubnets": "REDIS_SUBNETS",
    "RedisSecurityGroups": "REDIS_SECURITY_GROUPS",
    "ThrottleRate": "THROTTLE_RATE",
    "ThrottleBurst": "THROTTLE_BURST",
    "AccessLog": "ACCESS_LOG",
    "MailFrom": "MAIL_FROM",
    "TimeZone": "TIME_ZONE",
    "Seller": "SELLER",
    "PaymentsProvider": "PAYMENTS_PROVIDER",
    "PaymentsUrl": "PAYMENTS_URL",
    "PaymentsWebhookSecrets": "PAYMENTS_WEBHOOK_SECRETS",
    "PaymentsConfirmedBy": "PAYMENTS_CONFIRMED_BY",
    "StripeSecretKey": "STRIPE_SECRET_KEY",
    "StripePublicKey": "STRIPE_PUBLIC_KEY",
}
"""Stack parameters, and the variables they are taken from."""

PRODUCTION = "prod"
HIDDEN = "****"
"""As CloudFormation shows a parameter that nobody may read back."""
ADDRESS = re.compile(r"[^@\s<>\"]+@[^@\s<>\"]+")
EVENT_HANDLERS = (
    "OnRowChanged",
    "OnRowChangedShow",
    "OnReservationChanged",
    "OnPaymentChanged",
    "OnHoldLapsed",
    "OnEventToAudit",
    "OnEventToAnalytics",
    "OnEventToEmail",
    "OnSaleToInvoice",
    "OnEventToNotification",
    "OnDeliveryToWebhook",
    "OnEventToCache",
    "OnPaymentDue",
    "OnRefundRequested",
)
CAPABILITIES: Any = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
NOTHING_TO_DO = "No updates are to be performed"
NOBODY_FROM_OUTSIDE: Any = dict.fromkeys(
    ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
)
GATEWAY_RESPONSES = "x-amazon-apigateway-gateway-responses"

STACK_DEADLINE_SECONDS = 30 * 60
MAPPING_DEADLINE_SECONDS = 60
FIRST_FAILURES = 3
"""How many failed resources are named; those after them are mostly cancelled because of them."""


class DeploymentError(Exception):
    """A deployment did not work out; the message says what to look at."""


@dataclass(frozen=True)
class AppDeployment:
    """Where the deployed API answers."""

    url: str
    api_id: str
    live_url: str
    """Where browsers open their WebSocket."""


def deploy_data(stage: str) -> None:
    """Create or update the tables, queues and alarms of `stage`, and ask for its sender. Raises DeploymentError."""
    check_settings(os.environ)
    said = _chosen(DATA_SETTINGS, data.declared(), os.environ)
    _deploy_stack(data_stack(stage), {"Stage": stage, **said}, data.declared(), TemplateBody=data.TEMPLATE.read_text())
    for table in ("reservations", "live-holds", "ledger", "viewers"):
        _ensure_expiry_of_items(f"cinema-{stage}-{table}", "ttl")
    _ensure_sender(_sender(stage))
    if stage == PRODUCTION:
        boto3.client("cloudformation").update_termination_protection(
            StackName=data_stack(stage), EnableTerminationProtection=True
        )


def deploy_app(stage: str) -> AppDeployment:
    """Package the functions, upload them, create or update their stack. Raises DeploymentError.

    The data stack must be there: the functions' triggers are imported from it.
    """
    said = app_settings(os.environ)
    made = package(stage, BUILD / stage)
    bucket = _artifacts_bucket()
    archive = _upload(bucket, stage, made.archive)
    template = yaml.safe_load(made.template.read_text())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = {"Bucket": bucket, "Key": archive}
    if _emulator_host():
        _without_socket_deployment(template["Resources"])
    ready = made.template.with_name("app.json")
    ready.write_text(json.dumps(template, sort_keys=True))

    parameters = {
        "Stage": stage,
        "IdSecret": id_secret(stage),
        "EmulatorHost": _emulator_host(),
        **said,
    }
    declared = template["Parameters"]
    _deploy_stack(app_stack(stage), parameters, declared, TemplateURL=_url_of(bucket, _upload(bucket, stage, ready)))

    outputs = _outputs(app_stack(stage))
    api_id = outputs["RestAPIId"]
    _ensure_gateway_responses(api_id, template["Resources"]["RestAPI"]["Properties"])
    return AppDeployment(url=_url_of_api(outputs), api_id=api_id, live_url=outputs["LiveUrl"])


def event_handlers_run(stage: str) -> bool:
    """Whether the endpoint really invokes the deployed functions: one is given an empty batch.

    False where they are not deployed and where the endpoint only keeps their definitions (LocalStack without Docker).
    """
    one_try = Config(retries={"total_max_attempts": 1}, read_timeout=40)
    try:
        name = _physical_name(app_stack(stage), "OnHoldLapsed")
        answer = boto3.client("lambda", config=one_try).invoke(FunctionName=name, Payload=b'{"Records": []}')
    except (ClientError, BotoCoreError):
        return False
    return answer["StatusCode"] == 200 and "FunctionError" not in answer


def set_event_mappings(stage: str, *, enabled: bool) -> None:
    """Start or pause the deployed event handlers; returns when the endpoint says it is done.

    Paused, streams and queues keep what arrives: a pump may feed the handlers instead, or nobody.
    """
    client = boto3.client("lambda")
    wanted = "Enabled" if enabled else "Disabled"
    mappings = [mapping for name in EVENT_HANDLERS for mapping in _mappings_of(stage, name)]
    for uuid in mappings:
        client.update_event_source_mapping(UUID=uuid, Enabled=enabled)
    deadline = time.monotonic() + MAPPING_DEADLINE_SECONDS
    for uuid in mappings:
        while client.get_event_source_mapping(UUID=uuid)["State"] != wanted:
            if time.monotonic() > deadline:
                raise DeploymentError(f"Event source mapping {uuid} did not become {wanted}.")
            time.sleep(0.5)


def id_secret(stage: str, client: SSMClient | None = None) -> str:
    """The key that reservation ids are derived with: made once per stage, kept as an SSM SecureString."""
    client = client or boto3.client("ssm")
    name = f"/cinema/{stage}/id-secret"
    # That it exists is the usual case; asking first would race with another deployment.
    with suppress(client.exceptions.ParameterAlreadyExists):
        client.put_parameter(Name=name, Value=secrets.token_hex(32), Type="SecureString", Overwrite=False)
    return client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]


def data_stack(stage: str) -> str:
    """The name of the stack of tables and queues."""
    return f"cinema-{stage}-data"


def app_stack(stage: str) -> str:
    """The name of the stack of functions and their API."""
    return f"cinema-{stage}-app"


def app_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Parameters of the stack of functions that the environment says. Raises DeploymentError."""
    check_settings(environment)
    said = _chosen(APP_SETTINGS, _declared_by_app(), environment)
    if ("RedisSubnets" in said) != ("RedisSecurityGroups" in said):
        raise DeploymentError("REDIS_SUBNETS and REDIS_SECURITY_GROUPS go together: set both, or neither.")
    return said


def check_settings(environment: Mapping[str, str]) -> None:
    """Refuses what the application would, before anything is deployed or asked of AWS. Raises DeploymentError."""
    names = APP_SETTINGS.values()
    said = {name: environment[name] for name in names if environment.get(name)}
    try:
        settings.load({**said, "STAGE": "local"})
    except SettingInvalid as error:
        raise DeploymentError(str(error)) from error
    alarms = environment.get("ALARM_EMAIL", "")
    if alarms and not ADDRESS.fullmatch(alarms):
        raise DeploymentError(f"ALARM_EMAIL must be an e-mail address without a name, not {alarms!r}.")


def changes(stage: str, environment: Mapping[str, str]) -> list[str]:
    """What a deployment would change of the settings that are deployed, a sentence each. Raises DeploymentError."""
    told = []
    app = app_settings(environment)
    data_said = _chosen(DATA_SETTINGS, data.declared(), environment)
    for stack, said, declared, names in (
        (data_stack(stage), data_said, data.declared(), DATA_SETTINGS),
        (app_stack(stage), app, _declared_by_app(), APP_SETTINGS),
    ):
        before = _deployed_parameters(stack)
        if before is not None:
            told += changed(said, before, declared, names)
    return told


def changed(
    said: Mapping[str, str], before: Mapping[str, str], declared: Mapping[str, Any], names: Mapping[str, str]
) -> list[str]:
    """`HOLD_SECONDS: 60 → 30`. Of what nobody may read back, only that it is said."""
    told = []
    for parameter, value in said.items():
        old = before.get(parameter, str(declared.get(parameter, {}).get("Default", "")))
        if declared.get(parameter, {}).get("NoEcho"):
            told.append(f"{names[parameter]}: set anew (it can't be read back)")
        elif old != value:
            told.append(f"{names[parameter]}: {old or 'nothing'} → {value or 'nothing'}")
    return told


def parameters_for(
    said: Mapping[str, str], declared: Mapping[str, Any], before: Mapping[str, str] | None, *, keep: bool
) -> list[ParameterTypeDef]:
    """What is not said stays as it is deployed: a parameter that is left out would get the template's default."""
    values: list[ParameterTypeDef] = [{"ParameterKey": k, "ParameterValue": v} for k, v in said.items()]
    if before is None or not keep:
        return values
    stays = [name for name in declared if name not in said and name in before]
    values += [{"ParameterKey": name, "UsePreviousValue": True} for name in stays]
    return values


def _chosen(names: dict[str, str], declared: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, str]:
    """By parameter. One that is set to nothing gets the template's default."""
    said = {parameter: environment[name] for parameter, name in names.items() if name in environment}
    return {parameter: value or str(declared[parameter].get("Default", "")) for parameter, value in said.items()}


def _declared_by_app() -> dict[str, Any]:
    declared: dict[str, Any] = yaml.safe_load((ROOT / "infra" / "cloud" / "app.yaml").read_text())["Parameters"]
    return declared


def _deployed_parameters(stack: str) -> dict[str, str] | None:
    """None: it is not deployed."""
    try:
        found = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    return {one["ParameterKey"]: one.get("ParameterValue", "") for one in found.get("Parameters", [])}


def _sender(stage: str) -> str:
    """As it will be: said, else deployed, else the template's."""
    said = os.environ.get("MAIL_FROM")
    if said is not None or stage in LOCAL_STAGES:
        return said or DEFAULT_SENDER
    return (_deployed_parameters(app_stack(stage)) or {}).get("MailFrom") or DEFAULT_SENDER


# Stacks


def _deploy_stack(name: str, said: dict[str, str], declared: Mapping[str, Any], **template: str) -> None:
    client = boto3.client("cloudformation")
    exists = _exists(name)
    before = _deployed_parameters(name) if exists else None
    keep = said["Stage"] not in LOCAL_STAGES  # a laptop's functions have the settings of the `make run` beside them
    values = parameters_for(said, declared, before, keep=keep)
    arguments: Any = {"StackName": name, "Parameters": values, "Capabilities": CAPABILITIES, **template}
    try:
        if exists:
            client.update_stack(**arguments)
            waiter: Any = client.get_waiter("stack_update_complete")
        else:
            client.create_stack(**arguments)
            waiter = client.get_waiter("stack_create_complete")
        waiter.wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": STACK_DEADLINE_SECONDS})
    except ClientError as error:
        if NOTHING_TO_DO not in str(error):
            raise DeploymentError(f"Stack {name} was not accepted: {error.response['Error']['Message']}") from error
    except WaiterError as error:
        raise DeploymentError(_why_it_failed(name)) from error


def _exists(name: str) -> bool:
    """Whether the stack can be updated. What is left of a creation that failed can't; it is removed."""
    client = boto3.client("cloudformation")
    try:
        status = client.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
    except ClientError as error:
        if "does not exist" in str(error):
            return False
        raise
    if status not in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"):
        return status != "DELETE_COMPLETE"
    client.delete_stack(StackName=name)
    client.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 600})
    return False


def _why_it_failed(name: str) -> str:
    """The first failures of the operation that has just ended: events come newest first, back to its start."""
    events = boto3.client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
    of_this_operation = takewhile(lambda event: not _is_the_start(event), events)
    failures = [event for event in of_this_operation if event["ResourceStatus"].endswith("_FAILED")]
    said = [f"  {e['LogicalResourceId']}: {e['ResourceStatusReason']}" for e in failures if "ResourceStatusReason" in e]
    return "\n".join([f"Stack {name} could not be deployed:", *said[: -FIRST_FAILURES - 1 : -1]])


def _is_the_start(event: StackEventTypeDef) -> bool:
    of_the_stack = event["LogicalResourceId"] == event["StackName"]
    return of_the_stack and event["ResourceStatus"] in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS")


def _outputs(name: str) -> dict[str, str]:
    stack = boto3.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def _physical_name(stack: str, logical_name: str) -> str:
    client = boto3.client("cloudformation")
    resource = client.describe_stack_resource(StackName=stack, LogicalResourceId=logical_name)
    return resource["StackResourceDetail"]["PhysicalResourceId"]


def _mappings_of(stage: str, handler: str) -> Iterator[str]:
    function = _physical_name(app_stack(stage), handler)
    for page in boto3.client("lambda").get_paginator("list_event_source_mappings").paginate(FunctionName=function):
        yield from (mapping["UUID"] for mapping in page["EventSourceMappings"])


# Artifacts


def _artifacts_bucket() -> str:
    account = boto3.client("sts").get_caller_identity()["Account"]
    client = boto3.client("s3")
    region = client.meta.region_name
    name = f"cinema-artifacts-{account}-{region}"
    try:
        client.head_bucket(Bucket=name, ExpectedBucketOwner=account)
    except ClientError as error:
        if not _is_missing(error):
            raise DeploymentError(f"Bucket {name} can not be used: {error}") from error
        elsewhere: Any = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        client.create_bucket(Bucket=name, **elsewhere)
        client.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=NOBODY_FROM_OUTSIDE)
    return name


def _upload(bucket: str, stage: str, file: Path) -> str:
    """Store a file under the hash of its contents, once; return its key."""
    contents = file.read_bytes()
    key = f"{stage}/{hashlib.sha256(contents).hexdigest()}{file.suffix}"
    client = boto3.client("s3")
    try:
        client.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if not _is_missing(error):
            raise
        client.put_object(Bucket=bucket, Key=key, Body=contents)
    return key


def _is_missing(error: ClientError) -> bool:
    return error.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def _url_of(bucket: str, key: str) -> str:
    return f"{boto3.client('s3').meta.endpoint_url}/{bucket}/{key}"


# The sender of letters


def _ensure_sender(address: str) -> None:
    """Have SES verify the sender unless it, or its domain, is an identity already.

    An emulator believes at once; AWS writes to the address, and a link in that mail has to be followed. The default
    address is nobody's: AWS is not asked to write to it.
    """
    if address == DEFAULT_SENDER and not os.environ.get("AWS_ENDPOINT_URL"):
        print(f"Letters can't leave: {address} is only for emulators. Set MAIL_FROM to an address of yours.")
        return
    client = boto3.client("ses")
    known = {name for page in client.get_paginator("list_identities").paginate() for name in page["Identities"]}
    if not known & {address, address.rpartition("@")[2]}:
        client.verify_email_identity(EmailAddress=address)


# What a template says, made so where the endpoint left it out


def _ensure_expiry_of_items(table: str, attribute: str) -> None:
    client = boto3.client("dynamodb")
    found = client.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    if found.get("TimeToLiveStatus") not in ("ENABLED", "ENABLING"):
        wanted: Any = {"Enabled": True, "AttributeName": attribute}
        client.update_time_to_live(TableName=table, TimeToLiveSpecification=wanted)


def _ensure_gateway_responses(api_id: str, api: dict[str, Any]) -> None:
    client = boto3.client("apigateway")
    wanted: dict[str, Any] = api["DefinitionBody"][GATEWAY_RESPONSES]
    found = client.get_gateway_responses(restApiId=api_id)["items"]
    missing = {one["responseType"] for one in found if one.get("defaultResponse")} & wanted.keys()
    for response_type in sorted(missing):
        client.put_gateway_response(restApiId=api_id, responseType=response_type, **wanted[response_type])
    if missing:
        client.create_deployment(restApiId=api_id, stageName=api["StageName"])


def _without_socket_deployment(resources: dict[str, Any]) -> None:
    """Emulators know no deployments of WebSocket APIs; their stages deploy by themselves."""
    del resources["WebsocketAPIDeployment"]
    stage = resources["WebsocketAPIStage"]["Properties"]
    del stage["DeploymentId"]
    stage["AutoDeploy"] = True


def _emulator_host() -> str:
    """Of AWS_ENDPOINT_URL; empty on AWS itself."""
    return urlsplit(os.environ.get("AWS_ENDPOINT_URL", "")).netloc


def _url_of_api(outputs: dict[str, str]) -> str:
    """The address the template puts out is on amazonaws.com; an emulator answers below its own."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    if not endpoint:
        return outputs["EndpointURL"].rstrip("/")
    stage_name = outputs["EndpointURL"].rstrip("/").rsplit("/", 1)[-1]
    return f"{endpoint.rstrip('/')}/_aws/execute-api/{outputs['RestAPIId']}/{stage_name}"


def _ask(question: str) -> bool:
    return input(question).strip().lower() in ("y", "yes")


def agree(stage: str, told: Sequence[str], *, sure: bool, at_terminal: bool, ask: Callable[[str], bool] = _ask) -> None:
    """Prints what changes; in prod somebody has to agree. Raises DeploymentError where nobody does."""
    for one in told:
        print(f"  {one}")
    if not told or stage != PRODUCTION or sure:
        return
    if not at_terminal:
        raise DeploymentError("Nothing was deployed: these settings of prod would change. Agree with YES=1 (--yes).")
    if not ask(f"Change {'this' if len(told) == 1 else 'these'} in {stage}? [y/N] "):
        raise DeploymentError("Nothing was deployed.")


def _where() -> str:
    return os.environ.get("AWS_ENDPOINT_URL") or f"AWS in {boto3.Session().region_name or 'no region'}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Deploy both stacks of a stage and print where the API answers."""
    parser = argparse.ArgumentParser(prog="python -m infra.cloud.deploy", description="Deploys a stage.")
    parser.add_argument("stage", metavar="STAGE")
    parser.add_argument("--yes", action="store_true", help="change the settings of prod without asking")
    options = parser.parse_args(arguments)
    stage: str = options.stage
    try:
        check_stage(stage)
        check_settings(os.environ)
        print(f"Deploying {stage} to {_where()}")
        agree(stage, changes(stage, os.environ), sure=options.yes, at_terminal=sys.stdin.isatty())
        deploy_data(stage)
        print(f"{data_stack(stage)}: tables and queues are ready")
        deployment = deploy_app(stage)
    except (DeploymentError, PackagingError) as failure:
        sys.exit(str(failure))
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"{_where()} does not do what is asked: {error}")
    print(f"{app_stack(stage)}: deployed, {deployment.url}")


if __name__ == "__main__":
    main()
