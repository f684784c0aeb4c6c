"""A person's invoices with their files, and tickets."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.domain.people.person import Person
from chalicelib.domain.people.stores import Store, StoreKind, stores_by_name
from chalicelib.domain.times import to_iso
from chalicelib.infrastructure.dynamodb.events.invoices import DynamoInvoices
from chalicelib.infrastructure.dynamodb.values import text_value
from chalicelib.infrastructure.invoices.files import object_key
from infra.ops.find import Item as PlainItem
from infra.ops.find import to_plain

from .tables import StageTables, ids_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

TABLES, BUCKETS = stores_by_name(StoreKind.TABLE), stores_by_name(StoreKind.BUCKET)
LETS_IN = "token"
"""The attribute of a ticket that is not exported: whoever has it is admitted."""


@dataclass(frozen=True)
class PersonsInvoices:
    """The invoices, which are kept. No index leads from a user to them, so the table is read."""

    tables: StageTables
    store: Store = TABLES["invoices"]

    def find(self, person: Person) -> Iterator[PlainItem]:
        values = {":user": text_value(person.user_id), ":theirs": text_value(ids_of(person))}
        return map(to_plain, self.tables.scan("invoices", "user_id = :user OR begins_with(id, :theirs)", values))

    def delete_or_anonymize_items_not_in_use(self, person: Person) -> int:
        """Erases nothing and gives 0: the table of stores says why this data is kept."""
        return 0


@dataclass(frozen=True)
class PersonsInvoiceFiles:
    """Every version of the invoices' files, which are kept."""

    s3: "S3Client"
    bucket: str
    invoices: PersonsInvoices
    store: Store = BUCKETS["invoices"]

    def find(self, person: Person) -> Iterator[PlainItem]:
        tables = self.invoices.tables
        known = DynamoInvoices(tables.client, tables.table("invoices").name)
        for item in self.invoices.find(person):
            if invoice := known.find(item["id"]):
                yield from self._versions(object_key(invoice))

    def delete_or_anonymize_items_not_in_use(self, person: Person) -> int:
        """Erases nothing and gives 0: the table of stores says why this data is kept."""
        return 0

    def _versions(self, key: str) -> Iterator[PlainItem]:
        pages = self.s3.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=key)
        for page in pages:
            for one in page.get("Versions", []):
                written = to_iso(one["LastModified"])
                yield {"key": one["Key"], "version": one["VersionId"], "bytes": one["Size"], "writtenAt": written}


@dataclass(frozen=True)
class PersonsTickets:
    """The tickets, which name no person and stay valid. Finding them reads the whole table."""

    tables: StageTables
    store: Store = TABLES["tickets"]

    def find(self, person: Person) -> Iterator[PlainItem]:
        condition = "begins_with(id, :theirs) OR begins_with(reservation_id, :theirs)"
        for item in self.tables.scan("tickets", condition, {":theirs": text_value(ids_of(person))}):
            yield {name: value for name, value in to_plain(item).items() if name != LETS_IN}

    def delete_or_anonymize_items_not_in_use(self, person: Person) -> int:
        """Erases nothing: no ticket names anybody."""
        return 0
