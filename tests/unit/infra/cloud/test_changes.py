"""Changes of a stack: said and agreed to before they are made, and mended where an earlier deployment failed."""

from collections.abc import Callable, Iterator

import pytest

from infra.cloud.deploying.changes import LOUD, Plan, ResourceChange
from infra.cloud.deploying.review import PrintedReview
from infra.cloud.deploying.stacks import DeploymentError
from infra.cloud.deploying.update import StackTemplate, deploy_stack
from infra.local.emulator import CREDENTIALS
from tests.cloudformation_server import CloudFormation, cloudformation_server

NAME = "cinema-prod-data"
TEMPLATE = StackTemplate(
    {"TemplateBody": "{}"},
    {"Stage": {}, "HoldSeconds": {"Default": 30}, "RedisUrl": {"Default": "", "NoEcho": True}},
    {"HoldSeconds": "HOLD_SECONDS", "RedisUrl": "REDIS_URL"},
)
TAKEN = (
    "You must wait 60 seconds after deleting a queue before you can create another with the same name."
    " (Service: Sqs, Status Code: 400, AWS.SimpleQueueService.QueueDeletedRecently)"
)
"""SQS's words in the events of CloudFormation, by reports of this error."""

Deploy = Callable[..., None]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudFormation]:
    with cloudformation_server(Stage="", HoldSeconds="30", RedisUrl="") as (url, server):
        for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": url}.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def plans() -> list[Plan]:
    return []


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def deployed(plans: list[Plan], waits: list[float]) -> Deploy:
    def deploy(**said: str) -> None:
        deploy_stack(NAME, {"Stage": "prod", **said}, TEMPLATE, plans.append, waits.append)

    return deploy


# What a change set is made of, and what becomes of it


def test_a_deployment_that_forgets_a_setting_changes_nothing(
    aws: CloudFormation, deployed: Deploy, plans: list[Plan]
) -> None:
    deployed(HoldSeconds="60", RedisUrl="redis://x")
    deployed()

    assert [plan.lines for plan in plans] == [["modify Rows (AWS::DynamoDB::Table)"], []]
    assert aws.find(NAME).parameters == {"Stage": "prod", "HoldSeconds": "60", "RedisUrl": "redis://x"}
    assert aws.change_sets == {}, "the empty change set was left behind"
    assert len(aws.asked("ExecuteChangeSet")) == 1


def test_the_settings_that_change_are_said_with_the_resources(
    aws: CloudFormation, deployed: Deploy, plans: list[Plan]
) -> None:
    deployed(HoldSeconds="60")
    deployed(HoldSeconds="45")

    assert plans[-1].lines == ["HOLD_SECONDS: 60 → 45", "modify Rows (AWS::DynamoDB::Table)"]
    assert aws.find(NAME).parameters["HoldSeconds"] == "45"


def test_what_is_not_agreed_to_is_not_done(aws: CloudFormation) -> None:
    def refuse(_: Plan) -> None:
        raise DeploymentError("no")

    aws.add(NAME, "UPDATE_COMPLETE", Stage="prod", HoldSeconds="60")
    for said in ({"Stage": "prod", "HoldSeconds": "45"}, {"Stage": "new", "HoldSeconds": "45"}):
        name = NAME if said["Stage"] == "prod" else "cinema-new-data"
        with pytest.raises(DeploymentError, match="no"):
            deploy_stack(name, said, TEMPLATE, refuse)

    assert aws.find(NAME).parameters["HoldSeconds"] == "60"
    assert (aws.change_sets, aws.asked("ExecuteChangeSet")) == ({}, [])
    assert [stack.status for stack in aws.stacks if stack.name == "cinema-new-data"] == ["DELETE_COMPLETE"]


def test_a_failed_update_is_rolled_back_and_says_why(aws: CloudFormation, deployed: Deploy) -> None:
    aws.add(NAME, "UPDATE_COMPLETE", Stage="prod")
    aws.failures = ["The attribute VisibilityTimeout is invalid."]

    with pytest.raises(DeploymentError) as failure:
        deployed(HoldSeconds="45")

    assert str(failure.value).splitlines() == [
        f"Stack {NAME} could not be deployed:",
        "  Webhooks: The attribute VisibilityTimeout is invalid.",
        "  Audit: Resource creation cancelled",
        "It was rolled back: what was deployed before is in use.",
    ]
    assert aws.asked("ExecuteChangeSet")[0]["DisableRollback"] == "false"


# What an earlier deployment left


def test_what_a_failed_creation_left_is_removed_and_made_anew(
    aws: CloudFormation, deployed: Deploy, waits: list[float]
) -> None:
    """Its queues were deleted 20 s ago, as this server says; SQS keeps their names for 60 s."""
    aws.failures = ["Something is wrong."]
    with pytest.raises(DeploymentError, match=r"Something is wrong.*\n.*\n.*`make deploy` removes what is left"):
        deployed()

    deployed()

    assert [stack.status for stack in aws.stacks] == ["DELETE_COMPLETE", "CREATE_COMPLETE"]
    assert waits == [pytest.approx(41, abs=5)]


def test_the_names_of_queues_deleted_just_before_are_waited_for_once(
    aws: CloudFormation, deployed: Deploy, waits: list[float], plans: list[Plan]
) -> None:
    aws.failures = [TAKEN]

    deployed()

    assert aws.find(NAME).status == "CREATE_COMPLETE"
    assert waits[0] == 60
    assert len(plans) == 1, "it was agreed to once"

    other = "cinema-other-data"
    aws.failures = [TAKEN, TAKEN]
    with pytest.raises(DeploymentError, match="QueueDeletedRecently"):
        deploy_stack(other, {"Stage": "other"}, TEMPLATE, sleep=waits.append)


def test_a_failed_roll_back_is_continued_before_anything_is_changed(aws: CloudFormation, deployed: Deploy) -> None:
    aws.add(NAME, "UPDATE_ROLLBACK_FAILED", Stage="prod", HoldSeconds="60")

    deployed(HoldSeconds="45")

    assert (aws.find(NAME).status, aws.find(NAME).parameters["HoldSeconds"]) == ("UPDATE_COMPLETE", "45")


def test_a_roll_back_that_fails_again_is_left_with_the_way_out(aws: CloudFormation, deployed: Deploy) -> None:
    aws.add(NAME, "UPDATE_ROLLBACK_FAILED", Stage="prod")
    aws.failures = ["Table is being used."]

    with pytest.raises(DeploymentError, match=r"Rows: Table is being used\.\n.*continue-update-rollback .*data --res"):
        deployed(HoldSeconds="45")
    assert aws.asked("CreateChangeSet") == []


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        ("UPDATE_IN_PROGRESS", "Wait for the end"),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "Wait for the end"),
        ("DELETE_FAILED", "make teardown"),
        ("UPDATE_FAILED", "rollback-stack --stack-name cinema-prod-data"),
    ],
)
def test_a_stack_that_can_not_be_deployed_is_left_with_a_remedy(
    aws: CloudFormation, deployed: Deploy, status: str, remedy: str
) -> None:
    aws.add(NAME, status, Stage="prod")

    with pytest.raises(DeploymentError, match=remedy):
        deployed()
    assert aws.asked("CreateChangeSet") == []


# The words


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (ResourceChange("Add", "Rows", "AWS::DynamoDB::Table"), "add Rows (AWS::DynamoDB::Table)"),
        (ResourceChange("Modify", "Rows", "AWS::DynamoDB::Table"), "modify Rows (AWS::DynamoDB::Table)"),
        (ResourceChange("Modify", "Api", "AWS::ApiGateway::RestApi", "True"), "replace Api (AWS::ApiGateway::RestApi)"),
        (
            ResourceChange("Modify", "Audit", "AWS::SQS::Queue", "Conditional"),
            "!!! MAY REPLACE Audit (AWS::SQS::Queue): a new one begins empty",
        ),
        (
            ResourceChange("Remove", "Rows", "AWS::DynamoDB::Table"),
            "!!! REMOVE Rows (AWS::DynamoDB::Table): what is in it is lost",
        ),
        (ResourceChange("Remove", "Late", "AWS::CloudWatch::Alarm"), "remove Late (AWS::CloudWatch::Alarm)"),
    ],
    ids=lambda value: getattr(value, "action", ""),
)
def test_a_change_is_one_plain_line_and_lost_data_is_said_loudly(change: ResourceChange, line: str) -> None:
    assert str(change) == line
    assert change.loses_data == line.startswith(LOUD)


def test_lost_data_comes_first() -> None:
    changes = [ResourceChange("Add", "A", "AWS::SNS::Topic"), ResourceChange("Remove", "Z", "AWS::S3::Bucket")]

    assert Plan(NAME, False, ["SELLER: a → b"], changes).lines == [str(changes[1]), "SELLER: a → b", str(changes[0])]


def test_a_creation_is_counted_where_it_is_long() -> None:
    many = [ResourceChange("Add", f"Q{number}", "AWS::SQS::Queue") for number in range(20)]

    assert Plan(NAME, True, (), many).lines == ["add 20 × AWS::SQS::Queue"]
    assert len(Plan(NAME, False, (), many).lines) == 20


# Who agrees

CHANGE = Plan("cinema-prod-app", False, ["HOLD_SECONDS: 60 → 30"])
NOTHING = Plan("cinema-prod-app", False)


def test_a_change_of_production_is_asked_for() -> None:
    asked = list[str]()

    def answer(word: bool) -> PrintedReview:
        def ask(question: str) -> bool:
            asked.append(question)
            return word

        return PrintedReview("prod", sure=False, at_terminal=True, ask=ask, say=lambda _: None)

    with pytest.raises(DeploymentError, match="was left as it is"):
        answer(False)(CHANGE)
    answer(True)(CHANGE)
    assert asked == ["Change this in prod? [y/N] "] * 2


def test_where_nobody_can_be_asked_production_is_left_as_it_is() -> None:
    with pytest.raises(DeploymentError, match="YES=1"):
        PrintedReview("prod", sure=False, at_terminal=False, say=lambda _: None)(CHANGE)


@pytest.mark.parametrize(
    ("stage", "plan", "sure"), [("dev", CHANGE, False), ("prod", NOTHING, False), ("prod", CHANGE, True)]
)
def test_nothing_else_is_asked_for(stage: str, plan: Plan, sure: bool) -> None:
    said = list[str]()

    PrintedReview(stage, sure=sure, at_terminal=False, say=said.append)(plan)

    changed = ["cinema-prod-app: changes", "  HOLD_SECONDS: 60 → 30"]
    assert said == (changed if plan is CHANGE else ["cinema-prod-app: nothing to change"])
