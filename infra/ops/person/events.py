"""A person's events: in the audit log, and numbered for webhooks. Both tables are read whole.

Events name nobody (decision 127), but those of before have the user's id. A reservation's creation has a hash of its
request, which is made from the address, too: it is taken out as well.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chalicelib.domain.events import PRIVATE
from chalicelib.domain.people.person import Person
from chalicelib.domain.people.stores import Store, StoreKind, stores_by_name
from chalicelib.infrastructure.dynamodb.values import Item, read_text, text_value
from infra.ops.find import Item as PlainItem
from infra.ops.find import to_plain

from .tables import StageTables, ids_of

TABLES = stores_by_name(StoreKind.TABLE)


@dataclass(frozen=True)
class PersonsEvents:
    """The person's events in one of the two tables. Each item has its event as JSON in the attribute `event`."""

    tables: StageTables
    store: Store

    def find(self, person: Person) -> Iterator[PlainItem]:
        for item in self._items(person):
            plain = to_plain(item)
            yield {**plain, "event": json.loads(plain["event"])}

    def delete_or_anonymize_items_not_in_use(self, person: Person) -> int:
        return sum(self._erase_one(item, person) for item in list(self._items(person)))

    def _items(self, person: Person) -> Iterator[Item]:
        theirs, named = ids_of(person), json.dumps({"userId": person.user_id})[1:-1]
        return self.tables.scan(
            self.store.name,
            "contains(#event, :theirs) OR contains(#event, :named)",
            {":theirs": text_value(theirs), ":named": text_value(named)},
            ExpressionAttributeNames={"#event": "event"},
        )

    def _erase_one(self, item: Item, person: Person) -> int:
        before = read_text(item, "event")
        event = json.loads(before)
        if (erased := _erase_from_event(event, person)) == event:
            return 0
        return self.tables.update(
            self.store.name,
            {name: item[name] for name in ("session_id", "position")},
            UpdateExpression="SET #event = :erased",
            ConditionExpression="#event = :before",
            ExpressionAttributeNames={"#event": "event"},
            ExpressionAttributeValues={":erased": text_value(json.dumps(erased)), ":before": text_value(before)},
        )


def _erase_from_event(event: Any, person: Person) -> Any:
    erased = person.copy_with_person_erased(event)
    return {**erased, "data": {name: value for name, value in erased["data"].items() if name not in PRIVATE}}
