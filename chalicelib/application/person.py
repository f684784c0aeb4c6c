"""Exports and erases what is stored of one person. The stores are ports; STORES says what an erasure does in each.

erase   nothing is open ──► record: begun ──► addresses ──► account … dead letters … payments ──► reservations last
        ──► each store again: is anybody named? ──► record: ended

The reservations tell the addresses by which other stores are searched, so they are the last. A process that dies at any
point leaves a record that was begun and not ended; the next run finds what is left, and goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.domain.people.person import Person
from chalicelib.domain.people.stores import STORES, ErasureEffect, Store

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.domain.ports import Clock, ErasureRecords, OpenMattersAndEmailsOfPerson, PersonalStore


class HoldsOrPaymentsAreOpen(Exception):
    """The person has live holds, or payments that have not become a sale or a refund yet. `matters` describes each of
    these. Nothing was erased."""

    def __init__(self, matters: Sequence[str]) -> None:
        super().__init__("; ".join(matters))
        self.matters = tuple(matters)


@dataclass(frozen=True, slots=True)
class PersonalDataExport:
    """The found items by store, and the stores that can't be searched."""

    exported_at: datetime
    found: Mapping[Store, Sequence[Mapping[str, Any]]]
    not_searched: Sequence[Store]


@dataclass(frozen=True, slots=True)
class ErasureResult:
    """The result of an erasure: for each store, how many items were erased, how many are left that still name the
    person, and how many must be kept."""

    record: str
    erased: Mapping[Store, int]
    left: Mapping[Store, int]
    kept: Mapping[Store, int]

    @property
    def is_complete(self) -> bool:
        return not self.left


@dataclass(frozen=True)
class ExportPerson:
    stores: Sequence[PersonalStore]
    open_matters_and_emails: OpenMattersAndEmailsOfPerson
    clock: Clock

    def __call__(self, person: Person) -> PersonalDataExport:
        """Finds all stored items of the person. Changes nothing."""
        person = person.with_more_emails(self.open_matters_and_emails.known_emails(person))
        found = {each.store: list(each.find(person)) for each in self.stores}
        others = [store for store in STORES if store.at_erasure.is_of_store_with_personal_data and store not in found]
        return PersonalDataExport(self.clock(), {store: items for store, items in found.items() if items}, others)


class Remainder(NamedTuple):
    """How many items of a person are left in each store after an erasure."""

    left: dict[Store, int]
    """Items that still name the person, although they should not."""
    kept: dict[Store, int]
    """Items that must be kept."""


@dataclass(frozen=True)
class ErasePersonUnlessHoldsOrPaymentsOpen:
    stores: Sequence[PersonalStore]
    """The stores in the order of erasure. The reservations are last, because they contain the email addresses by which
    the other stores are searched."""
    open_matters_and_emails: OpenMattersAndEmailsOfPerson
    records: ErasureRecords
    clock: Clock

    def __call__(self, person: Person) -> ErasureResult:
        """Erases the person from all stores. Idempotent. Raises HoldsOrPaymentsAreOpen before anything is erased.

        A purchase that is made meanwhile is not erased, but counted in the result. Run the erasure again.
        """
        if matters := self.open_matters_and_emails.describe_live_holds_and_open_payments(person, self.clock()):
            raise HoldsOrPaymentsAreOpen(matters)
        record = self.records.begin(person, self.clock())
        person = person.with_more_emails(self.open_matters_and_emails.known_emails(person))
        changed = [each for each in self.stores if each.store.at_erasure.changes_store]
        erased = {each.store: each.delete_or_anonymize_items_not_in_use(person) for each in changed}
        left, kept = self._count_what_is_left(person)
        self.records.end(record, _by_name(erased), _by_name(left), self.clock())
        return ErasureResult(record, erased, left, kept)

    def _count_what_is_left(self, person: Person) -> Remainder:
        """Counts the items that are still about the person, by store."""
        left: dict[Store, int] = {}
        kept: dict[Store, int] = {}
        for each in self.stores:
            keeps = each.store.at_erasure is ErasureEffect.KEEPS
            if count := sum(keeps or person.is_named_in(item) for item in each.find(person)):
                (kept if keeps else left)[each.store] = count
        return Remainder(left, kept)


def _by_name(counts: Mapping[Store, int]) -> dict[str, int]:
    return {f"{store.kind} {store.name}": count for store, count in counts.items() if count}
