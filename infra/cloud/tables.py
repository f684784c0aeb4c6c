"""The resource of each table: its keys and indexes are those of its model."""

from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.infrastructure.dynamodb.tables import TABLES, TableDefinition

from .templates import Template, sub

EXPIRY = "ttl"
"""The name of a model's TTL attribute: the time, in seconds since 1970, at which DynamoDB deletes an item."""
IN_PRODUCTION = {"Fn::If": ["IsProduction", True, False]}
IF_PROTECTED = {"Fn::If": ["IsProtected", True, False]}


def table_resources() -> Template:
    """Makes all tables, by logical id.

    In production every table gets deletion protection once the stack stands: its deletion fails and keeps the data.
    During the creation it would keep a failed one from being rolled back. A DeletionPolicy that depends on the stage
    would need the AWS::LanguageExtensions transform. LocalStack 4.9 fails on that with an internal error.
    """
    return {
        table.logical_id: {
            "Type": "AWS::DynamoDB::Table",
            "DeletionPolicy": "Delete",
            "UpdateReplacePolicy": "Retain",
            "Properties": _properties(table),
        }
        for table in TABLES
    }


def _properties(table: TableDefinition) -> Template:
    schema = table.model._get_schema()  # pynamodb creates tables from it, and has no public name for it
    keys = _keys(schema["key_schema"])
    indexes = {
        "GlobalSecondaryIndexes": [_index(one) for one in schema["global_secondary_indexes"]],
        "LocalSecondaryIndexes": [_index(one) for one in schema["local_secondary_indexes"]],
    }
    all_keys = [*keys, *(key for of_a_kind in indexes.values() for index in of_a_kind for key in index["KeySchema"])]
    types = {one["AttributeName"]: one["AttributeType"] for one in schema["attribute_definitions"]}
    used = dict.fromkeys(key["AttributeName"] for key in all_keys)
    return {
        "BillingMode": "PAY_PER_REQUEST",
        "DeletionProtectionEnabled": IF_PROTECTED,
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": IN_PRODUCTION},
        "TableName": sub(f"cinema-${{Stage}}-{table.name}"),
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": types[name]} for name in used],
        "KeySchema": keys,
        **{kind: of_a_kind for kind, of_a_kind in indexes.items() if of_a_kind},
        **_expiry(table),
        **({"StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"}} if table.has_stream else {}),
    }


def _index(schema: Mapping[str, Any]) -> Template:
    return {
        "IndexName": schema["index_name"],
        "KeySchema": _keys(schema["key_schema"]),
        "Projection": schema["projection"],
    }


def _keys(schema: Iterable[Mapping[str, Any]]) -> list[Template]:
    """Puts HASH before RANGE, as DynamoDB requires. A model sorts its attributes by name."""
    by_kind = {key["KeyType"]: key["AttributeName"] for key in schema}
    return [{"AttributeName": by_kind[kind], "KeyType": kind} for kind in ("HASH", "RANGE") if kind in by_kind]


def _expiry(table: TableDefinition) -> Template:
    attribute = table.model.get_attributes().get(EXPIRY)
    if attribute is None:
        return {}
    return {"TimeToLiveSpecification": {"AttributeName": attribute.attr_name, "Enabled": True}}
