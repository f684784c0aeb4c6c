"""The life of a stage, by the commands: deployed, protected, changed, torn down."""

import copy
import os
import re
from collections.abc import Iterator

import boto3
import pytest

from infra.cloud import data_template, deploy, teardown
from infra.cloud.deploying.changes import Plan
from infra.cloud.deploying.parameters import APP_SETTINGS, DATA_SETTINGS, data_parameters
from infra.cloud.deploying.stacks import DeploymentError, app_stack, data_stack, read_status
from infra.cloud.deploying.update import StackTemplate, deploy_stack
from infra.cloud.templates import as_body
from infra.local import emulator
from infra.local.identity_provider import Provider
from tests.effort import thorough

from .conftest import BUYER

STAGE = "prod"


@pytest.fixture(autouse=True)
def at_the_emulator(emulator_with_iam: str, provider: Provider) -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as environment:
        for name in (*APP_SETTINGS.values(), *DATA_SETTINGS.values(), "CANARY", "CANARY_TOKEN"):
            environment.delenv(name, raising=False)
        for name, value in {**emulator.CREDENTIALS, "AWS_ENDPOINT_URL": emulator_with_iam}.items():
            environment.setenv(name, value)
        environment.setenv("AUTH_ISSUER", provider.issuer)
        environment.setenv("AUTH_CLIENT_ID", provider.client_id)
        environment.setenv("AUTH_SIGN_IN_URL", provider.issuer)
        environment.setenv("CANARY_TOKEN", provider.access_token(BUYER))
        yield environment


def _protected() -> set[bool]:
    names = [one["TableName"] for one in data_template.resources("AWS::DynamoDB::Table", STAGE)]
    client = boto3.client("dynamodb")
    return {client.describe_table(TableName=name)["Table"]["DeletionProtectionEnabled"] for name in names}


@thorough
def test_production_is_deployed_protected_and_removed_only_once_that_is_lifted(
    at_the_emulator: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy.main([STAGE, "--yes"])
    said = capsys.readouterr().out
    assert f"{data_stack(STAGE)}: creates" in said
    assert re.search(r"page and API  http\S+/\n  WebSockets    ws\S+\n", said)
    assert "Canary: seat A1 of a screening free of charge was held, bought" in said
    _assert_protection_keeps_everything()

    at_the_emulator.setenv("PROTECTION", "off")
    with pytest.raises(SystemExit, match=f"{data_stack(STAGE)} was left as it is: .*YES=1"):
        deploy.main([STAGE])  # nobody is at a terminal
    deploy.deploy_data(STAGE)
    assert _protected() == {False}
    with pytest.raises(SystemExit, match="Nothing was removed: there is no terminal"):
        teardown.main([STAGE])

    _file_an_invoice_twice()
    teardown.main([STAGE, "--yes"])
    said = capsys.readouterr().out
    assert f"cinema-{STAGE}-invoices-000000000000-us-east-1: 2 files and versions are removed" in said
    assert "These stay:\n  the bucket cinema-artifacts-" in said
    _assert_nothing_is_left()


def test_what_is_removed_already_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    teardown.main([STAGE, "--yes"])
    assert f"Nothing is there of stage {STAGE}." in capsys.readouterr().out


def _assert_protection_keeps_everything() -> None:
    assert _protected() == {True}
    with pytest.raises(SystemExit, match=r"(?s)prod is protected.*cinema-prod-rows.*PROTECTION=off make deploy"):
        teardown.main([STAGE, "--yes"])
    assert read_status(app_stack(STAGE)) == "CREATE_COMPLETE"


def _file_an_invoice_twice() -> None:
    """In production invoices keep their versions."""
    client = boto3.client("s3")
    for body in (b"one", b"two"):
        client.put_object(Bucket=f"cinema-{STAGE}-invoices-000000000000-us-east-1", Key="invoices/1.pdf", Body=body)


def _assert_nothing_is_left() -> None:
    ours = f"cinema-{STAGE}-"
    assert [name for name in boto3.client("dynamodb").list_tables()["TableNames"] if name.startswith(ours)] == []
    assert boto3.client("sqs").list_queues(QueueNamePrefix=ours).get("QueueUrls", []) == []
    assert [one["Name"] for one in boto3.client("s3").list_buckets()["Buckets"] if one["Name"].startswith(ours)] == []
    functions = boto3.client("lambda").get_paginator("list_functions").paginate()
    assert [one["FunctionName"] for page in functions for one in page["Functions"] if ours in one["FunctionName"]] == []
    assert [read_status(name) for name in (data_stack(STAGE), app_stack(STAGE))] == [None, None]


def test_a_creation_of_production_that_failed_is_mended_by_deploying_again() -> None:
    """No table is protected before the stack stands: DynamoDB would refuse to delete it in the roll-back."""
    template = copy.deepcopy(data_template.template())
    last = {"DependsOn": list(template["Resources"]), "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "1"}}
    template["Resources"]["Handle"] = {"Type": "AWS::CloudFormation::WaitConditionHandle"}
    template["Resources"]["NeverCome"] = {"Type": "AWS::CloudFormation::WaitCondition", **last}
    failing = StackTemplate({"TemplateBody": as_body(template)}, data_parameters(), DATA_SETTINGS)
    with pytest.raises(DeploymentError, match="NeverCome: "):
        deploy_stack(data_stack(STAGE), {"Stage": STAGE, "Emulated": "yes"}, failing)
    assert read_status(data_stack(STAGE)) == "ROLLBACK_COMPLETE"
    waits: list[float] = []

    plans: list[Plan] = []
    deploy.deploy_data(STAGE, plans.append, waits.append)

    assert (len(plans), plans[0].is_new) == (1, True)
    assert 0 < sum(waits) <= 61, "the names of the queues that were rolled back are waited for"
    assert _protected() == {True}


def test_protection_is_switched_on_after_the_creation_and_stays_without_being_said(
    at_the_emulator: pytest.MonkeyPatch,
) -> None:
    at_the_emulator.setenv("PROTECTION", "off")
    deploy.deploy_data(STAGE)
    assert _protected() == {False}
    at_the_emulator.delenv("PROTECTION")
    deploy.deploy_data(STAGE)
    assert _protected() == {True}
    stack = boto3.client("cloudformation").describe_stacks(StackName=data_stack(STAGE))["Stacks"][0]
    assert stack["EnableTerminationProtection"]
    assert os.environ.get("PROTECTION") is None


def test_what_is_typed_must_be_the_stages_name(at_the_emulator: pytest.MonkeyPatch) -> None:
    at_the_emulator.setenv("PROTECTION", "off")
    deploy.deploy_data(STAGE)

    with pytest.raises(DeploymentError, match="Nothing was removed"):
        teardown.tear_down(STAGE, sure=False, at_terminal=True, ask=lambda _: "dev")
    assert read_status(data_stack(STAGE))
    teardown.tear_down(STAGE, sure=False, at_terminal=True, ask=lambda _: STAGE)
    assert read_status(data_stack(STAGE)) is None
