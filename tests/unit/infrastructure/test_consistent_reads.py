"""Tables are read consistently, and to the end: what is read may decide. A refused write says what it met."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.infrastructure.dynamodb.connection import BatchReader, ConditionFailed, Table, query_items
from chalicelib.infrastructure.dynamodb.values import text_key

KEY = text_key(id="res-1")
STORED = {**KEY, "state": {"S": "pending"}}


class ConditionalCheckFailedException(ClientError):
    pass


class TransactionConflictException(ClientError):
    pass


@dataclass
class RecordingClient:
    """A client of DynamoDB that notes what it is asked. Its conditions fail, and as on AWS the error has the item only
    if that was asked for."""

    exceptions: Any = field(
        default_factory=lambda: type(
            "Exceptions",
            (),
            {
                "ConditionalCheckFailedException": ConditionalCheckFailedException,
                "TransactionConflictException": TransactionConflictException,
            },
        )
    )
    asked: list[dict[str, Any]] = field(default_factory=list)

    def get_item(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        return {"Item": STORED}

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        self.asked += request["RequestItems"].values()
        return {"Responses": {"rows": [STORED]}}

    def query(self, **request: Any) -> dict[str, Any]:
        """Answers with two pages, of an item each."""
        self.asked.append(request)
        return {"Items": [STORED]} if "ExclusiveStartKey" in request else {"Items": [KEY], "LastEvaluatedKey": KEY}

    def put_item(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        item = {"Item": STORED} if request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" else {}
        code = {"Error": {"Code": "ConditionalCheckFailedException", "Message": ""}, **item}
        raise ConditionalCheckFailedException(code, "PutItem")  # type: ignore[arg-type]


@pytest.fixture
def client() -> Any:
    return RecordingClient()


def test_one_item_is_read_consistently(client: Any) -> None:
    assert Table(client, "rows").get(KEY) == STORED

    assert client.asked == [{"TableName": "rows", "Key": KEY, "ConsistentRead": True}]


def test_many_items_are_read_consistently(client: Any) -> None:
    assert list(BatchReader(client, "rows")([KEY])) == [STORED]

    assert client.asked == [{"Keys": [KEY], "ConsistentRead": True}]


def test_a_query_is_read_to_its_last_page(client: Any) -> None:
    assert list(query_items(client, "rows", Limit=1)) == [KEY, STORED]

    assert [request.get("ExclusiveStartKey") for request in client.asked] == [None, KEY]


def test_a_refused_write_says_what_it_met_without_a_second_call(client: Any) -> None:
    with pytest.raises(ConditionFailed) as refused:
        Table(client, "rows").put(STORED, ConditionExpression="attribute_not_exists(id)")

    assert refused.value.item == STORED
    assert len(client.asked) == 1
