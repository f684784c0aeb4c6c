"""The models, the template and the stored items describe the same tables."""

from typing import Any

import pytest

from chalicelib.domain.times import to_ms
from chalicelib.infrastructure.dynamodb.reservations import REMEMBERED
from chalicelib.infrastructure.dynamodb.tables import MODELS, ReservationItem
from tests.builders import a_reservation, a_sale
from tests.contract import template
from tests.contract.conftest import Dynamo

TABLES = template.tables("any")
NAMES = tuple(name for _, name in MODELS)


def hash_and_range(keys: list[dict[str, str]]) -> dict[str, str]:
    return {key["KeyType"]: key["AttributeName"] for key in keys}


def indexes(described: list[dict[str, Any]]) -> dict[str, tuple[Any, Any]]:
    """Gives keys and projection of the indexes by name, with the models' names in lower case with underscores."""
    plain = [{name.replace("_", "").lower(): value for name, value in index.items()} for index in described]
    return {index["indexname"]: (index["keyschema"], index["projection"]) for index in plain}


@pytest.mark.parametrize(("model", "name"), MODELS, ids=NAMES)
def test_models_and_template_describe_the_same_keys_and_indexes(model: Any, name: str) -> None:
    schema, table = model._get_schema(), TABLES[name]

    assert hash_and_range(schema["key_schema"]) == hash_and_range(table["KeySchema"])
    assert indexes(schema["global_secondary_indexes"]) == indexes(table.get("GlobalSecondaryIndexes", []))
    assert indexes(schema["local_secondary_indexes"]) == indexes(table.get("LocalSecondaryIndexes", []))
    attributes = {attribute["AttributeName"]: attribute for attribute in schema["attribute_definitions"]}
    assert attributes == {attribute["AttributeName"]: attribute for attribute in table["AttributeDefinitions"]}


def test_every_table_of_the_template_has_its_model() -> None:
    assert set(TABLES) == set(NAMES)


def test_reservations_are_forgotten_by_the_attribute_that_the_model_writes() -> None:
    assert TABLES["reservations"]["TimeToLiveSpecification"] == {
        "AttributeName": ReservationItem.ttl.attr_name,
        "Enabled": True,
    }
    assert "TimeToLiveSpecification" not in TABLES["rows"]


@pytest.mark.parametrize("name", ["rows", "reservations"])
def test_changes_are_told_with_what_was_and_what_is(name: str) -> None:
    assert TABLES[name]["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}


def stored(dynamo: Dynamo, buyer_and_id: dict[str, Any]) -> dict[str, Any]:
    return dict(dynamo.client.get_item(TableName=dynamo.reservations_table, Key=buyer_and_id)["Item"])


def test_a_reservation_is_forgotten_a_day_after_its_expiry_unless_it_was_bought(dynamo: Dynamo) -> None:
    reservation = dynamo.reservations.add(a_reservation())
    key = {"buyer": {"S": reservation.id[4:15]}, "id": {"S": reservation.id}}

    assert stored(dynamo, key)["ttl"] == {"N": str(to_ms(reservation.expires_at + REMEMBERED) // 1000)}
    dynamo.reservations.confirm(reservation.id, a_sale(reservation.hold))
    assert "ttl" not in stored(dynamo, key)


def test_the_models_talk_to_where_the_client_talks_about_the_bound_tables(dynamo: Dynamo) -> None:
    """Otherwise the contract tests of one endpoint would in part run on another."""
    for model, name in MODELS:
        connection = model._get_connection()
        assert connection.table_name == f"{dynamo.prefix}-{name}"
        assert connection.connection.client.meta.endpoint_url == dynamo.client.meta.endpoint_url
