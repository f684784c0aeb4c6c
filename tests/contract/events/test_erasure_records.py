"""The audit of erasures: written before anything is erased, and completed afterwards."""

import json

from chalicelib.domain.people.person import Person
from chalicelib.infrastructure.dynamodb.values import read_text, text_key
from infra.ops.person.records import PARTITION, DynamoErasureRecords
from infra.ops.person.tables import StageTables
from tests.builders import NOW
from tests.contract.conftest import Dynamo


def test_an_erasure_is_recorded_when_it_begins_and_when_it_ends(dynamo: Dynamo) -> None:
    tables = StageTables(dynamo.client, f"{dynamo.prefix}-")
    records = DynamoErasureRecords(tables, "arn:of-the-operator")
    key = text_key(session_id=PARTITION, position=records.begin(Person("ana"), NOW))
    begun = json.loads(read_text(tables.table("events").get(key) or {}, "event"))

    records.end(key["position"]["S"], {"table reservations": 2}, {}, NOW)

    ended = json.loads(read_text(tables.table("events").get(key) or {}, "event"))
    assert (begun["type"], begun["by"]) == ("PersonErased", "arn:of-the-operator")
    assert "ana" not in begun.values()
    assert ended == {**begun, "endedAt": ended["endedAt"], "erased": {"table reservations": 2}, "left": {}}
