"""STORES has a row for each table, queue and bucket that a stage has, and for no other.

The rows of queues of events are made from CONSUMERS: tests/integration/machine/test_ops_person.py proves that their
messages name nobody.
"""

from collections import Counter

from chalicelib.domain.consumers import CONSUMERS
from chalicelib.domain.people.stores import STORES, ErasureEffect, StoreKind, stores_by_name
from chalicelib.infrastructure.dynamodb.tables import TABLES
from infra.cloud.data_template import resources

SAY_WHAT_PEOPLE_HAVE = "say in chalicelib/domain/people/stores.py what it has of people"


def test_every_table_has_its_row() -> None:
    assert stores_by_name(StoreKind.TABLE).keys() == {table.name for table in TABLES}, SAY_WHAT_PEOPLE_HAVE


def test_every_queue_has_its_row_and_so_have_its_dead_letters() -> None:
    named = {one["QueueName"].removeprefix("cinema-dev-") for one in resources("AWS::SQS::Queue", "dev")}

    assert stores_by_name(StoreKind.QUEUE).keys() == named, SAY_WHAT_PEOPLE_HAVE
    assert {f"{consumer.queue}{end}" for consumer in CONSUMERS for end in ("", "-dlq")} == named


def test_every_bucket_has_its_row() -> None:
    named = {one["BucketName"].removeprefix("cinema-dev-").split("-")[0] for one in resources("AWS::S3::Bucket", "dev")}

    assert stores_by_name(StoreKind.BUCKET).keys() == named, SAY_WHAT_PEOPLE_HAVE


def test_a_store_has_one_row() -> None:
    assert [store for store, count in Counter((one.kind, one.name) for one in STORES).items() if count > 1] == []


def test_what_names_people_says_for_how_long_and_what_is_kept_says_why() -> None:
    assert [one.name for one in STORES if one.at_erasure.is_of_store_with_personal_data and not one.lasts] == []
    assert [one.name for one in STORES if one.at_erasure is ErasureEffect.KEEPS and not one.why] == []
