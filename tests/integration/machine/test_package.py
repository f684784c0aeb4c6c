"""What is shipped, and what its template asks of AWS: checked without deploying it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.utils import canonicalize_name

from chalicelib.api.http.answers import ONLY_BY_HTTPS, SNIFF_NOTHING
from chalicelib.api.http.errors import ERROR_ROWS_BY_CODE
from chalicelib.api.http.messages import error_message
from chalicelib.api.http.methods import METHODS
from chalicelib.api.wire.languages import ENGLISH
from chalicelib.application.board import QUEUES
from chalicelib.application.relay import SENDS_TO
from chalicelib.domain.consumers import PAYMENTS, TICKETS, WEBHOOKS
from chalicelib.infrastructure.dynamodb.events.webhooks import SUBSCRIBER_ATTRIBUTES
from chalicelib.infrastructure.dynamodb.tables import TABLES
from chalicelib.infrastructure.payments.stripe_gateway import StripeGateway
from chalicelib.precompiled import FILE_NAME
from chalicelib.settings import load
from infra.cloud import data_template
from infra.cloud.dependencies import AWS_SERVICES, LICENCES, PackagingError
from infra.cloud.deploying.artifacts import NOBODY_FROM_OUTSIDE
from infra.cloud.deploying.parameters import app_settings
from infra.cloud.deploying.secrets import SECRETS
from infra.cloud.deploying.stacks import DeploymentError
from infra.cloud.functions import FUNCTIONS, Function
from infra.cloud.generate import APP_SNAPSHOT, COMMAND, app_snapshot
from infra.cloud.package import LOCK, Package, package
from infra.cloud.permissions import policy
from infra.cloud.templates import load_long_forms
from infra.local.pump import RETRIED_FOR
from infra.processes import ROOT
from tests.builders import a_reservation
from tests.effort import thorough
from tests.stripe_server import PUBLIC_KEY, SECRET_KEY, stripe_server

STREAM_HANDLERS = {function.logical_id: function.stream for function in FUNCTIONS if function.relays}
QUEUE_HANDLERS = {function.logical_id for function in FUNCTIONS if function.consumer}
SCHEDULED_HANDLERS = {"OnReconciliationDue"}
LIVE_HANDLERS = {"OnRowChangedShow", "WebsocketMessage", "WebsocketDisconnect"}
"""They report nothing as failed: what could not be shown at once is not worth showing later."""
UNCHECKED_HASH = 1
"""The flags in a .pyc: it is found by hash, and its source is never looked at."""

Template = dict[str, Any]


@pytest.fixture(scope="module")
def made(prod_package: Package) -> Package:
    return prod_package


@pytest.fixture(scope="module")
def resources(made: Package) -> Template:
    found: Template = load_long_forms(made.template)["Resources"]
    return found


@pytest.fixture(scope="module")
def contents(made: Package) -> dict[str, bytes]:
    with zipfile.ZipFile(made.archive) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def data() -> Template:
    return data_template.template()


def _functions(resources: Template) -> dict[str, Template]:
    functions = {name: r["Properties"] for name, r in resources.items() if r["Type"] == "AWS::Serverless::Function"}
    assert functions.keys() == {"APIHandler", *QUEUE_HANDLERS, *STREAM_HANDLERS, *LIVE_HANDLERS, *SCHEDULED_HANDLERS}
    return functions


def _mapping(function: Template) -> Template:
    (event,) = function["Events"].values()
    found: Template = event["Properties"]
    return found


def _of_type(template: Template, kind: str) -> dict[str, Template]:
    return {name: r["Properties"] for name, r in template["Resources"].items() if r["Type"] == kind}


# The template


def test_no_event_handler_loses_the_records_it_reports_as_failed(resources: Template) -> None:
    functions = _functions(resources)
    for name in (*QUEUE_HANDLERS, *STREAM_HANDLERS):
        assert _mapping(functions[name])["FunctionResponseTypes"] == ["ReportBatchItemFailures"], name


def test_what_viewers_are_shown_begins_with_now_and_is_never_shown_late(resources: Template) -> None:
    mapping = _mapping(_functions(resources)["OnRowChangedShow"])
    assert mapping["Stream"] == {"Fn::ImportValue": {"Fn::Sub": "cinema-${Stage}-rows-stream"}}
    assert mapping["StartingPosition"] == "LATEST"
    assert (mapping["MaximumRetryAttempts"], mapping["MaximumRecordAgeInSeconds"]) == (0, 60)


def test_stream_handlers_start_at_the_oldest_record_and_give_up_on_bad_ones_where_someone_sees_it(
    resources: Template, data: Template
) -> None:
    exports = {one["Export"]["Name"]["Fn::Sub"] for one in data["Outputs"].values() if "Export" in one}
    for name, table in STREAM_HANDLERS.items():
        mapping = _mapping(_functions(resources)[name])
        stream = mapping["Stream"]["Fn::ImportValue"]["Fn::Sub"]
        failures = mapping["DestinationConfig"]["OnFailure"]["Destination"]["Fn::ImportValue"]["Fn::Sub"]
        assert stream == f"cinema-${{Stage}}-{table}-stream"
        assert {stream, failures} <= exports
        assert mapping["StartingPosition"] == "TRIM_HORIZON"
        assert mapping["BisectBatchOnFunctionError"] is True


def test_a_shard_is_relayed_as_fast_as_it_can_be_written(resources: Template) -> None:
    """Lambda keeps the order within a partition key; who shows changes to viewers shares their posts' quota: one."""
    for name in STREAM_HANDLERS:
        assert _mapping(_functions(resources)[name])["ParallelizationFactor"] == 10, name
    assert "ParallelizationFactor" not in _mapping(_functions(resources)["OnRowChangedShow"])


def test_an_outage_costs_a_stream_time_only(resources: Template) -> None:
    """Retries are over in seconds; what counts is a record's age. The pump keeps the same promise."""
    for name in STREAM_HANDLERS:
        mapping = _mapping(_functions(resources)[name])
        assert mapping["MaximumRetryAttempts"] == -1, name
        assert mapping["MaximumRecordAgeInSeconds"] == RETRIED_FOR.total_seconds() == 12 * 3600, name


def test_what_a_stream_gives_up_does_not_go_where_it_could_not_be_sent(resources: Template, data: Template) -> None:
    (output,) = (one for one in data["Outputs"].values() if "bucket-arn" in str(one.get("Export")))
    assert output["Value"] == {"Fn::GetAtt": "StreamFailuresBucket.Arn"}
    for name in STREAM_HANDLERS:
        destination = _mapping(_functions(resources)[name])["DestinationConfig"]["OnFailure"]
        assert destination == {"Type": "S3", "Destination": {"Fn::ImportValue": output["Export"]["Name"]}}, name


LEAST_MAXIMUM = 2
"""AWS takes no MaximumConcurrency below it: "Configuring scaling behavior for SQS event source mappings", Lambda."""
USUAL_ACCOUNT = 1000
"""Concurrent executions of an account: "Lambda quotas", Lambda Developer Guide."""


def test_no_backlog_of_a_queue_takes_the_functions_that_buyers_need(resources: Template) -> None:
    functions = _functions(resources)
    most = [_mapping(functions[name])["ScalingConfig"]["MaximumConcurrency"] for name in QUEUE_HANDLERS]

    assert min(most) >= LEAST_MAXIMUM
    assert sum(most) < USUAL_ACCOUNT / 10
    assert _mapping(functions["OnEventToEmail"])["ScalingConfig"]["MaximumConcurrency"] == LEAST_MAXIMUM


def test_room_is_kept_for_the_api_where_that_is_asked_for_and_nowhere_by_default(
    made: Package, resources: Template
) -> None:
    """A new account can't reserve any: a deployment that tried would fail."""
    kept = {"Fn::If": ["ApiConcurrencyIsReserved", {"Ref": "ApiConcurrency"}, {"Ref": "AWS::NoValue"}]}
    reserving = {name for name, one in _functions(resources).items() if "ReservedConcurrentExecutions" in one}
    template = load_long_forms(made.template)

    assert reserving == {"APIHandler"}
    assert _functions(resources)["APIHandler"]["ReservedConcurrentExecutions"] == kept
    assert template["Parameters"]["ApiConcurrency"]["Default"] == 0
    assert template["Conditions"]["ApiConcurrencyIsReserved"] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": "ApiConcurrency"}, "0"]}]
    }


def test_functions_have_memory_and_answer_before_api_gateway_gives_up(resources: Template) -> None:
    for name, function in _functions(resources).items():
        assert function["MemorySize"] == 1024, name
        assert function["Runtime"] == f"python{sys.version_info[0]}.{sys.version_info[1]}", name
        assert function["Timeout"] == {"APIHandler": 29, "OnReconciliationDue": 300}.get(name, 30), name


def test_a_message_stays_hidden_for_six_times_as_long_as_its_handler_may_take(
    resources: Template, data: Template
) -> None:
    handler = _functions(resources)["OnHoldLapsed"]
    assert _mapping(handler)["Queue"]["Fn::Sub"].endswith(":cinema-prod-expiry")
    expiry = data["Resources"]["Expiry"]["Properties"]
    assert expiry["QueueName"] == {"Fn::Sub": "cinema-${Stage}-expiry"}
    assert expiry["VisibilityTimeout"] >= 6 * handler["Timeout"]


def test_the_functions_that_ask_redis_and_no_others_are_where_it_is(resources: Template) -> None:
    in_vpc = {
        name: function["VpcConfig"] for name, function in _functions(resources).items() if "VpcConfig" in function
    }
    assert in_vpc.keys() == {"APIHandler", "OnEventToCache"}
    subnets, groups = ({"Fn::Split": [",", {"Ref": name}]} for name in ("RedisSubnets", "RedisSecurityGroups"))
    for config in in_vpc.values():
        assert config == _if_in_vpc({"SubnetIds": subnets, "SecurityGroupIds": groups})
    assert {role for role in _roles(resources) if NETWORK in resources[role]["Properties"].get("Policies", [])} == {
        "ApiHandlerRole",
        "OnEventToCacheRole",
    }


NETWORK = {
    "Fn::If": [
        "RedisIsInVpc",
        {
            "PolicyName": "Network",
            "PolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": [
                            "ec2:AssignPrivateIpAddresses",
                            "ec2:CreateNetworkInterface",
                            "ec2:DeleteNetworkInterface",
                            "ec2:DescribeNetworkInterfaces",
                            "ec2:DescribeSubnets",
                            "ec2:UnassignPrivateIpAddresses",
                        ],
                        "Resource": "*",
                    }
                ],
            },
        },
        {"Ref": "AWS::NoValue"},
    ]
}
"""AWSLambdaVPCAccessExecutionRole without its rights on logs (AWS Managed Policy Reference)."""


def _roles(resources: Template) -> list[str]:
    return [name for name, resource in resources.items() if resource["Type"] == "AWS::IAM::Role"]


def test_no_function_may_make_a_log_group_before_cloudformation_does(made: Package) -> None:
    assert "logs:CreateLogGroup" not in made.template.read_text()
    assert "AWSLambdaVPCAccessExecutionRole" not in made.template.read_text()


def test_every_role_is_within_the_boundary_if_one_is_said(resources: Template) -> None:
    for role in _roles(resources):
        assert resources[role]["Properties"]["PermissionsBoundary"] == {
            "Fn::If": ["RolesAreBounded", {"Ref": "PermissionsBoundary"}, {"Ref": "AWS::NoValue"}]
        }, role


def test_changed_routes_of_websockets_are_deployed(resources: Template) -> None:
    """A deployment of Chalice's keeps its logical id, so that CloudFormation never makes another."""
    stage = resources["WebsocketAPIStage"]["Properties"]
    assert (stage["AutoDeploy"], "DeploymentId" in stage) == (True, False)
    assert "AWS::ApiGatewayV2::Deployment" not in {resource["Type"] for resource in resources.values()}


def _if_in_vpc(value: object) -> Template:
    return {"Fn::If": ["RedisIsInVpc", value, {"Ref": "AWS::NoValue"}]}


def test_subnets_of_redis_without_its_security_groups_are_refused_before_anything_is_deployed() -> None:
    both = {"REDIS_SUBNETS": "subnet-1,subnet-2", "REDIS_SECURITY_GROUPS": "sg-1"}
    assert app_settings(both) == {"RedisSubnets": "subnet-1,subnet-2", "RedisSecurityGroups": "sg-1"}
    for name in both:
        with pytest.raises(DeploymentError, match="go together"):
            app_settings({name: both[name]})


USERS = {
    "ID_SECRET": {
        "APIHandler",
        "OnEmailReturned",
        "OnEventToCache",
        "OnEventToEmail",
        "OnPaymentDue",
        "OnReconciliationDue",
        "OnRefundRequested",
    },
    "EDGE_SECRET": {"APIHandler"},
    "REDIS_URL": {"APIHandler", "OnEventToCache"},
    "PAYMENTS_WEBHOOK_SECRETS": {"APIHandler"},
    "STRIPE_SECRET_KEY": {"APIHandler", "OnReconciliationDue", "OnRefundRequested"},
    "OTEL_EXPORTER_OTLP_HEADERS": {function.logical_id for function in FUNCTIONS},
}
"""The functions that derive, hash or sign with each secret, or call whom it opens."""


@pytest.mark.parametrize("variable", USERS)
def test_a_secret_is_known_to_the_functions_that_use_it_and_no_others(resources: Template, variable: str) -> None:
    """By name: its value is in SSM. Each may read those that it is given, and no others."""
    name = SECRETS[variable].ssm_parameter_in("${Stage}")
    for function, properties in _functions(resources).items():
        variables, may_read = properties["Environment"]["Variables"], _secrets_of(resources, function)
        if function in USERS[variable]:
            assert variables[variable] == {"Fn::Sub": f"ssm:{name}"}, function
            assert name in may_read, function
        else:
            assert variable not in variables, function
            assert name not in may_read, function
        assert variables["STAGE"] == "prod", function


def _secrets_of(resources: Template, function: str) -> set[str]:
    allowed = {(action, arn.rpartition(":parameter")[2]) for action, arn in _allowed(resources, function)}
    return {name for action, name in allowed if action == "ssm:GetParameters"}


@thorough
def test_no_secret_of_who_packages_is_in_the_template_or_the_archive(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    canaries = {name: f"canary-{number}-of-who-deploys" for number, name in enumerate(SECRETS)}
    for name, canary in canaries.items():
        monkeypatch.setenv(name, canary)

    made = package("prod", tmp_path)

    template = made.template.read_text()
    with zipfile.ZipFile(made.archive) as archive:
        shipped = b"".join(archive.read(name) for name in archive.namelist())
    assert SECRETS.keys() == USERS.keys()
    assert [name for name, canary in canaries.items() if canary in template or canary.encode() in shipped] == []


def test_what_cloudfront_shows_is_the_only_parameter_that_is_a_secret(made: Package) -> None:
    """Its template takes no reference to an encrypted parameter there: "Using dynamic references", CloudFormation."""
    template = load_long_forms(made.template)
    hidden = {name for name, parameter in template["Parameters"].items() if parameter.get("NoEcho")}

    assert hidden == {"EdgeSecret"}
    assert "EdgeSecret" not in json.dumps(template["Outputs"])
    used = [name for name, one in template["Resources"].items() if "EdgeSecret" in json.dumps(one)]
    assert {template["Resources"][name]["Type"] for name in used} == {"AWS::CloudFront::Distribution"}


def test_every_log_group_belongs_to_a_function_and_ends(resources: Template) -> None:
    groups = [r["Properties"] for r in resources.values() if r["Type"] == "AWS::Logs::LogGroup"]
    named = {group["LogGroupName"]["Fn::Sub"] for group in groups}
    assert named == {REQUESTS, *(f"/aws/lambda/${{{name}}}" for name in _functions(resources))}
    assert all(group["RetentionInDays"] for group in groups)


REQUESTS = "/cinema/${Stage}/requests"
"""The log group of API Gateway."""


def test_requests_are_logged_as_long_as_what_functions_say_of_them(resources: Template) -> None:
    stages = json.loads((ROOT / ".chalice" / "config.json").read_text())["stages"]
    kept = {name: stage["log_retention_in_days"] for name, stage in stages.items()}
    group = resources["AccessLogGroup"]
    assert group["Properties"]["LogGroupName"] == {"Fn::Sub": REQUESTS}
    assert group["Properties"]["RetentionInDays"] == {"Fn::If": ["IsProduction", kept["prod"], kept["dev"]]}


def test_the_log_of_requests_is_json_and_names_nobody(resources: Template) -> None:
    condition, setting, otherwise = resources["RestAPI"]["Properties"]["AccessLogSetting"]["Fn::If"]
    assert (condition, otherwise) == ("RequestsAreLogged", {"Ref": "AWS::NoValue"})
    assert setting["DestinationArn"] == {"Fn::GetAtt": ["AccessLogGroup", "Arn"]}
    assert "\n" not in setting["Format"]
    told = set(json.loads(setting["Format"]).values())
    assert {"$context.requestId", "$context.resourcePath", "$context.status"} <= told
    assert not told & {"$context.path", "$context.identity.sourceIp", "$context.identity.user"}


def test_the_role_that_logs_requests_is_the_accounts_and_stays_with_it(resources: Template) -> None:
    role, account = resources["ApiGatewayLogRole"], resources["ApiGatewayAccount"]
    for one in (role, account):
        assert (one["Condition"], one["DeletionPolicy"], one["UpdateReplacePolicy"]) == (
            "LogRoleIsMade",
            "Retain",
            "Retain",
        )
    assert account["Properties"] == {"CloudWatchRoleArn": {"Fn::GetAtt": ["ApiGatewayLogRole", "Arn"]}}
    (tag,) = resources["AccessLogGroup"]["Properties"]["Tags"]  # what is logged into exists after who may log
    assert tag["Value"] == {"Fn::If": ["LogRoleIsMade", {"Ref": "ApiGatewayAccount"}, {"Ref": "AccessLog"}]}


def test_one_stage_never_takes_all_requests_that_the_account_has(made: Package, resources: Template) -> None:
    (every_method,) = resources["RestAPI"]["Properties"]["MethodSettings"]
    assert every_method == {
        "ResourcePath": "/*",
        "HttpMethod": "*",
        "ThrottlingRateLimit": {"Ref": "ThrottleRate"},
        "ThrottlingBurstLimit": {"Ref": "ThrottleBurst"},
    }
    parameters = load_long_forms(made.template)["Parameters"]
    of_an_account = {"ThrottleRate": 10_000, "ThrottleBurst": 5_000}
    assert all(parameters[name]["Default"] < most for name, most in of_an_account.items())


def test_the_edge_keeps_what_cache_control_allows_and_nothing_else(resources: Template) -> None:
    """CloudFront Developer Guide, "Manage how long content stays in the cache": with a minimum and a default of 0 s
    an answer without an age is asked for each time, and no-store and private are never kept."""
    policy = resources["EdgeCache"]["Properties"]["CachePolicyConfig"]
    assert (policy["MinTTL"], policy["DefaultTTL"]) == (0, 0)
    key = policy["ParametersInCacheKeyAndForwardedToOrigin"]
    assert {"Accept-Language", "Authorization"} <= set(key["HeadersConfig"]["Headers"]), "nobody gets somebody else's"
    assert key["QueryStringsConfig"] == {"QueryStringBehavior": "all"}
    distribution = resources["Distribution"]["Properties"]["DistributionConfig"]
    assert distribution.get("CacheBehaviors", []) == [], "one rule for every path"
    behaviour = distribution["DefaultCacheBehavior"]
    assert set(behaviour["CachedMethods"]) == {"GET", "HEAD"}
    assert {"POST", "DELETE"} <= set(behaviour["AllowedMethods"])
    assert behaviour["CachePolicyId"] == {"Ref": "EdgeCache"}
    assert behaviour["OriginRequestPolicyId"] == EVERY_HEADER_BUT_HOST
    assert behaviour["ViewerProtocolPolicy"] == "redirect-to-https"
    errors = {error["ErrorCode"]: error["ErrorCachingMinTTL"] for error in distribution["CustomErrorResponses"]}
    assert errors == dict.fromkeys(KEPT_BY_ITSELF, 0)


EVERY_HEADER_BUT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
"""AllViewerExceptHostHeader: Idempotency-Key among them ("Use managed origin request policies")."""
KEPT_BY_ITSELF = (400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504)
"""The errors that CloudFront keeps for 10 s if nobody says otherwise ("How CloudFront caches HTTP 4xx and 5xx")."""


def test_a_stage_without_domain_and_edge_has_none_of_their_resources(made: Package, resources: Template) -> None:
    parameters = load_long_forms(made.template)["Parameters"]
    assert [parameters[name]["Default"] for name in ("Domain", "LiveDomain", "HostedZone", "Edge")] == [
        "",
        "",
        "",
        "off",
    ]
    conditions = {
        "ApiDomain": "DomainIsRegional",
        "ApiDomainMapping": "DomainIsRegional",
        "LiveDomainName": "LiveDomainIsOurs",
        "LiveDomainMapping": "LiveDomainIsOurs",
        "DomainRecord": "DomainGetsRecord",
        "LiveDomainRecord": "LiveDomainGetsRecord",
        "EdgeCache": "EdgeIsOn",
        "Distribution": "EdgeIsOn",
    }
    assert {name: resources[name]["Condition"] for name in conditions} == conditions


def test_the_apis_stage_is_at_the_root_of_its_domain(resources: Template) -> None:
    assert "BasePath" not in resources["ApiDomainMapping"]["Properties"]
    assert resources["ApiDomainMapping"]["Properties"]["Stage"] == {"Ref": "RestAPI.Stage"}
    origin = resources["Distribution"]["Properties"]["DistributionConfig"]["Origins"][0]
    assert origin["OriginPath"] == {"Fn::Sub": "/${Stage}"}
    assert origin["OriginCustomHeaders"] == [{"HeaderName": "X-Edge-Secret", "HeaderValue": {"Ref": "EdgeSecret"}}]


def test_a_new_stage_is_one_line_of_configuration(tmp_path: Path) -> None:
    stages = json.loads((ROOT / ".chalice" / "config.json").read_text())["stages"]
    assert all(stage.keys() == {"log_retention_in_days"} for stage in stages.values())
    with pytest.raises(PackagingError, match=re.escape('add the line "staging": {"log_retention_in_days": 14} to')):
        package("staging", tmp_path)


def test_errors_of_api_gateway_itself_have_the_contracts_form(resources: Template) -> None:
    responses = _definition(resources)["x-amazon-apigateway-gateway-responses"]
    for name, response in responses.items():
        body = json.loads(response["responseTemplates"]["application/json"])
        assert body["error"] == body["error"].upper(), name
        assert body["message"] == error_message(body["error"], body, ENGLISH), name
        headers = {name.rpartition(".")[2]: value for name, value in response["responseParameters"].items()}
        safe = {name: f"'{value}'" for name, value in (SNIFF_NOTHING | ONLY_BY_HTTPS).items()}
        assert headers == headers | safe, name
    assert responses["MISSING_AUTHENTICATION_TOKEN"]["statusCode"] == "404"
    assert responses["REQUEST_TOO_LARGE"]["statusCode"] == "413"
    assert responses["THROTTLED"]["responseParameters"]["gatewayresponse.header.Retry-After"] == "'1'"
    for name in ("INTEGRATION_FAILURE", "INTEGRATION_TIMEOUT"):  # by default 504, which clients do not try again
        assert responses[name]["statusCode"] == str(ERROR_ROWS_BY_CODE["TEMPORARILY_UNAVAILABLE"].status), name
        assert responses[name]["responseParameters"]["gatewayresponse.header.Retry-After"] == "'1'", name
    unauthorized = responses["UNAUTHORIZED"]
    assert unauthorized["statusCode"] == "401"
    assert unauthorized["responseParameters"]["gatewayresponse.header.WWW-Authenticate"] == "'Bearer'"
    assert "requestId" in responses["DEFAULT_5XX"]["responseTemplates"]["application/json"]


def test_a_method_without_a_route_reaches_the_app_which_says_405(resources: Template) -> None:
    for path, operations in _definition(resources)["paths"].items():
        assert operations.keys() == {method.lower() for method in METHODS}, path


def test_the_template_has_no_yaml_aliases_which_cloudformation_refuses(made: Package) -> None:
    assert not any(isinstance(token, yaml.AliasToken) for token in yaml.scan(made.template.read_text()))


def _definition(resources: Template) -> Template:
    found: Template = resources["RestAPI"]["Properties"]["DefinitionBody"]
    return found


# What each function may do


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_a_policy_names_each_action_and_only_resources_of_its_own_stage(function: Function) -> None:
    for statement in policy(function)["Statement"]:
        assert not any("*" in action for action in statement["Action"])
        if statement["Action"] == ["ses:GetSendQuota"]:  # of the account: it knows no resources
            continue
        if statement["Action"] == ["ses:SendRawEmail"]:
            # Whose identity it is, the address or its domain, is the account's affair: the sender is what counts.
            assert statement["Condition"]["StringEqualsIfExists"] == {"ses:FromAddress": {"Ref": "MailFrom"}}
            continue
        if statement["Action"] == ["kms:GetPublicKey", "kms:Sign"]:
            # Keys have random ids, and another may take the place of one: the stage's alias names it.
            assert statement["Condition"] == {
                "StringEquals": {"kms:RequestAlias": {"Fn::Sub": "alias/cinema-${Stage}-tickets"}}
            }
            continue
        for resource in _arns(statement):
            assert re.search(
                r":(table/)?cinema-\$\{Stage}-|:parameter/cinema/\$\{Stage}/|\$\{AWS::StackName}-|:\$\{WebsocketAPI}/\$\{Stage}/",
                resource,
            )


def test_each_function_has_a_role_of_its_own_from_its_row(resources: Template) -> None:
    roles = [function["Role"]["Fn::GetAtt"][0] for function in _functions(resources).values()]
    assert len(set(roles)) == len(roles)
    policies = [policy(function) for function in FUNCTIONS]
    assert all(resources[role]["Properties"]["Policies"][0]["PolicyDocument"] in policies for role in roles)
    assert len(policies) == len(roles)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_a_role_has_room_for_its_policy(function: Function) -> None:
    """IAM takes 10,240 characters, without white space."""
    names = {"${AWS::Partition}": "aws-us-gov", "${AWS::Region}": "ap-southeast-2", "${AWS::AccountId}": "0" * 12}
    text = json.dumps(policy(function), separators=(",", ":"))
    for name, value in names.items():
        text = text.replace(name, value)
    assert len(text) < 10_240


def test_stream_handlers_may_keep_what_they_can_not_relay(resources: Template, data: Template) -> None:
    bucket = data["Resources"]["StreamFailuresBucket"]["Properties"]["BucketName"]["Fn::Sub"]
    for name in STREAM_HANDLERS:
        allowed = _allowed(resources, name)
        ours = f"arn:${{AWS::Partition}}:s3:::{bucket}"
        assert {("s3:PutObject", f"{ours}/*"), ("s3:ListBucket", ours)} <= allowed, name


SENDING = {"sqs:GetQueueUrl", "sqs:SendMessage", "sqs:SendMessageBatch"}
LOOKING = {"sqs:GetQueueAttributes", "sqs:GetQueueUrl"}
CONSUMING = LOOKING | {"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage"}


def test_a_relay_may_send_to_the_queues_of_its_own_events_and_no_others(resources: Template) -> None:
    for name, table in STREAM_HANDLERS.items():
        assert _on_queues(resources, name) == dict.fromkeys(SENDS_TO[table], SENDING), name


def test_the_api_looks_at_the_boards_queues_and_sends_to_three_of_them(resources: Template) -> None:
    counted = {each: LOOKING for queue in QUEUES for each in (queue, f"{queue}-dlq")}
    sent_to = dict.fromkeys((WEBHOOKS, PAYMENTS, TICKETS), LOOKING | SENDING)
    assert _on_queues(resources, "APIHandler") == counted | sent_to


def test_a_consumer_takes_from_its_own_queue_and_parks_in_its_dead_letters(resources: Template) -> None:
    for name in QUEUE_HANDLERS:
        queue = _mapping(_functions(resources)[name])["Queue"]["Fn::Sub"].rpartition(":cinema-prod-")[2]
        own = {queue: CONSUMING, f"{queue}-dlq": {"sqs:GetQueueUrl", "sqs:SendMessage"}}
        if name == "OnEventToEmail":  # what is beyond the account's rate waits in its own queue
            own[queue] = CONSUMING | SENDING
        further = {WEBHOOKS: SENDING} if name == "OnEventToNotification" else {}
        assert _on_queues(resources, name) == own | further, name


def test_only_who_relays_or_consumes_or_is_the_api_has_to_do_with_queues(resources: Template) -> None:
    for name in LIVE_HANDLERS | SCHEDULED_HANDLERS:
        assert _on_queues(resources, name) == {}, name


def test_bounces_and_complaints_of_a_stages_emails_come_into_its_own_queue(resources: Template, data: Template) -> None:
    told = resources["MailEventsToEventBridge"]["Properties"]["EventDestination"]
    rule = resources["ReturnedEmails"]["Properties"]
    (statement,) = data["Resources"]["BouncesQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"]

    assert told["MatchingEventTypes"] == ["bounce", "complaint"]
    assert rule["EventPattern"]["detail"] == {"mail": {"tags": {"ses:configuration-set": [{"Ref": "MailEvents"}]}}}
    (target,) = rule["Targets"]
    assert target["Arn"]["Fn::Sub"].endswith(":cinema-${Stage}-bounces")
    assert target["InputPath"] == "$.detail"
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Condition"]["ArnEquals"]["aws:SourceArn"]["Fn::Sub"].endswith(f":rule/{rule['Name']['Fn::Sub']}")
    sent = _functions(resources)["OnEventToEmail"]["Environment"]["Variables"]["MAIL_EVENTS"]
    assert sent == {"Fn::If": ["IsEmulator", "", {"Ref": "MailEvents"}]}


ON_TABLES = {
    "OnEmailReturned": {"suppressed-addresses": {"PutItem"}},
    "OnEventToAnalytics": {"ledger": {"PutItem"}, "analytics": {"UpdateItem"}},
    "OnEventToNotification": {"notifications": {"BatchGetItem", "GetItem", "PutItem"}, "webhooks": {"Scan"}},
    "OnRowChangedShow": {
        "rows/stream/*": {"DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"},
        "viewers": {"DeleteItem", "Query"},
        "viewers/index/by_viewer": {"Query"},
    },
    "WebsocketMessage": {
        "sessions": {"GetItem"},
        "viewers": {"BatchGetItem", "DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem"},
        "viewers/index/by_viewer": {"Query"},
    },
    "WebsocketDisconnect": {"viewers": {"DeleteItem"}, "viewers/index/by_viewer": {"Query"}},
    "OnEventToCache": {},
}
"""What they do: analytics, ledger, notifications, webhooks, viewers and viewer_limits, in infrastructure."""


@pytest.mark.parametrize("name", ON_TABLES)
def test_a_handler_may_do_on_tables_what_it_does_and_no_more(resources: Template, name: str) -> None:
    assert _on(resources, name, "dynamodb", ":table/cinema-${Stage}-") == {
        table: {f"dynamodb:{action}" for action in actions} for table, actions in ON_TABLES[name].items()
    }


def test_nobody_may_write_to_an_index(resources: Template) -> None:
    for name in _functions(resources):
        for table, actions in _on(resources, name, "dynamodb", ":table/cinema-${Stage}-").items():
            assert "/index/" not in table or actions == {"dynamodb:Query"}, (name, table)


def test_who_numbers_events_may_not_read_the_secrets_of_who_is_told(resources: Template) -> None:
    (scan,) = [s for s in _statements(resources, "OnEventToNotification") if "dynamodb:Scan" in s["Action"]]
    assert scan["Condition"] == {
        "StringEquals": {"dynamodb:Select": "SPECIFIC_ATTRIBUTES"},
        "ForAllValues:StringEquals": {"dynamodb:Attributes": SUBSCRIBER_ATTRIBUTES.split(", ")},
    }
    others = _functions(resources).keys() - {"OnEventToNotification"}
    assert not [name for name in others if any("dynamodb:Scan" in s["Action"] for s in _statements(resources, name))]


def _statements(resources: Template, name: str) -> list[Template]:
    role = _functions(resources)[name]["Role"]["Fn::GetAtt"][0]
    found: list[Template] = resources[role]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    return found


def _allowed(resources: Template, name: str) -> set[tuple[str, str]]:
    return {(action, arn) for s in _statements(resources, name) for action in s["Action"] for arn in _arns(s)}


def _on(resources: Template, name: str, service: str, ours: str) -> dict[str, set[str]]:
    """The actions that a function may take on the service's resources, by the part of the name after `ours`."""
    found: dict[str, set[str]] = {}
    for action, arn in _allowed(resources, name):
        if action.startswith(f"{service}:"):
            found.setdefault(arn.rpartition(ours)[2], set()).add(action)
    return found


def _on_queues(resources: Template, name: str) -> dict[str, set[str]]:
    return _on(resources, name, "sqs", ":cinema-${Stage}-")


def _arns(statement: Template) -> list[str]:
    resource = statement["Resource"]
    if resource == "*":
        return [resource]
    return [each["Fn::Sub"] for each in (resource if isinstance(resource, list) else [resource])]


# The data stack


def test_every_queue_with_a_consumer_has_a_dead_letter_queue_and_every_queue_of_failures_an_alarm(
    data: Template,
) -> None:
    queues = _of_type(data, "AWS::SQS::Queue")
    alarms = _of_type(data, "AWS::CloudWatch::Alarm").values()
    watched = {d["Value"]["Fn::Sub"] for alarm in alarms for d in alarm["Dimensions"] if d["Name"] == "QueueName"}
    for name, queue in queues.items():
        assert queue["QueueName"]["Fn::Sub"] in watched, name
        if "RedrivePolicy" in queue:
            assert queue["RedrivePolicy"]["maxReceiveCount"] == 5
            dead_letters = queues[queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"].split(".")[0]]
            assert dead_letters["MessageRetentionPeriod"] == 14 * 24 * 3600
        else:
            assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600, name


def test_production_tables_can_not_be_deleted_and_can_be_restored(data: Template) -> None:
    in_production = {"Fn::If": ["IsProduction", True, False]}
    tables = _of_type(data, "AWS::DynamoDB::Table")
    assert sorted(tables) == sorted(table.logical_id for table in TABLES), "each has an id of its own, and a model"
    for name, table in tables.items():
        assert table["BillingMode"] == "PAY_PER_REQUEST", name
        assert table["DeletionProtectionEnabled"] == {"Fn::If": ["IsProtected", True, False]}, name
        assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] == in_production, name


# The archive


def test_every_module_is_shipped_with_bytecode_that_is_never_checked_against_its_source(
    contents: dict[str, bytes],
) -> None:
    modules = [name for name in contents if name.endswith(".py")]
    assert "app.py" in modules
    for name in modules:
        folder, _, file = name.rpartition("/")
        compiled = f"{file.removesuffix('.py')}.{sys.implementation.cache_tag}.pyc"
        bytecode = contents[f"{folder}/__pycache__/{compiled}".lstrip("/")]
        assert int.from_bytes(bytecode[4:8], "little") == UNCHECKED_HASH, name


def test_nothing_is_shipped_that_no_function_needs(made: Package, contents: dict[str, bytes]) -> None:
    folders = {name.rsplit("/", 1)[0] for name in contents if "/" in name}
    services = {name.split("/")[2] for name in contents if re.match(r"botocore/data/[^/]+/", name)}
    assert services == AWS_SERVICES
    assert not [name for name in folders if re.search(r"(^|/)tests(/|$)|dist-info|^chalice/(cli|deploy)|^bin", name)]
    assert not [name for name in folders if name.split("/")[0] in ("infra", "pip", "moto", "pytest", "mypy")]
    assert made.after.unzipped < made.before.unzipped
    assert made.after.zipped < 21_900_000, "2 MB of it are Stripe's package and requests, 5 MB are cryptography's"


def test_what_ships_carries_its_licences(contents: dict[str, bytes]) -> None:
    locked = re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / LOCK).read_text(), re.MULTILINE)
    with_terms = {name.split("/")[1] for name, text in contents.items() if name.startswith(f"{LICENCES}/") and text}
    known = {canonicalize_name(one.rpartition("-")[0]) for one in with_terms}

    assert len(locked) > 20
    assert {canonicalize_name(name) for name, _ in locked} | {"chalice"} == known
    assert b"MIT License" in contents["LICENSE"]


def test_the_package_alone_is_enough_to_import_the_app(made: Package, tmp_path: Path) -> None:
    with zipfile.ZipFile(made.archive) as archive:
        archive.extractall(tmp_path)
    script = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import app; print(app.app.app_name)"
    lambda_environment = {"STAGE": "prod", "AWS_DEFAULT_REGION": "us-east-1"}
    command = [sys.executable, "-I", "-S", "-c", script]  # -S: without the packages installed here
    done = subprocess.run(command, cwd=tmp_path, env=lambda_environment, capture_output=True, text=True, check=False)
    assert done.stdout == "cinema-tickets\n", done.stderr


COMPILES = """
import sys; sys.path.insert(0, {folder!r})
texts = []
sys.addaudithook(lambda event, args: texts.append(args[0]) if event == "compile" else None)
import app
print([text for text in texts if text is not None])
"""


def test_a_function_of_the_package_starts_without_compiling_methods(made: Package, tmp_path: Path) -> None:
    with zipfile.ZipFile(made.archive) as archive:
        archive.extractall(tmp_path)
    environment = {"STAGE": "prod", "AWS_DEFAULT_REGION": "us-east-1"}
    command = [sys.executable, "-I", "-S", "-c", COMPILES.format(folder=str(tmp_path))]
    with_it = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    (tmp_path / "chalicelib" / FILE_NAME).unlink()
    without_it = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    assert "def __" not in with_it
    assert with_it.count("lambda _cls") == 1  # functools has a named tuple, and is loaded before ours
    assert without_it.count("def __init__") > 50


DERIVES = """
import sys; sys.path.insert(0, sys.argv[1])
import app
from operator import attrgetter
from chalicelib import wiring
from chalicelib.settings import SettingInvalid
from chalicelib.wiring.shared.adapters import adapters
from chalicelib.wiring.shared.redis import seat_cache
selling = wiring.requests.selling()
for owner, needs_it in (adapters(), "ids"), (wiring.payments.settling(), "settle_payment"), (selling, "place_hold"):
    try: attrgetter(needs_it)(owner)
    except SettingInvalid as error: print(error)
try: seat_cache()
except SettingInvalid as error: print(error)
relaying = wiring.streams.relaying()
attrgetter("finish_sales_request_refunds_if_closed_and_list_messages")(relaying)
attrgetter("mark_reservation_if_refunded_and_list_payment_messages")(relaying)
attrgetter("expire_hold_unless_sold_or_raise_unlapsed")(wiring.expiry.selling())
wiring.webhooks.queue_webhook_deliveries()
"""


def test_who_derives_ids_without_the_secret_says_so_and_nobody_else_needs_it(made: Package, tmp_path: Path) -> None:
    with zipfile.ZipFile(made.archive) as archive:
        archive.extractall(tmp_path)
    environment = {"STAGE": "prod", "AWS_DEFAULT_REGION": "us-east-1", "REDIS_URL": "redis://127.0.0.1:9/0"}
    command = [sys.executable, "-I", "-S", "-c", DERIVES, str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    missing = "ID_SECRET is missing: stage 'prod' needs one, the same on every instance."
    assert (done.stdout.splitlines(), done.stderr) == ([missing] * 4, "")


LETTER = """
import sys; sys.path.insert(0, sys.argv[1])
import zoneinfo; zoneinfo.reset_tzpath(())
from datetime import datetime, timezone
from decimal import Decimal
from chalicelib.domain.events import Event, EventType
from chalicelib.domain.email import EmailContext
from chalicelib.domain.reservations import Contact, Reservation
from chalicelib.domain.sessions import Session
from chalicelib.infrastructure.email import ses
from chalicelib.infrastructure.email.rendering import LOCALES, TemplateEmailRenderer
now = datetime(2024, 2, 15, 22, tzinfo=timezone.utc)
session = Session("s", "Oppenheimer", now, "A1", 1, 1, Decimal(25), now)
reservation = Reservation("res-1", "s", "Oppenheimer", "ana", ("A1",), Decimal(25), "", now, now)
event = Event("e", EventType.RESERVATION_CREATED, now, "s", "res-1", ("A1",), {})
for language in LOCALES:
    email = EmailContext("held", Contact("ana@example.com", language), event, reservation, session)
    print(TemplateEmailRenderer(sys.argv[2]).render(email).subject)
ses.new_ses_client()
"""


def test_the_package_alone_is_enough_to_write_a_letter_in_any_time_zone(made: Package, tmp_path: Path) -> None:
    """With time zones of its own: a Lambda image need not have any."""
    with zipfile.ZipFile(made.archive) as archive:
        archive.extractall(tmp_path)
    command = [sys.executable, "-I", "-S", "-c", LETTER, str(tmp_path), "America/Sao_Paulo"]
    lambda_environment = {"AWS_DEFAULT_REGION": "us-east-1", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, cwd=tmp_path, env=lambda_environment, capture_output=True, text=True, check=False)
    assert [line[:18] for line in done.stdout.splitlines()] == ["Pay by 19:00:00 lo", "Pague até 19:00:00"], done.stderr


def test_what_browsers_load_is_shipped_and_every_page_finds_it(made: Package, tmp_path: Path) -> None:
    with zipfile.ZipFile(made.archive) as archive:
        archive.extractall(tmp_path)
    script = f"""
import sys; sys.path.insert(0, {str(tmp_path)!r})
from chalicelib.api.http import static
pages = [path.parent.name for path in static.WEB.glob("*/index.html")]
print(len(pages), sum(len(static._page(part).body) > 0 for part in pages))
print(sum(len(static._asset(*name).body) > 0 for name in static._assets()))
"""
    done = subprocess.run([sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=False)
    ours = {path for path in (ROOT / "chalicelib" / "web").glob("*/*") if path.suffix != ".html"}
    pages, found = (list(map(int, line.split())) for line in done.stdout.splitlines())
    assert pages[0] == pages[1] > 0, done.stderr
    assert found == [len(ours) + len(("swagger-ui-bundle.min.js", "swagger-ui.min.css"))], done.stderr


def test_the_package_alone_is_enough_to_print_an_invoice(made: Package, tmp_path: Path) -> None:
    with zipfile.ZipFile(made.archive) as archive:
        archive.extractall(tmp_path)
    script = f"""import sys; sys.path.insert(0, {str(tmp_path)!r})
from datetime import UTC, datetime
from decimal import Decimal
from chalicelib import wiring
from chalicelib.domain.invoices import Bill, Invoice
now, price = datetime(2024, 2, 15, tzinfo=UTC), Decimal(25)
bill = Bill("res", "sale", "ana", "Coração", "A1", now, ("A1",), price, price, "pix", "tx", now, ("Cine",))
print(wiring.invoices.invoice_printer()(Invoice(bill, 1))[:8])"""
    command = [sys.executable, "-I", "-S", "-c", script]
    done = subprocess.run(command, cwd=tmp_path, env={}, capture_output=True, text=True, check=False)
    assert (done.stdout[:7], done.stderr) == ("b'%PDF-", "")


STRIPE = """
import sys; sys.path.insert(0, sys.argv[1])
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from chalicelib.domain.refusals import WebhookAuthenticationFailed
from chalicelib.infrastructure.payments.stripe_gateway import StripeGateway, StripeMessages
stripe, now = StripeGateway("sk_test_of_nobody", "pk", api_base=sys.argv[2]), datetime.now(timezone.utc)
charge = stripe.find_charge(sys.argv[3])
assert charge in stripe.list_charges_since(now - timedelta(minutes=1))
stripe.refund(charge.transaction_id, None, "refund")
print(stripe.find_charge(charge.transaction_id).refunded_cents)
print(stripe.start_payment(SimpleNamespace(id="res-1", amount_cents=2500), "start").provider)
header = {"stripe-signature": f"t={int(now.timestamp())},v1=00"}
try: StripeMessages(["whsec"]).read_charge(header, b"{}", now)
except WebhookAuthenticationFailed: print("invalid")
"""


def test_the_package_alone_is_enough_to_ask_stripe(made: Package, tmp_path: Path, run_dir: Path) -> None:
    with zipfile.ZipFile(made.archive) as archive:
        archive.extractall(tmp_path)
    with stripe_server(run_dir) as server:
        paid = StripeGateway(SECRET_KEY, PUBLIC_KEY, api_base=server.url).start_payment(a_reservation(), "key").id
        server.pay(paid)
        command = [sys.executable, "-I", "-S", "-c", STRIPE, str(tmp_path), server.url, paid]
        done = subprocess.run(command, cwd=tmp_path, env={}, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["5000", "stripe", "invalid"], done.stderr


def test_the_bucket_of_invoices_is_nobody_elses_and_keeps_versions_in_production(data: Template) -> None:
    bucket = _of_type(data, "AWS::S3::Bucket")["InvoicesBucket"]
    assert bucket["PublicAccessBlockConfiguration"] == NOBODY_FROM_OUTSIDE
    assert bucket["VersioningConfiguration"] == {"Status": {"Fn::If": ["IsProduction", "Enabled", "Suspended"]}}
    assert _named_on_an_emulator(bucket) == load({"STAGE": "test"}).invoices_bucket


def test_every_bucket_is_encrypted_and_refuses_what_comes_in_the_open(data: Template) -> None:
    in_the_open = {"Bool": {"aws:SecureTransport": "false"}}
    policies = {one["Bucket"]["Ref"]: one["PolicyDocument"] for one in _of_type(data, "AWS::S3::BucketPolicy").values()}
    for name, bucket in _of_type(data, "AWS::S3::Bucket").items():
        assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"], name
        (statement,) = policies[name]["Statement"]
        assert (statement["Effect"], statement["Action"], statement["Condition"]) == ("Deny", "s3:*", in_the_open), name
        assert statement["Resource"] == [{"Fn::GetAtt": f"{name}.Arn"}, {"Fn::Sub": f"${{{name}.Arn}}/*"}], name


def test_the_bucket_of_stream_failures_is_nobody_elses_and_forgets(data: Template) -> None:
    bucket = _of_type(data, "AWS::S3::Bucket")["StreamFailuresBucket"]
    assert bucket["PublicAccessBlockConfiguration"] == NOBODY_FROM_OUTSIDE
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert (rule["Status"], rule["ExpirationInDays"]) == ("Enabled", 30)
    assert _named_on_an_emulator(bucket) == load({"STAGE": "test"}).stream_failures_bucket


def test_somebody_is_told_when_something_could_not_be_relayed_whoever_kept_it(data: Template) -> None:
    bucket = _of_type(data, "AWS::S3::Bucket")["StreamFailuresBucket"]
    (counted,) = bucket["MetricsConfigurations"]
    alarm = _of_type(data, "AWS::CloudWatch::Alarm")["StreamGaveUp"]
    dimensions = {one["Name"]: one["Value"] for one in alarm["Dimensions"]}
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Threshold"]) == ("AWS/S3", "PutRequests", 0)
    assert dimensions == {"BucketName": {"Ref": "StreamFailuresBucket"}, "FilterId": counted["Id"]}
    assert alarm["AlarmActions"] == [{"Ref": "Alarms"}]


def _named_on_an_emulator(bucket: Template) -> str:
    pseudo = {"${Stage}": "test", "${AWS::AccountId}": "000000000000", "${AWS::Region}": "us-east-1"}
    return re.sub(r"\$\{[^}]+}", lambda m: pseudo[m[0]], bucket["BucketName"]["Fn::Sub"])


def test_the_committed_template_is_the_one_that_is_deployed(made: Package) -> None:
    stale = APP_SNAPSHOT.read_text() != app_snapshot(made.template)

    assert not stale, f"{APP_SNAPSHOT.relative_to(ROOT)} is stale: run {COMMAND}, and look at the difference"


@thorough
def test_packaging_twice_gives_the_same_bytes(made: Package, tmp_path: Path) -> None:
    again = package("prod", tmp_path)
    assert again.archive.read_bytes() == made.archive.read_bytes()
    assert again.template.read_text() == made.template.read_text()


def test_a_stage_that_is_not_configured_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackagingError, match="local, dev, prod"):
        package("production", tmp_path)


def test_no_function_but_the_tickets_signer_may_use_their_key() -> None:
    with_key = {
        function.name
        for function in FUNCTIONS
        for statement in policy(function)["Statement"]
        if any(action.startswith("kms:") for action in statement["Action"])
    }

    assert with_key == {"on_sale_to_tickets"}
