"""`KEEP=1 make run`: what the embedded emulator had when it was asked to end, it has again; without, it has nothing."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from infra.local import emulator, emulator_packages
from infra.processes import CannotRunError, free_port

TABLE, BUCKET, NAME = "cinema-kept-rows", "cinema-kept-invoices", "/cinema/kept/id-secret"


def client_of(endpoint: str, service: Any) -> Any:
    credentials = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    make: Any = boto3.client
    return make(service, endpoint_url=endpoint, **credentials)


def fill(endpoint: str) -> None:
    """Puts something into each service of the emulator that has data."""
    with closing(client_of(endpoint, "dynamodb")) as dynamodb:
        dynamodb.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        )
        dynamodb.put_item(TableName=TABLE, Item={"id": {"S": "A"}, "version": {"N": "3"}, "blob": {"B": b"\x00\xff"}})
    with closing(client_of(endpoint, "ssm")) as ssm:
        ssm.put_parameter(Name=NAME, Value="secret", Type="SecureString")
    with closing(client_of(endpoint, "s3")) as s3:
        s3.create_bucket(Bucket=BUCKET)
        s3.put_object(Bucket=BUCKET, Key="1.pdf", Body=b"%PDF")
    with closing(client_of(endpoint, "sqs")) as sqs:
        url = sqs.create_queue(QueueName="cinema-kept-expiry")["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="a hold")


def what_is_there(endpoint: str) -> dict[str, Any]:
    """Reads what `fill` has put there."""
    found: dict[str, Any] = {}
    with closing(client_of(endpoint, "dynamodb")) as dynamodb:
        found["item"] = dynamodb.get_item(TableName=TABLE, Key={"id": {"S": "A"}})["Item"]
    with closing(client_of(endpoint, "ssm")) as ssm:
        found["secret"] = ssm.get_parameter(Name=NAME, WithDecryption=True)["Parameter"]["Value"]
    with closing(client_of(endpoint, "s3")) as s3:
        found["invoice"] = s3.get_object(Bucket=BUCKET, Key="1.pdf")["Body"].read()
    with closing(client_of(endpoint, "sqs")) as sqs:
        url = sqs.get_queue_url(QueueName="cinema-kept-expiry")["QueueUrl"]
        found["message"] = sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"]
    return found


@pytest.fixture(scope="module", autouse=True)
def embedded_emulator() -> None:
    try:
        emulator_packages.install_emulator()
    except CannotRunError as reason:
        pytest.skip(str(reason))


def test_what_is_kept_is_there_again(tmp_path: Path) -> None:
    with emulator.run_ministack(free_port(), run_dir=tmp_path, keep=True) as first:
        fill(first.endpoint)
    with emulator.run_ministack(free_port(), run_dir=tmp_path, keep=True) as second:
        assert what_is_there(second.endpoint) == {
            "item": {"id": {"S": "A"}, "version": {"N": "3"}, "blob": {"B": b"\x00\xff"}},
            "secret": "secret",
            "invoice": b"%PDF",
            "message": "a hold",
        }


def test_functions_read_the_new_streams_from_their_beginning(tmp_path: Path) -> None:
    """The emulator keeps how far it had read, and not what: it would pass over as many events as there were before."""
    kept = {"functions": {"a": 1}, "dynamodb_stream_positions": {"mapping": 100}}
    (tmp_path / "lambda.json").write_text(json.dumps({"__ministack_format__": 2, "payload": kept}))

    emulator.forget_stream_positions(tmp_path)
    emulator.forget_stream_positions(tmp_path / "nothing-yet")

    left = {"__ministack_format__": 2, "payload": {"functions": {"a": 1}}}
    assert json.loads((tmp_path / "lambda.json").read_text()) == left


def test_what_is_not_kept_is_gone(tmp_path: Path) -> None:
    with emulator.run_ministack(free_port(), run_dir=tmp_path) as first:
        fill(first.endpoint)
    with emulator.run_ministack(free_port(), run_dir=tmp_path) as second, pytest.raises(ClientError, match="not found"):
        what_is_there(second.endpoint)
