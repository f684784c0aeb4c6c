"""Ports of personal data: the stores that have it, the addresses of a person, and the record of erasures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from chalicelib.domain.people.person import Person
    from chalicelib.domain.people.stores import Store

__all__ = ["ErasureRecords", "OpenMatters", "PersonalStore"]


class PersonalStore(Protocol):
    """A store of personal data."""

    @property
    def store(self) -> Store:
        """Gives the store's row of STORES."""
        ...

    def find(self, person: Person) -> Iterator[Mapping[str, Any]]:
        """Finds all of the person's items in the store, also those without a name. Changes nothing."""
        ...

    def erase(self, person: Person) -> int:
        """Erases the person's names as the store's row says. Gives the number of items changed. Safe to run twice.

        What is changed at the same moment, or still open, is left as it is: `find` shows it.
        """
        ...


class OpenMatters(Protocol):
    """The reader of a person's open matters: live holds, and payments that are not settled."""

    def list_open_matters(self, person: Person, now: datetime) -> Sequence[str]:
        """Names the holds that are live, and the payments that are neither sold nor returned."""
        ...

    def known_emails(self, person: Person) -> frozenset[str]:
        """Gives the email addresses that are known of the person."""
        ...


class ErasureRecords(Protocol):
    """The audit records of erasures, without names of persons."""

    def begin(self, person: Person, now: datetime) -> str:
        """Writes that an erasure has begun, and gives the record's id."""
        ...

    def end(self, record: str, erased: Mapping[str, int], left: Mapping[str, int], now: datetime) -> None:
        """Writes how many items of each store were erased, and in how many the person is still named."""
        ...
