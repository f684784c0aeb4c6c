"""`ops warm` against a DynamoDB that answers as "Increase your existing DynamoDB table's warm throughput" describes."""

from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest

from infra.ops.commands.warm import MOST_UNITS, TABLES, warm_tables
from infra.ops.connection import Connection, OpsError
from infra.ops.text import Answer

NEW = {"ReadUnitsPerSecond": 12_000, "WriteUnitsPerSecond": 4_000}
"""What DescribeTable says of a new on-demand table, or of its index."""


@dataclass
class DynamoDb:
    """Tables with their warm throughput. One that is raised is UPDATING for `looks` calls of DescribeTable."""

    looks: int = 2
    warm: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)
    updating: dict[str, int] = field(default_factory=dict)
    updates: list[dict[str, Any]] = field(default_factory=list)

    def describe_table(self, TableName: str) -> Any:  # noqa: N803 - boto3's name
        self.updating[TableName] = max(self.updating.get(TableName, 0) - 1, 0)
        state = {"Status": "UPDATING" if self.updating[TableName] else "ACTIVE"}
        table: dict[str, Any] = {"WarmThroughput": {**self.warm.get((TableName, ""), NEW), **state}}
        if TableName.endswith("-sessions"):
            warmth = {**self.warm.get((TableName, "programme"), NEW), **state}
            table["GlobalSecondaryIndexes"] = [{"IndexName": "programme", "WarmThroughput": warmth}]
        return {"Table": table}

    def update_table(self, TableName: str, **request: Any) -> None:  # noqa: N803
        self.updates.append({"TableName": TableName, **request})
        self.updating[TableName] = self.looks + 1
        if "WarmThroughput" in request:
            self.warm[TableName, ""] = request["WarmThroughput"]
        for one in request.get("GlobalSecondaryIndexUpdates", []):
            self.warm[TableName, one["Update"]["IndexName"]] = one["Update"]["WarmThroughput"]


@dataclass(frozen=True)
class ToStub(Connection):
    dynamodb: Any = None

    def client(self, service: str) -> Any:
        assert service == "dynamodb"
        return self.dynamodb


def warm(dynamodb: Any, reads: int = 0, writes: int = 0, *, sure: bool = True) -> Answer:
    to = ToStub("prod", None, boto3.Session(region_name="us-east-1"), dynamodb=dynamodb)
    return warm_tables(to, reads, writes, sure=sure, sleep=lambda seconds: None)


def test_it_shows_what_the_tables_of_a_purchase_take_at_once_and_changes_nothing() -> None:
    dynamodb = DynamoDb()
    answer = warm(dynamodb)

    assert [(row["table"], row["index"]) for row in answer.data["tables"]] == [
        ("sessions", None),
        ("sessions", "programme"),
        *((table, None) for table in TABLES[1:]),
    ]
    assert {row["writes/s"] for row in answer.data["tables"]} == {4_000}
    assert (dynamodb.updates, answer.status) == ([], 0)


def test_without_yes_it_says_what_it_would_cost() -> None:
    dynamodb = DynamoDb()
    answer = warm(dynamodb, reads=20_000, writes=8_000, sure=False)

    assert answer.data["dollars"] == pytest.approx(6 * (8_000 * 0.00013 + 4_000 * 0.00065))
    assert "$21.84" in answer.text
    assert dynamodb.updates == []


def test_it_raises_each_table_with_its_index_and_waits_until_it_is_done() -> None:
    dynamodb = DynamoDb(looks=3)
    answer = warm(dynamodb, reads=20_000, writes=8_000)

    wanted = {"ReadUnitsPerSecond": 20_000, "WriteUnitsPerSecond": 8_000}
    assert [update["TableName"] for update in dynamodb.updates] == [f"cinema-prod-{table}" for table in TABLES]
    assert dynamodb.updates[0] == {
        "TableName": "cinema-prod-sessions",
        "WarmThroughput": wanted,
        "GlobalSecondaryIndexUpdates": [{"Update": {"IndexName": "programme", "WarmThroughput": wanted}}],
    }
    assert {(row["reads/s"], row["writes/s"], row["state"]) for row in answer.data["tables"]} == {
        (20_000, 8_000, "ACTIVE")
    }


def test_what_is_warm_already_is_neither_lowered_nor_paid_for() -> None:
    """DynamoDB refuses to lower it, and the request with it."""
    dynamodb = DynamoDb(warm={("cinema-prod-rows", ""): {"ReadUnitsPerSecond": 12_000, "WriteUnitsPerSecond": 30_000}})
    warm(dynamodb, reads=15_000, writes=8_000)
    warm(dynamodb, reads=15_000, writes=8_000)

    (rows,) = [update for update in dynamodb.updates if update["TableName"] == "cinema-prod-rows"]
    assert rows["WarmThroughput"] == {"ReadUnitsPerSecond": 15_000, "WriteUnitsPerSecond": 30_000}
    assert len(dynamodb.updates) == len(TABLES), "the second time, there is nothing to raise"


def test_more_than_an_account_has_is_refused_first() -> None:
    dynamodb = DynamoDb()
    with pytest.raises(OpsError, match="higher quota"):
        warm(dynamodb, writes=MOST_UNITS + 1)

    assert dynamodb.updates == []


def test_an_update_that_takes_too_long_is_told_with_the_command_that_looks_again() -> None:
    with pytest.raises(OpsError, match="warm --stage prod"):
        warm(DynamoDb(looks=10**6), writes=8_000)


def test_an_emulator_that_keeps_nothing_warm_is_told_so() -> None:
    class Emulator:
        def describe_table(self, TableName: str) -> Any:  # noqa: N803
            return {"Table": {"TableName": TableName}}

    with pytest.raises(OpsError, match="only AWS"):
        warm(Emulator())
