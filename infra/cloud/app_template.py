"""The template of the functions' stack: our additions to the one that `chalice package` makes.

They are infra/cloud/app.yaml, infra/cloud/domain.yaml, and parts that are made from functions.py and the settings: a
parameter for each setting; for each function its environment, event source mapping and access to Redis; what watches it
all. finishing.py does what remains.
"""

from functools import cache, reduce
from pathlib import Path
from typing import Any

from chalicelib.settings import DEPLOYMENT, PARAMETER, SETTINGS, SSM_PREFIX, STACK, Setting

from .functions import FUNCTIONS, RELAYS_PER_SHARD, SHOWN_FOR, STREAMS_RETRY_FOR, Function, settings_of
from .templates import Template, imported, load, merge, sub
from .watching.resources import watching_of_app

BY_HAND = tuple(Path(__file__).parent / name for name in ("app.yaml", "domain.yaml"))
KEY_OF_EMULATORS = "file:/tmp/cinema-ticket-key"
"""The key of tickets where KMS has none: a file where functions may write. Each container that has its own has a key of
its own, and all are published."""
IF_BOUNDARY = {"Fn::If": ["RolesAreBounded", {"Ref": "PermissionsBoundary"}, {"Ref": "AWS::NoValue"}]}


@cache
def overlay() -> Template:
    """Makes the template that is merged into Chalice's."""
    added = {name: one for function in FUNCTIONS for name, one in _additions_to_function(function).items()}
    made = {
        "Parameters": _parameters(),
        "Resources": merge(added, watching_of_app()),
        "Outputs": {
            "LiveUrl": {"Description": SETTINGS["live_url"].purpose, "Value": _known_to_the_stack()["LIVE_URL"]}
        },
    }
    return reduce(merge, (*map(load, BY_HAND), made))


def parameter_of(variable: str) -> str:
    """Names the stack's parameter for a variable of the environment: HoldSeconds for HOLD_SECONDS."""
    return "".join(part.capitalize() for part in variable.split("_"))


def _parameters() -> Template:
    rows = [setting for setting in SETTINGS.values() if setting.deployed_by == PARAMETER and not setting.secret]
    return {parameter_of(setting.name): _parameter(setting) for setting in rows}


def _parameter(setting: Setting) -> Template:
    """Makes the setting's parameter. A default that depends on the stage is left empty: the function chooses it."""
    default = setting.default if setting.local_default is None else ""
    parameter: Template = {"Type": "String", "Default": default, "Description": setting.purpose}
    if setting.bounds:
        least, most = setting.bounds
        parameter |= {"Type": "Number", "Default": int(default), "MinValue": least, "MaxValue": most}
    if setting.choices:
        parameter["AllowedValues"] = [*([""] if default == "" else []), *setting.choices]
    if setting.pattern:
        parameter["AllowedPattern"] = setting.pattern
    return parameter


def _additions_to_function(function: Function) -> Template:
    properties: Template = {"Environment": {"Variables": _environment(function)}}
    if function.is_asked_by_buyers:
        reserved = {"Fn::If": ["ApiConcurrencyIsReserved", {"Ref": "ApiConcurrency"}, {"Ref": "AWS::NoValue"}]}
        properties["ReservedConcurrentExecutions"] = reserved
    if uses_redis(function):
        properties["VpcConfig"] = _if_redis_is_in_vpc(
            {"SubnetIds": _list_in("RedisSubnets"), "SecurityGroupIds": _list_in("RedisSecurityGroups")}
        )
    mapping = _mapping(function)
    if mapping:
        properties["Events"] = {f"{function.logical_id}{_trigger_kind(function)}EventSource": {"Properties": mapping}}
    boundary = {"PermissionsBoundary": IF_BOUNDARY}
    return {function.logical_id: {"Properties": properties}, f"{function.role_stem}Role": {"Properties": boundary}}


def uses_redis(function: Function) -> bool:
    """Tells whether a function calls Redis. Such a function runs in Redis's VPC, if a VPC is given."""
    return "REDIS_URL" in _environment(function)


def _environment(function: Function) -> Template:
    rows = settings_of(function)
    said = {one.name: _given(one) for one in rows if one.deployed_by in (PARAMETER, DEPLOYMENT)}
    known = _known_to_the_stack()
    return said | {one.name: known[one.name] for one in rows if one.deployed_by == STACK}


OF_THE_USER_POOL = {
    "AUTH_ISSUER": "token-issuer",
    "AUTH_CLIENT_ID": "page-client-id",
    "AUTH_SIGN_IN_URL": "sign-in-url",
}
"""The settings whose default comes from the data stack's user pool, each with the name of the export that has it. A
given issuer is used instead."""


def _given(setting: Setting) -> Template:
    """Gives a setting's value in the template: a parameter, an output of the user pool, or a secret's name in SSM."""
    if setting.secret:
        return sub(f"{SSM_PREFIX}{setting.ssm_parameter_in('${Stage}')}")
    given = {"Ref": parameter_of(setting.name)}
    if setting.name not in OF_THE_USER_POOL:
        return given
    return {"Fn::If": ["UserPoolSignsIn", imported(OF_THE_USER_POOL[setting.name]), given]}


def _known_to_the_stack() -> Template:
    """Gives the variables whose values come from resources: URLs and names of buckets.

    Posts to WebSockets always go to AWS's own address; browsers may open them at another domain.
    """
    at_aws = _url_of_websockets("ws", "wss")
    return {
        "LIVE_URL": {"Fn::If": ["LiveDomainIsOurs", sub("wss://${LiveDomain}"), at_aws]},
        "CONNECTIONS_URL": _url_of_websockets("http", "https"),
        "MAIL_EVENTS": {"Fn::If": ["IsEmulator", "", {"Ref": "MailEvents"}]},
        "TICKET_KEY": {"Fn::If": ["IsEmulator", KEY_OF_EMULATORS, sub("alias/cinema-${Stage}-tickets")]},
        "INVOICES_BUCKET": imported("invoices-bucket"),
        "STREAM_FAILURES_BUCKET": imported("stream-failures-bucket"),
    }


def _url_of_websockets(emulated: str, real: str) -> Template:
    on_emulator = sub(f"{emulated}://${{EmulatorHost}}/_aws/execute-api/${{WebsocketAPI}}/${{Stage}}")
    on_aws = sub(f"{real}://${{WebsocketAPI}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}/${{Stage}}")
    return {"Fn::If": ["IsEmulator", on_emulator, on_aws]}


def _trigger_kind(function: Function) -> str:
    return "Dynamodb" if function.stream else "Sqs"


def _mapping(function: Function) -> Template:
    """Makes the event source mapping, with ReportBatchItemFailures: without it, failed messages would be deleted."""
    if function.relays:
        failures = {"Type": "S3", "Destination": imported("stream-failures-bucket-arn")}
        return {
            "Stream": imported(f"{function.stream}-stream"),
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "BisectBatchOnFunctionError": True,
            "ParallelizationFactor": RELAYS_PER_SHARD,
            "MaximumRetryAttempts": -1,
            "MaximumRecordAgeInSeconds": int(STREAMS_RETRY_FOR.total_seconds()),
            "DestinationConfig": {"OnFailure": failures},
        }
    if function.stream:  # for viewers
        age = int(SHOWN_FOR.total_seconds())
        retries = {"MaximumRetryAttempts": 0, "MaximumRecordAgeInSeconds": age}
        return {"Stream": imported(f"{function.stream}-stream"), **retries}
    if function.consumer:
        scaling = {"MaximumConcurrency": function.consumer.max_concurrency}
        return {"FunctionResponseTypes": ["ReportBatchItemFailures"], "ScalingConfig": scaling}
    return {}


def _if_redis_is_in_vpc(value: Any) -> Template:
    return {"Fn::If": ["RedisIsInVpc", value, {"Ref": "AWS::NoValue"}]}


def _list_in(parameter: str) -> Template:
    return {"Fn::Split": [",", {"Ref": parameter}]}
