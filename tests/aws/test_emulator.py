"""Where ministack differs from AWS, as docs/emulators.md lists it: what the endpoint adds, or tests must not expect.

When one of these tests fails, the emulator has come nearer to AWS: then its line and its test go.
"""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from chalicelib.settings import DEFAULT_SENDER
from infra.local.emulator import ask_emulator_name

from . import errors
from .clients import Items, PackagedApi
from .endpoint import Call, Endpoint, Forward, Reply

MAIL: Any = {"Source": DEFAULT_SENDER, "RawMessage": {"Data": b"Subject: Hello\r\n\r\nHello"}}


@pytest.fixture(autouse=True)
def ministack(emulator: str) -> None:
    name = ask_emulator_name(emulator)
    if not name.startswith("ministack"):
        pytest.skip(f"these are the differences of ministack, and here is {name}")


@pytest.fixture
def replies(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Reply]]:
    """The emulator's answers to the calls of this process, as they go over the wire."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.url)
    seen: list[Reply] = []

    def note(call: Call, forward: Forward) -> Reply:
        seen.append(forward(call))
        return seen[-1]

    with endpoint.behaving(note):
        yield seen


def _type_of(reply: Reply) -> str:
    return str(json.loads(reply.body)["__type"])


def test_an_error_has_no_namespace(replies: list[Reply], items: Items) -> None:
    with pytest.raises(ClientError):
        boto3.client("dynamodb").get_item(TableName=f"none-{uuid.uuid4()}", Key={"id": {"S": "1"}})

    assert _type_of(replies[0]) == "ResourceNotFoundException"
    assert _type_of(errors.NO_TABLE).endswith("#ResourceNotFoundException")


def test_a_cancelled_transaction_says_its_message_in_small_letters(replies: list[Reply], items: Items) -> None:
    """botocore reads both; AWS writes `Message`."""
    key, condition = {"id": {"S": "x"}}, "attribute_exists(id)"
    put: Any = {"TableName": items.name("rows"), "Item": key, "ConditionExpression": condition}
    with pytest.raises(ClientError):
        boto3.client("dynamodb").transact_write_items(TransactItems=[{"Put": put}])

    assert "message" in json.loads(replies[0].body)
    assert "Message" in json.loads(errors.transaction_cancelled(errors.FINE).body)


def test_signatures_are_not_checked(items: Items) -> None:
    """So neither a wrong key, an expired token nor a clock that is wrong is ever refused."""
    nobody = boto3.client("dynamodb", aws_access_key_id="nobody", aws_secret_access_key="wrong")

    assert items.name("rows") in nobody.list_tables()["TableNames"]


def test_the_name_of_a_deleted_queue_is_free_at_once() -> None:
    client, name = boto3.client("sqs"), f"cinema-of-nobody-{uuid.uuid4().hex[:8]}"
    client.delete_queue(QueueUrl=client.create_queue(QueueName=name)["QueueUrl"])

    again = client.create_queue(QueueName=name)

    client.delete_queue(QueueUrl=again["QueueUrl"])


def test_an_email_goes_to_any_address_as_outside_the_sandbox() -> None:
    assert boto3.client("ses").send_raw_email(**MAIL, Destinations=[f"{uuid.uuid4()}@example.com"])["MessageId"]


def test_emails_are_sent_at_any_rate() -> None:
    """In the sandbox AWS takes one a second."""
    client = boto3.client("ses")
    sent = [client.send_raw_email(**MAIL, Destinations=["ana@example.com"]) for _ in range(5)]

    assert len({one["MessageId"] for one in sent}) == 5


def test_a_stream_record_has_no_size_and_a_number_that_begins_with_zeros(
    packaged_api: PackagedApi, items: Items
) -> None:
    packaged_api.hold(packaged_api.schedule(), "A1")
    streams = boto3.client("dynamodbstreams")
    arn = items.dynamodb.describe_table(TableName=items.name("rows"))["Table"]["LatestStreamArn"]
    shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")

    record = streams.get_records(ShardIterator=iterator["ShardIterator"], Limit=1)["Records"][0]["dynamodb"]

    assert record["SizeBytes"] == 0
    assert record["SequenceNumber"].startswith("0")


def test_a_stack_is_deleted_with_its_protected_tables() -> None:
    """DeleteTable itself is refused, as on AWS."""
    cloudformation, dynamodb = boto3.client("cloudformation"), boto3.client("dynamodb")
    stack = f"cinema-of-nobody-{uuid.uuid4().hex[:8]}"
    cloudformation.create_stack(StackName=stack, TemplateBody=json.dumps(_stack_with_protected_table(stack)))
    cloudformation.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
    with pytest.raises(ClientError, match="deletion protection"):
        dynamodb.delete_table(TableName=stack)

    cloudformation.delete_stack(StackName=stack)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})

    assert stack not in dynamodb.list_tables()["TableNames"]


def _stack_with_protected_table(name: str) -> dict[str, Any]:
    properties = {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "DeletionProtectionEnabled": True,
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    }
    return {"Resources": {"Table": {"Type": "AWS::DynamoDB::Table", "Properties": properties}}}


def test_a_parameter_that_is_left_out_takes_the_template_s_default() -> None:
    """Here it does as AWS does (F1: "Updating stacks" in the CloudFormation User Guide): nothing has to be added."""
    client, stack = boto3.client("cloudformation"), f"cinema-of-nobody-{uuid.uuid4().hex[:8]}"
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": {"Ref": "Delay"}}}
    template = {"Parameters": {"Delay": {"Type": "Number", "Default": 0}}, "Resources": {"Queue": queue}}
    body: dict[str, Any] = {"StackName": stack, "TemplateBody": json.dumps(template)}
    client.create_stack(**body, Parameters=[{"ParameterKey": "Delay", "ParameterValue": "5"}])
    client.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})

    client.update_stack(**body)
    client.get_waiter("stack_update_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})

    (parameter,) = client.describe_stacks(StackName=stack)["Stacks"][0]["Parameters"]
    client.delete_stack(StackName=stack)
    assert parameter["ParameterValue"] == "0"
