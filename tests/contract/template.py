"""The tables of infra/stateful.yaml, as CreateTable wants them."""

from pathlib import Path
from typing import Any

import yaml

TEMPLATE = Path(__file__).parents[2] / "infra" / "stateful.yaml"

CREATE_TABLE = (
    "TableName",
    "BillingMode",
    "AttributeDefinitions",
    "KeySchema",
    "GlobalSecondaryIndexes",
    "LocalSecondaryIndexes",
    "StreamSpecification",
)


class _Loader(yaml.SafeLoader):
    """Reads `!Sub text` as the text and any other function as its argument."""


def _argument(loader: yaml.SafeLoader, _: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    return loader.construct_sequence(node) if isinstance(node, yaml.SequenceNode) else None


_Loader.add_multi_constructor("!", _argument)


def tables(stage: str) -> dict[str, dict[str, Any]]:
    """The properties of each table, by the last part of its name: sessions, rows and so on."""
    template = yaml.load(TEMPLATE.read_text(), _Loader)  # noqa: S506 - a safe loader that knows CloudFormation's tags
    found = [r["Properties"] for r in template["Resources"].values() if r["Type"] == "AWS::DynamoDB::Table"]
    named = [table | {"TableName": table["TableName"].replace("${Stage}", stage)} for table in found]
    return {table["TableName"].removeprefix(f"cinema-{stage}-"): table for table in named}


def create_table_request(table: dict[str, Any]) -> dict[str, Any]:
    request = {name: table[name] for name in CREATE_TABLE if name in table}
    if "StreamSpecification" in request:
        request["StreamSpecification"] = {"StreamEnabled": True, **request["StreamSpecification"]}
    return request
