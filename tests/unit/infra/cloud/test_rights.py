"""The example policies: who deploys may make every type of resource that the templates have, and functions no more."""

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import pytest
import yaml

from infra.cloud import data_template
from infra.cloud.finishing import NETWORK_ACTIONS
from infra.cloud.functions import FUNCTIONS
from infra.cloud.generate import APP_SNAPSHOT
from infra.cloud.permissions import policy
from infra.cloud.templates import _Loader
from infra.processes import ROOT

EXAMPLES = ROOT / "docs" / "examples"
DEPLOYER, PEOPLE = "deployer-policy.json", "deployer-policy-people.json"
ADDRESSES, BOUNDARY = "deployer-policy-addresses.json", "functions-boundary.json"
PERSON = "operator-policy-person.json"
"""What `ops person` may do: tests/integration/machine/test_ops_person.py compares it with what it does."""
LONGEST_MANAGED_POLICY = 6144
"""In characters without white space (IAM User Guide, "IAM and AWS STS quotas")."""

USER_POOL = "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_a1B2c3D4e"
CONFIGURATION_SET = "arn:aws:ses:us-east-1:123456789012:configuration-set/cinema-dev"

NEEDS: dict[str, tuple[str, str]] = {
    "AWS::ApiGateway::Account": ("arn:aws:apigateway:us-east-1::/account", "apigateway:PATCH GET"),
    "AWS::ApiGateway::BasePathMapping": (
        "arn:aws:apigateway:us-east-1::/domainnames/tickets.example.com/basepathmappings",
        "apigateway:POST DELETE GET PATCH",
    ),
    "AWS::ApiGateway::DomainName": (
        "arn:aws:apigateway:us-east-1::/domainnames",
        "apigateway:POST PATCH DELETE GET AddCertificateToDomain",
    ),
    "AWS::ApiGatewayV2::Api": ("arn:aws:apigateway:us-east-1::/apis", "apigateway:POST PATCH PUT DELETE GET"),
    "AWS::ApiGatewayV2::ApiMapping": (
        "arn:aws:apigateway:us-east-1::/domainnames/live.example.com/apimappings",
        "apigateway:POST PATCH DELETE GET",
    ),
    "AWS::ApiGatewayV2::DomainName": ("arn:aws:apigateway:us-east-1::/domainnames", "apigateway:POST PATCH DELETE GET"),
    "AWS::ApiGatewayV2::Integration": (
        "arn:aws:apigateway:us-east-1::/apis/a/integrations",
        "apigateway:POST PATCH DELETE GET",
    ),
    "AWS::ApiGatewayV2::Route": ("arn:aws:apigateway:us-east-1::/apis/a/routes", "apigateway:POST PATCH DELETE GET"),
    "AWS::ApiGatewayV2::Stage": ("arn:aws:apigateway:us-east-1::/apis/a/stages", "apigateway:POST PATCH DELETE GET"),
    "AWS::Budgets::Budget": (
        "arn:aws:budgets::123456789012:budget/cinema-dev-us-east-1",
        "budgets:ModifyBudget ViewBudget TagResource UntagResource ListTagsForResource",
    ),
    "AWS::CloudFront::CachePolicy": (
        "arn:aws:cloudfront::123456789012:cache-policy/x",
        "cloudfront:CreateCachePolicy UpdateCachePolicy DeleteCachePolicy GetCachePolicy",
    ),
    "AWS::CloudFront::Distribution": (
        "arn:aws:cloudfront::123456789012:distribution/x",
        (
            "cloudfront:CreateDistribution UpdateDistribution DeleteDistribution GetDistribution GetDistributionConfig"
            " TagResource UntagResource ListTagsForResource"
        ),
    ),
    "AWS::CloudWatch::Alarm": (
        "arn:aws:cloudwatch:us-east-1:123456789012:alarm:cinema-dev-rows-throttled",
        "cloudwatch:PutMetricAlarm DeleteAlarms DescribeAlarms",
    ),
    "AWS::CloudWatch::Dashboard": (
        "arn:aws:cloudwatch::123456789012:dashboard/cinema-dev",
        "cloudwatch:PutDashboard GetDashboard DeleteDashboards",
    ),
    "AWS::Cognito::UserPool": (
        USER_POOL,
        (
            "cognito-idp:CreateUserPool UpdateUserPool DeleteUserPool DescribeUserPool GetUserPoolMfaConfig"
            " SetUserPoolMfaConfig TagResource UntagResource ListTagsForResource"
        ),
    ),
    "AWS::Cognito::UserPoolClient": (
        USER_POOL,
        "cognito-idp:CreateUserPoolClient UpdateUserPoolClient DeleteUserPoolClient DescribeUserPoolClient",
    ),
    "AWS::Cognito::UserPoolDomain": (
        USER_POOL,
        "cognito-idp:CreateUserPoolDomain UpdateUserPoolDomain DeleteUserPoolDomain DescribeUserPoolDomain",
    ),
    "AWS::Cognito::UserPoolGroup": (USER_POOL, "cognito-idp:CreateGroup GetGroup UpdateGroup DeleteGroup"),
    "AWS::DynamoDB::Table": (
        "arn:aws:dynamodb:us-east-1:123456789012:table/cinema-dev-rows",
        (
            "dynamodb:CreateTable UpdateTable DeleteTable DescribeTable DescribeContinuousBackups DescribeTimeToLive"
            " UpdateTimeToLive UpdateContinuousBackups TagResource UntagResource ListTagsOfResource"
        ),
    ),
    "AWS::Events::Rule": (
        "arn:aws:events:us-east-1:123456789012:rule/cinema-dev-returned-emails",
        "events:PutRule DeleteRule DescribeRule PutTargets RemoveTargets ListTargetsByRule",
    ),
    "AWS::IAM::Role": (
        "arn:aws:iam::123456789012:role/cinema-dev-app-ApiHandlerRole-X",
        (
            "iam:CreateRole DeleteRole GetRole UpdateRole UpdateAssumeRolePolicy PutRolePolicy GetRolePolicy"
            " DeleteRolePolicy ListRolePolicies ListAttachedRolePolicies AttachRolePolicy DetachRolePolicy"
            " PutRolePermissionsBoundary TagRole UntagRole PassRole"
        ),
    ),
    "AWS::KMS::Alias": (
        "arn:aws:kms:us-east-1:123456789012:alias/cinema-dev-tickets",
        "kms:CreateAlias UpdateAlias DeleteAlias ListAliases",
    ),
    "AWS::KMS::Key": (
        "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        (
            "kms:CreateKey DescribeKey GetKeyPolicy PutKeyPolicy GetKeyRotationStatus UpdateKeyDescription"
            " ScheduleKeyDeletion ListResourceTags TagResource UntagResource"
        ),
    ),
    "AWS::Lambda::Function": (
        "arn:aws:lambda:us-east-1:123456789012:function:cinema-dev-token-trigger",
        (
            "lambda:CreateFunction UpdateFunctionCode UpdateFunctionConfiguration DeleteFunction GetFunction"
            " GetFunctionConfiguration GetFunctionCodeSigningConfig TagResource UntagResource ListTags"
        ),
    ),
    "AWS::Lambda::Permission": (
        "arn:aws:lambda:us-east-1:123456789012:function:cinema-dev-app-APIHandler-X",
        "lambda:AddPermission RemovePermission GetPolicy",
    ),
    "AWS::Logs::LogGroup": (
        "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/cinema-dev-app-APIHandler-X",
        (
            "logs:CreateLogGroup DeleteLogGroup DescribeLogGroups PutRetentionPolicy DeleteRetentionPolicy TagResource"
            " UntagResource ListTagsForResource"
        ),
    ),
    "AWS::Logs::MetricFilter": (
        "arn:aws:logs:us-east-1:123456789012:log-group:/cinema/dev/requests",
        "logs:PutMetricFilter DescribeMetricFilters DeleteMetricFilter",
    ),
    "AWS::Logs::QueryDefinition": ("*", "logs:PutQueryDefinition DescribeQueryDefinitions DeleteQueryDefinition"),
    "AWS::Route53::RecordSet": (
        "arn:aws:route53:::hostedzone/Z1",
        "route53:ChangeResourceRecordSets ListResourceRecordSets GetHostedZone",
    ),
    "AWS::S3::Bucket": (
        "arn:aws:s3:::cinema-dev-invoices-123456789012-us-east-1",
        (
            "s3:CreateBucket DeleteBucket ListBucket PutBucketVersioning GetBucketVersioning PutBucketPublicAccessBlock"
            " GetBucketPublicAccessBlock PutEncryptionConfiguration GetEncryptionConfiguration"
            " PutLifecycleConfiguration GetLifecycleConfiguration PutMetricsConfiguration GetMetricsConfiguration"
        ),
    ),
    "AWS::S3::BucketPolicy": (
        "arn:aws:s3:::cinema-dev-failures-123456789012-us-east-1",
        "s3:PutBucketPolicy GetBucketPolicy DeleteBucketPolicy",
    ),
    "AWS::SES::ConfigurationSet": (
        CONFIGURATION_SET,
        (
            "ses:CreateConfigurationSet GetConfigurationSet DeleteConfigurationSet PutConfigurationSetDeliveryOptions"
            " PutConfigurationSetReputationOptions PutConfigurationSetSendingOptions"
            " PutConfigurationSetSuppressionOptions PutConfigurationSetTrackingOptions TagResource UntagResource"
        ),
    ),
    "AWS::SES::ConfigurationSetEventDestination": (
        CONFIGURATION_SET,
        (
            "ses:CreateConfigurationSetEventDestination GetConfigurationSetEventDestinations DescribeConfigurationSet"
            " UpdateConfigurationSetEventDestination DeleteConfigurationSetEventDestination"
        ),
    ),
    "AWS::SNS::Subscription": (
        "arn:aws:sns:us-east-1:123456789012:cinema-dev-alarms",
        "sns:Subscribe Unsubscribe GetSubscriptionAttributes ListSubscriptionsByTopic",
    ),
    "AWS::SNS::Topic": (
        "arn:aws:sns:us-east-1:123456789012:cinema-dev-alarms",
        "sns:CreateTopic DeleteTopic GetTopicAttributes SetTopicAttributes ListTagsForResource TagResource",
    ),
    "AWS::SQS::Queue": (
        "arn:aws:sqs:us-east-1:123456789012:cinema-dev-expiry",
        "sqs:CreateQueue DeleteQueue GetQueueAttributes SetQueueAttributes GetQueueUrl ListQueueTags TagQueue",
    ),
    "AWS::SQS::QueuePolicy": (
        "arn:aws:sqs:us-east-1:123456789012:cinema-dev-bounces",
        "sqs:SetQueueAttributes GetQueueAttributes",
    ),
    # What SAM makes of its own types
    "AWS::Serverless::Api": ("arn:aws:apigateway:us-east-1::/restapis/a", "apigateway:POST PUT PATCH DELETE GET"),
    "AWS::Serverless::Function": (
        "arn:aws:lambda:us-east-1:123456789012:function:cinema-dev-app-OnRowChanged-X",
        (
            "lambda:CreateFunction UpdateFunctionCode UpdateFunctionConfiguration DeleteFunction GetFunction"
            " GetFunctionConfiguration CreateEventSourceMapping UpdateEventSourceMapping DeleteEventSourceMapping"
            " GetEventSourceMapping TagResource UntagResource ListTags PutFunctionConcurrency DeleteFunctionConcurrency"
        ),
    ),
}
"""A resource of each type, and the actions that CloudFormation takes for it: `handlers` in the types' schemas
(CloudFormation Registry), and the Service Authorization Reference. A new type needs its line here, and its rights."""

COMMANDS: dict[str, str] = {
    "arn:aws:cloudformation:us-east-1:123456789012:stack/cinema-dev-app/1": "cloudformation:CreateChangeSet"
    " DescribeChangeSet ExecuteChangeSet DeleteChangeSet DeleteStack DescribeStacks DescribeStackEvents"
    " DescribeStackResource ListStackResources UpdateTerminationProtection ContinueUpdateRollback",
    "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_Canary123": "cognito-idp:AdminCreateUser"
    " AdminSetUserPassword AdminInitiateAuth AdminDeleteUser",
    "arn:aws:s3:::cinema-artifacts-123456789012-us-east-1/dev/x": "s3:GetObject PutObject DeleteObject",
    "arn:aws:s3:::cinema-dev-invoices-123456789012-us-east-1/invoices/x": "s3:DeleteObjectVersion",
    "arn:aws:s3:::cinema-dev-invoices-123456789012-us-east-1": "s3:ListBucketVersions",
    "arn:aws:ssm:us-east-1:123456789012:parameter/cinema/dev/id-secret": "ssm:PutParameter GetParameter"
    " GetParameters DeleteParameter",
    "arn:aws:dynamodb:us-east-1:123456789012:table/cinema-dev-rows": "dynamodb:PutItem UpdateItem GetItem",
    "*": "sts:GetCallerIdentity",
    USER_POOL: "cognito-idp:DescribeUserPoolClient UpdateUserPoolClient",
    "arn:aws:events:us-east-1:123456789012:rule/cinema-dev-app-OnReconciliationDue-X": "events:PutRule DeleteRule"
    " PutTargets RemoveTargets DescribeRule",
}
"""What the commands ask for themselves: `make deploy` with its canary, `make teardown`; and the rule of the sweep."""


def _statements(*names: str) -> list[dict[str, Any]]:
    return [one for name in names for one in json.loads((EXAMPLES / name).read_text())["Statement"]]


def _as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _allows(statements: list[dict[str, Any]], action: str, resource: str) -> bool:
    return any(
        any(fnmatchcase(action, one) for one in _as_list(statement["Action"]))
        and any(fnmatchcase(resource, one) for one in _as_list(statement["Resource"]))
        for statement in statements
        if statement["Effect"] == "Allow"
    )


def _actions(words: str) -> Iterator[str]:
    first, *others = words.split()
    service = first.partition(":")[0]
    yield from (first, *(f"{service}:{other}" for other in others))


def _resources() -> dict[str, Any]:
    app = yaml.load(APP_SNAPSHOT.read_text(), _Loader)  # noqa: S506 - a SafeLoader
    return {**app["Resources"], **data_template.template()["Resources"]}


def _types() -> set[str]:
    return {one["Type"] for one in _resources().values()}


def test_every_type_of_resource_has_its_rights_listed() -> None:
    assert _types() - NEEDS.keys() == set()


@pytest.mark.parametrize("kind", NEEDS)
def test_who_deploys_may_make_and_remove_each_type(kind: str) -> None:
    resource, words = NEEDS[kind]
    statements = _statements(DEPLOYER, PEOPLE, ADDRESSES)

    assert [one for one in _actions(words) if not _allows(statements, one, resource)] == []


@pytest.mark.parametrize("resource", COMMANDS)
def test_who_deploys_may_do_what_the_commands_do(resource: str) -> None:
    statements = _statements(DEPLOYER, PEOPLE)

    assert [one for one in _actions(COMMANDS[resource]) if not _allows(statements, one, resource)] == []


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("dynamodb:DeleteTable", "arn:aws:dynamodb:us-east-1:123456789012:table/orders"),
        ("s3:DeleteObject", "arn:aws:s3:::payroll/2026"),
        ("iam:CreateRole", "arn:aws:iam::123456789012:role/admin"),
        ("iam:PassRole", "arn:aws:iam::123456789012:role/admin"),
        ("iam:CreateUser", "arn:aws:iam::123456789012:user/cinema-x"),
        ("iam:CreatePolicyVersion", "arn:aws:iam::123456789012:policy/cinema-functions"),
        ("ses:DeleteConfigurationSet", "arn:aws:ses:us-east-1:123456789012:configuration-set/newsletter"),
        ("budgets:ModifyBudget", "arn:aws:budgets::123456789012:budget/payroll"),
        ("cognito-idp:AdminAddUserToGroup", USER_POOL),
        ("iam:DeleteRolePermissionsBoundary", "arn:aws:iam::123456789012:role/cinema-dev-x"),
    ],
)
def test_who_deploys_may_touch_nothing_else(action: str, resource: str) -> None:
    assert not _allows(_statements(DEPLOYER, PEOPLE, ADDRESSES), action, resource)


def test_who_deploys_gives_rights_only_within_the_boundary() -> None:
    for statement in _statements(DEPLOYER):
        if {"iam:CreateRole", "iam:PutRolePolicy"} & set(_as_list(statement["Action"])):
            boundary = {"iam:PermissionsBoundary": "arn:aws:iam::*:policy/cinema-functions"}
            assert statement["Condition"] == {"ArnLike": boundary}
        if "iam:AttachRolePolicy" in statement["Action"]:
            assert set(statement["Condition"]["ArnLike"]) == {"iam:PolicyARN"}
        if "iam:PassRole" in statement["Action"]:
            assert "lambda.amazonaws.com" in statement["Condition"]["StringEquals"]["iam:PassedToService"]


def test_every_role_is_made_within_the_boundary() -> None:
    roles = {name: one["Properties"] for name, one in _resources().items() if one["Type"] == "AWS::IAM::Role"}

    assert len(roles) > len(FUNCTIONS)
    assert [name for name, role in roles.items() if "PermissionsBoundary" not in role] == []


def test_the_boundary_has_room_for_what_each_function_does() -> None:
    wanted = {action for one in FUNCTIONS for statement in policy(one)["Statement"] for action in statement["Action"]}
    allowed = {action for statement in _statements(BOUNDARY) for action in _as_list(statement["Action"])}

    assert (wanted | set(NETWORK_ACTIONS)) - allowed == set()
    assert not any(action.startswith(("iam:", "sts:", "lambda:")) or "*" in action for action in allowed)


@pytest.mark.parametrize("name", [DEPLOYER, PEOPLE, ADDRESSES, BOUNDARY, PERSON])
def test_a_policy_fits_and_is_no_blank_cheque(name: str) -> None:
    text = (EXAMPLES / name).read_text()

    assert len("".join(text.split())) <= LONGEST_MANAGED_POLICY
    for statement in json.loads(text)["Statement"]:
        assert all(action.partition(":")[2] not in ("", "*") for action in _as_list(statement["Action"]))


def test_a_workflow_deploys_without_a_key_that_lasts() -> None:
    workflow = yaml.safe_load((EXAMPLES / "github-deploy.yml").read_text())
    (job,) = workflow["jobs"].values()
    trusted = json.loads((EXAMPLES / "github-trust.json").read_text())["Statement"][0]

    assert job["permissions"] == {"id-token": "write", "contents": "read"}
    assert "secrets." not in (EXAMPLES / "github-deploy.yml").read_text()
    assert trusted["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert trusted["Condition"]["StringEquals"].keys() == {
        "token.actions.githubusercontent.com:aud",
        "token.actions.githubusercontent.com:sub",
    }
