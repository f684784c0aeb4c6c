"""Deploying the data stack to a CloudFormation that does as AWS does: F1, F2 and F3 of the faults on a real account."""

from collections.abc import Iterator

import boto3
import pytest

from infra.cloud import data_template, deploy
from infra.cloud.deploying.parameters import APP_SETTINGS, DATA_SETTINGS
from infra.cloud.deploying.stacks import DeploymentError, data_stack, deployed_parameters, read_status

from .cloudformation import Strict
from .endpoint import Endpoint
from .test_cloudformation import Clock

STAGE = "prod"
BROKE = "Resource handler returned message: Rate exceeded (HandlerErrorCode: Throttling)"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def aws(endpoint: Endpoint, emulator: str, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Strict]:
    """A strict CloudFormation, to which all that is deployed goes; without the stage, before and after."""
    for name in (*APP_SETTINGS.values(), *DATA_SETTINGS.values()):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.url)
    strict = Strict(emulator, clock)
    with endpoint.behaving(strict):
        yield strict
    monkeypatch.setenv("AWS_ENDPOINT_URL", emulator)
    _remove_stage()


def _remove_stage() -> None:
    client, tables = boto3.client("cloudformation"), boto3.client("dynamodb")
    if read_status(data_stack(STAGE)) is None:
        return
    for name in _tables():
        tables.update_table(TableName=name, DeletionProtectionEnabled=False)
    client.update_termination_protection(StackName=data_stack(STAGE), EnableTerminationProtection=False)
    client.delete_stack(StackName=data_stack(STAGE))
    client.get_waiter("stack_delete_complete").wait(StackName=data_stack(STAGE), WaiterConfig={"Delay": 1})


def _tables() -> list[str]:
    there = boto3.client("dynamodb").list_tables()["TableNames"]
    named = [one["TableName"] for one in data_template.resources("AWS::DynamoDB::Table", STAGE)]
    return [name for name in named if name in there]


def _protected() -> set[bool]:
    client = boto3.client("dynamodb")
    return {client.describe_table(TableName=one)["Table"]["DeletionProtectionEnabled"] for one in _tables()}


def test_a_setting_that_is_not_given_stays_as_it_is_deployed(aws: Strict, monkeypatch: pytest.MonkeyPatch) -> None:
    """F1: CloudFormation would give it the template's default."""
    monkeypatch.setenv("ALARM_EMAIL", "ops@example.com")
    deploy.deploy_data(STAGE)
    monkeypatch.delenv("ALARM_EMAIL")

    deploy.deploy_data(STAGE)

    deployed = deployed_parameters(data_stack(STAGE)) or {}
    assert deployed["AlarmEmail"] == "ops@example.com"


def test_a_first_creation_of_production_that_failed_is_begun_anew(aws: Strict, clock: Clock) -> None:
    """F2: protected tables could not be removed. F3: the names of its queues are free again after a minute."""
    aws.fail_next = BROKE
    with pytest.raises(DeploymentError, match="Rate exceeded"):
        deploy.deploy_data(STAGE, sleep=clock.sleep)
    assert read_status(data_stack(STAGE)) == "ROLLBACK_COMPLETE", "no table was protected before all was there"

    deploy.deploy_data(STAGE, sleep=clock.sleep)

    assert clock.slept, "it waits for the names of the queues"
    assert _protected() == {True}
    assert (read_status(data_stack(STAGE)) or "").endswith("_COMPLETE")


def test_a_protected_stack_is_not_deleted_and_says_why(aws: Strict) -> None:
    deploy.deploy_data(STAGE)
    client = boto3.client("cloudformation")
    client.update_termination_protection(StackName=data_stack(STAGE), EnableTerminationProtection=False)

    client.delete_stack(StackName=data_stack(STAGE))

    assert read_status(data_stack(STAGE)) == "DELETE_FAILED"
    with pytest.raises(DeploymentError, match="teardown"):
        deploy.deploy_data(STAGE)
    assert _protected() == {True}
