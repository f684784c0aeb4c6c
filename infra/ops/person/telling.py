"""The answers of `person export` and `person erase`."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chalicelib.application.person import ErasureResult, HoldsOrPaymentsAreOpen, PersonalDataExport
from chalicelib.domain.people.person import ERASED, Person
from chalicelib.domain.people.stores import STORES, ErasureEffect, Store
from chalicelib.domain.refusals import BackendUnavailable
from chalicelib.domain.times import to_iso
from infra.ops.connection import Connection, OpsError
from infra.ops.text import Answer, aligned

from .stage import People

VERSION = 1
"""The version of the export's form: docs/examples/person-export.schema.json."""


def export_person(connection: Connection, user_id: str, emails: Sequence[str]) -> Answer:
    """Gives all that the stage has of the person, as JSON. Raises OpsError."""
    person = _person(user_id, emails)
    data = _export_data(person, People.of(connection).export(person))
    return Answer(data, json.dumps(data, indent=2, ensure_ascii=False))


def erase_person(connection: Connection, user_id: str, emails: Sequence[str], *, sure: bool) -> Answer:
    """Erases the person when `sure`. Otherwise raises OpsError that says what would be erased, and what kept.

    Exit status 1 when items that came meanwhile name the person: run the command again.
    """
    person, people = _person(user_id, emails), People.of(connection)
    try:
        if not sure:
            raise _unconfirmed(people.export(person))
        return _erasure_answer(people.erase(person))
    except HoldsOrPaymentsAreOpen as refusal:
        lines = "\n".join(f"  {matter}" for matter in refusal.matters)
        raise OpsError(
            f"Nothing was erased, because something is open. Run the command again once it has ended:\n{lines}"
        ) from refusal
    except BackendUnavailable as refusal:
        raise OpsError(
            f"{connection.where} did not answer ({refusal.operation}): run the command again once it does, it goes on"
            " where it stopped."
        ) from refusal


def _person(user_id: str, emails: Sequence[str]) -> Person:
    if user_id in ("", ERASED):
        raise OpsError(f"{user_id!r} is no user's id: it stands where one was erased.")
    return Person(user_id).with_more_emails(emails)


def _export_data(person: Person, export: PersonalDataExport) -> dict[str, Any]:
    return {
        "version": VERSION,
        "userId": person.user_id,
        "exportedAt": to_iso(export.exported_at),
        "stores": [{**_described(store), "found": list(found)} for store, found in export.found.items()],
        "notSearched": [_described(store) for store in export.not_searched],
    }


def _described(store: Store) -> dict[str, str]:
    return {
        "kind": store.kind.value,
        "name": store.name,
        "holds": store.holds,
        "lasts": store.lasts,
        "atErasure": store.at_erasure.value,
        "why": store.why,
    }


def _unconfirmed(export: PersonalDataExport) -> OpsError:
    """Makes the error for a missing confirmation. Its message says what the erasure would do in each store."""
    rows = [(store.kind, store.name, len(found), store.at_erasure.value) for store, found in export.found.items()]
    table = aligned(("KIND", "NAME", "ITEMS", "AN ERASURE"), rows) if rows else "Nothing is stored."
    return OpsError(f"This would erase a person for good: say --yes if that is what you want.\n{table}")


def _erasure_answer(erasure: ErasureResult) -> Answer:
    rows = [
        *_rows(erasure.erased, "erased"),
        *_rows(erasure.left, "left: run the command again"),
        *_rows(erasure.kept, "kept"),
    ]
    table = aligned(("KIND", "NAME", "ITEMS", "WHAT"), rows) if rows else "Nothing was stored."
    parts = [table, *_reasons(erasure.kept), *_not_reached(), f"Recorded as {erasure.record}."]
    data = {
        "record": erasure.record,
        "complete": erasure.is_complete,
        **{name: _counts(getattr(erasure, name)) for name in ("erased", "left", "kept")},
    }
    return Answer(data, "\n".join(parts), status=0 if erasure.is_complete else 1)


def _rows(counts: Mapping[Store, int], heading: str) -> Iterable[Sequence[object]]:
    return ((store.kind, store.name, count, heading) for store, count in counts.items() if count)


def _counts(counts: Mapping[Store, int]) -> dict[str, int]:
    return {f"{store.kind} {store.name}": count for store, count in counts.items() if count}


def _reasons(kept: Mapping[Store, int]) -> Iterable[str]:
    """Lists the reasons for which data is kept, each once."""
    return dict.fromkeys(f"Kept: {store.why}." for store in kept)


def _not_reached() -> Iterable[str]:
    """Lists the stores that no command can change, and when their data is deleted."""
    gone = [store for store in STORES if store.at_erasure is ErasureEffect.RUNS_OUT]
    return (f"Runs out by itself: {store.name}, {store.lasts}." for store in gone)
