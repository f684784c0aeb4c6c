"""Ports of personal data: the stores that have it, the addresses of a person, and the record of erasures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from chalicelib.domain.people.person import Person
    from chalicelib.domain.people.stores import Store

__all__ = ["ErasureRecords", "OpenMattersAndEmailsOfPerson", "PersonalStore"]


class PersonalStore(Protocol):
    """A store of personal data."""

    @property
    def store(self) -> Store:
        """Gives the description of the store: its row in domain/people/stores.py."""
        ...

    def find(self, person: Person) -> Iterator[Mapping[str, Any]]:
        """Finds all items of the person in the store, including items without the person's name. Changes nothing."""
        ...

    def delete_or_anonymize_items_not_in_use(self, person: Person) -> int:
        """Deletes the person's items, or takes the person's names out of them: `store.at_erasure` says which. Gives the
        number of changed items. Idempotent.

        Items that are in use, or that change at the same moment, are left. `find` still finds them.
        """
        ...


class OpenMattersAndEmailsOfPerson(Protocol):
    """A reader of three things of a person: live holds, payments whose status is neither sold nor refunded, and email
    addresses."""

    def describe_live_holds_and_open_payments(self, person: Person, now: datetime) -> Sequence[str]:
        """Lists descriptions of the live holds, and of the payments whose status is neither sold nor refunded."""
        ...

    def known_emails(self, person: Person) -> frozenset[str]:
        """Gives the person's email addresses, as far as they are stored."""
        ...


class ErasureRecords(Protocol):
    """The audit records of erasures. They contain no names of persons."""

    def begin(self, person: Person, now: datetime) -> str:
        """Records the beginning of an erasure. Gives the record's id."""
        ...

    def end(self, record: str, erased: Mapping[str, int], left: Mapping[str, int], now: datetime) -> None:
        """Records the end of an erasure, with two counts for each store: `erased` is the number of erased items, `left`
        the number of items that still name the person.

        `record` is the id that `begin` gave.
        """
        ...
