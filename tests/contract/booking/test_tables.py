"""The tables that are deployed are those of the models, and items are stored as the models say."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from chalicelib.domain.times import to_ms
from chalicelib.infrastructure.dynamodb.reservations import REMEMBERED
from chalicelib.infrastructure.dynamodb.tables import TABLES, ReservationItem, SessionItem, TableDefinition
from tests.builders import a_reservation, a_sale
from tests.contract.conftest import Dynamo

each_table = pytest.mark.parametrize("table", TABLES, ids=[table.name for table in TABLES])


def keys(described: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    return [(key["KeyType"], key["AttributeName"]) for key in described]


def indexes(described: Iterable[Mapping[str, Any]]) -> dict[str, tuple[Any, Any]]:
    return {index["IndexName"]: (keys(index["KeySchema"]), index["Projection"]) for index in described}


def indexes_of_model(described: Iterable[Mapping[str, Any]]) -> dict[str, tuple[Any, Any]]:
    return {index["index_name"]: (sorted(keys(index["key_schema"])), index["projection"]) for index in described}


def types(described: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    return {attribute["AttributeName"]: attribute["AttributeType"] for attribute in described}


@each_table
def test_a_deployed_table_has_the_keys_and_indexes_of_its_model(dynamo: Dynamo, table: TableDefinition) -> None:
    """Its HASH before its RANGE, as DynamoDB wants them; a model has its keys in the order of their names."""
    found = dynamo.client.describe_table(TableName=f"{dynamo.prefix}-{table.name}")["Table"]
    model = table.model._get_schema()

    assert keys(found["KeySchema"]) == sorted(keys(model["key_schema"]))
    assert indexes(found.get("GlobalSecondaryIndexes", [])) == indexes_of_model(model["global_secondary_indexes"])
    assert indexes(found.get("LocalSecondaryIndexes", [])) == indexes_of_model(model["local_secondary_indexes"])
    assert types(found["AttributeDefinitions"]) == types(model["attribute_definitions"])


@each_table
def test_changes_are_told_with_what_was_and_what_is_where_a_table_has_a_stream(
    dynamo: Dynamo, table: TableDefinition
) -> None:
    found = dynamo.client.describe_table(TableName=f"{dynamo.prefix}-{table.name}")["Table"]
    told = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"} if table.has_stream else None

    assert found.get("StreamSpecification") == told


@each_table
def test_items_end_by_the_attribute_that_the_model_has_for_it(emulated: Dynamo, table: TableDefinition) -> None:
    """Not on moto, whose tables are made by CreateTable: it takes no expiry."""
    found = emulated.client.describe_time_to_live(TableName=f"{emulated.prefix}-{table.name}")
    attribute = getattr(table.model, "ttl", None)

    assert found["TimeToLiveDescription"].get("AttributeName") == (attribute and attribute.attr_name)


def stored(dynamo: Dynamo, buyer_and_id: dict[str, Any]) -> dict[str, Any]:
    return dict(dynamo.client.get_item(TableName=dynamo.reservations_table, Key=buyer_and_id)["Item"])


def test_a_reservation_is_forgotten_a_day_after_its_expiry_unless_it_was_bought(dynamo: Dynamo) -> None:
    reservation = dynamo.reservations.get_or_add_unless_hold_barred(a_reservation())
    key = {"buyer": {"S": reservation.id[4:15]}, "id": {"S": reservation.id}}

    assert stored(dynamo, key)["ttl"] == {"N": str(to_ms(reservation.expires_at + REMEMBERED) // 1000)}
    dynamo.reservations.mark_confirmed_unless_sold_and_read(reservation.id, a_sale(reservation.hold))
    assert "ttl" not in stored(dynamo, key)


def test_pynamodb_queries_the_bound_tables_by_the_adapters_client(dynamo: Dynamo) -> None:
    """It would make another client for each model that is queried; and in part run on another endpoint."""
    dynamo.sessions.list_by_start(None, 1, None)
    dynamo.reservations.list_purchases("ana", 1, None)

    for model, name in ((SessionItem, "sessions"), (ReservationItem, "reservations")):
        connection: Any = model._get_connection()
        assert connection.table_name == f"{dynamo.prefix}-{name}"
        assert connection.connection.client is dynamo.client
