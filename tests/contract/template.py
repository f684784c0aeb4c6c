"""The tables of the data stack, as CreateTable wants them."""

from typing import Any

from infra.cloud.data_template import resources

CREATE_TABLE = (
    "TableName",
    "BillingMode",
    "AttributeDefinitions",
    "KeySchema",
    "GlobalSecondaryIndexes",
    "LocalSecondaryIndexes",
    "StreamSpecification",
)


def tables(stage: str) -> dict[str, dict[str, Any]]:
    """The properties of each table, by the last part of its name: sessions, rows and so on."""
    found = resources("AWS::DynamoDB::Table", stage)
    return {table["TableName"].removeprefix(f"cinema-{stage}-"): table for table in found}


def create_table_request(table: dict[str, Any]) -> dict[str, Any]:
    request = {name: table[name] for name in CREATE_TABLE if name in table}
    if "StreamSpecification" in request:
        request["StreamSpecification"] = {"StreamEnabled": True, **request["StreamSpecification"]}
    return request
