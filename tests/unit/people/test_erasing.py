"""Exporting and erasing a person, over stores in memory."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest

from chalicelib.application.person import ErasePersonUnlessHoldsOrPaymentsOpen, ExportPerson, HoldsOrPaymentsAreOpen
from chalicelib.domain.people.person import ERASED, Person
from chalicelib.domain.people.stores import STORES, ErasureEffect, Store, StoreKind, stores_by_name
from tests.builders import NOW

TABLES, BUCKETS = stores_by_name(StoreKind.TABLE), stores_by_name(StoreKind.BUCKET)
ANA = Person("ana")
EMAIL = "ana@example.com"


class Died(BaseException):
    """The process was ended."""


@dataclass
class MemoryStore:
    """Items in memory. The process dies before item `dies_at` is erased; the next one lives."""

    store: Store
    items: list[dict[str, Any]]
    dies_at: int | None = None

    def find(self, person: Person) -> Iterator[Mapping[str, Any]]:
        assert EMAIL in person.emails or person.user_id == ANA.user_id
        return iter(list(self.items))

    def delete_or_anonymize_items_not_in_use(self, person: Person) -> int:
        erased = 0
        for place, item in enumerate(list(self.items)):
            if place == self.dies_at:
                self.dies_at = None
                raise Died
            if person.is_named_in(item):
                self._erase_one(place, item, person)
                erased += 1
        return erased

    def _erase_one(self, place: int, item: Mapping[str, Any], person: Person) -> None:
        if self.store.at_erasure is ErasureEffect.DELETES:
            self.items.remove(dict(item))
        else:
            self.items[place] = person.copy_with_person_erased(dict(item))


@dataclass
class OpenMattersInMemory:
    """Addresses are known as long as a reservation has them, as in DynamoDB."""

    reservations: MemoryStore
    open: list[str] = field(default_factory=list)

    def describe_live_holds_and_open_payments(self, person: Person, now: datetime) -> Sequence[str]:
        assert (person.user_id, now) == (ANA.user_id, NOW)
        return self.open

    def known_emails(self, person: Person) -> frozenset[str]:
        assert person.user_id == ANA.user_id
        return frozenset(one["email"] for one in self.reservations.items if one["email"] != ERASED)


@dataclass
class RecordsInMemory:
    begun: list[datetime] = field(default_factory=list)
    closed: list[tuple[str, datetime]] = field(default_factory=list)
    ended: list[tuple[Mapping[str, int], Mapping[str, int]]] = field(default_factory=list)

    def begin(self, person: Person, now: datetime) -> str:
        assert person.user_id == ANA.user_id
        self.begun.append(now)
        return f"record {len(self.begun)}"

    def end(self, record: str, erased: Mapping[str, int], left: Mapping[str, int], now: datetime) -> None:
        self.ended.append((erased, left))
        self.closed.append((record, now))


@dataclass
class Stage:
    """A person's bounce that was given up, an invoice, a payment, a reservation."""

    def __post_init__(self) -> None:
        self.letters = MemoryStore(stores_by_name(StoreKind.QUEUE)["bounces-dlq"], [{"body": EMAIL}, {"body": EMAIL}])
        self.invoices = MemoryStore(TABLES["invoices"], [{"user_id": "ana"}])
        self.payments = MemoryStore(TABLES["payments"], [{"user_id": "ana"}, {"user_id": "ana"}])
        self.reservations = MemoryStore(
            TABLES["reservations"], [{"user_id": "ana", "email": EMAIL}, {"user_id": "ana", "email": EMAIL}]
        )
        self.stores = (self.letters, self.invoices, self.payments, self.reservations)
        self.open_matters_and_emails = OpenMattersInMemory(self.reservations)
        self.records = RecordsInMemory()
        self.erase = ErasePersonUnlessHoldsOrPaymentsOpen(
            self.stores, self.open_matters_and_emails, self.records, lambda: NOW
        )
        self.export = ExportPerson(self.stores, self.open_matters_and_emails, lambda: NOW)

    def named(self) -> list[str]:
        person = ANA.with_more_emails([EMAIL])
        return [each.store.name for each in self.stores if person.is_named_in(each.items)]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_all_is_erased_but_what_is_kept_and_that_is_said(stage: Stage) -> None:
    erasure = stage.erase(ANA)

    assert stage.named() == ["invoices"]
    assert {store.name: count for store, count in erasure.erased.items()} == {
        "bounces-dlq": 2,
        "payments": 2,
        "reservations": 2,
    }
    assert ({store.name: count for store, count in erasure.kept.items()}, erasure.left) == ({"invoices": 1}, {})
    assert stage.records.ended == [({"queue bounces-dlq": 2, "table payments": 2, "table reservations": 2}, {})]
    assert (stage.records.begun, stage.records.closed) == ([NOW], [("record 1", NOW)])
    assert erasure.record == "record 1"


def test_all_that_is_kept_is_said_though_it_names_nobody_itself(stage: Stage) -> None:
    stage.invoices.items.append({"file": "2044-000001.pdf"})

    assert list(stage.erase(ANA).kept.values()) == [2]


def test_an_erasure_twice_is_the_same_as_once(stage: Stage) -> None:
    stage.erase(ANA)
    items = [list(each.items) for each in stage.stores]

    again = stage.erase(ANA)

    assert again.is_complete
    assert not any(again.erased.values())
    assert [each.items for each in stage.stores] == items


@pytest.mark.parametrize("dies_at", [0, 1])
@pytest.mark.parametrize("store", ["letters", "payments", "reservations"])
def test_what_died_at_any_item_is_finished_by_the_next_run(stage: Stage, store: str, dies_at: int) -> None:
    getattr(stage, store).dies_at = dies_at
    with pytest.raises(Died):
        stage.erase(ANA)
    assert (len(stage.records.begun), stage.records.ended) == (1, []), "the record says that it has not ended"

    assert stage.erase(ANA).is_complete
    assert stage.named() == ["invoices"]


def test_with_reservations_first_an_address_would_be_lost(stage: Stage) -> None:
    """The control of the order: what died after the reservations no longer finds the letters."""
    wrong = ErasePersonUnlessHoldsOrPaymentsOpen(
        tuple(reversed(stage.stores)), stage.open_matters_and_emails, stage.records, lambda: NOW
    )
    stage.payments.dies_at = 0
    with pytest.raises(Died):
        wrong(ANA)

    assert wrong(ANA).is_complete
    assert "bounces-dlq" in stage.named()


def test_nothing_is_erased_while_something_is_open(stage: Stage) -> None:
    stage.open_matters_and_emails.open.append("res-1 holds seats until noon")

    with pytest.raises(HoldsOrPaymentsAreOpen) as refused:
        stage.erase(ANA)

    assert refused.value.matters == ("res-1 holds seats until noon",)
    assert stage.named() == ["bounces-dlq", "invoices", "payments", "reservations"]
    assert stage.records.begun == []


def test_what_came_meanwhile_is_told_as_left(stage: Stage) -> None:
    class Buying(MemoryStore):
        def delete_or_anonymize_items_not_in_use(self, person: Person) -> int:
            stage.payments.items.append({"user_id": "ana"})
            return super().delete_or_anonymize_items_not_in_use(person)

    buying = Buying(stage.reservations.store, stage.reservations.items)
    erase = ErasePersonUnlessHoldsOrPaymentsOpen(
        (*stage.stores[:-1], buying), stage.open_matters_and_emails, stage.records, lambda: NOW
    )

    erasure = erase(ANA)

    assert {store.name: count for store, count in erasure.left.items()} == {"payments": 1}
    assert not erasure.is_complete
    assert stage.records.ended[0][1] == {"table payments": 1}
    assert stage.erase(ANA).is_complete


def test_an_export_has_all_by_store_and_says_where_it_could_not_look(stage: Stage) -> None:
    export = stage.export(ANA)

    assert export.exported_at == NOW
    assert all(store.at_erasure.is_of_store_with_personal_data for store in export.not_searched)
    assert {store.name: len(found) for store, found in export.found.items()} == {
        "bounces-dlq": 2,
        "invoices": 1,
        "payments": 2,
        "reservations": 2,
    }
    assert {store.name for store in export.not_searched} >= {"streams of reservations and payments", "payment gateway"}
    assert set(export.found) | set(export.not_searched) >= {
        one for one in STORES if one.at_erasure.is_of_store_with_personal_data
    }
    assert stage.named() == ["bounces-dlq", "invoices", "payments", "reservations"]


def test_stores_in_which_nothing_is_found_are_left_out_of_an_export(stage: Stage) -> None:
    stage.letters.items.clear()

    assert "bounces-dlq" not in {store.name for store in stage.export(ANA).found}
