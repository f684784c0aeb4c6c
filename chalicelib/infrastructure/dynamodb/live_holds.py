"""The holds that count against a user's limit in a screening: one item, and each decision one conditional write on it.

    age0 ◄── the new one        Each entry is {r: reservation, x: expiry in ms}. A new hold moves all others back by
    age1 ◄── age0               one, and the last of those that the limit looks at drops out: it must have lapsed
    age2                        (x <= now), or be the very one that is said to have ended.

Only the entry that drops out is overwritten. So no live hold is forgotten, even if clocks differ or the limit changes.
Entries beyond a lowered limit stay until the limit is raised again, or TTL deletes the item.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.domain.reservations import CountedHold, Hold, HoldLimitReachedOrReplacedHoldChanged
from chalicelib.infrastructure.ids import buyer_partition_of_user

from .connection import ConditionFailed, Table
from .values import (
    Item,
    Value,
    map_value,
    ms_value,
    number_value,
    read_ms,
    read_required_map,
    read_text,
    text_key,
    text_value,
    ttl_value,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEPT = timedelta(hours=1)
"""How long an item is kept after the expiry of its newest hold: far longer than clocks may differ."""

NO_HOLD = map_value({"r": text_value("none"), "x": number_value(0)})
"""The entry of a free place. It has the form of a hold's entry and counts as lapsed. Its reservation id is `none`,
because an old DynamoDB Local takes no empty string."""


@dataclass(frozen=True)
class DynamoHoldsCountedUntilExpiry:
    """The holds that count against the limit, in a table: one item for each holder and screening.

    A holder is a user together with the network of the request, if that is known.
    """

    client: "DynamoDBClient"
    table_name: str

    def count_hold(
        self, holder: str, hold: Hold, limit: int, now: datetime, instead_of: CountedHold | None = None
    ) -> None:
        key = text_key(buyer=buyer_partition_of_user(holder), session_id=hold.session_id)
        place = instead_of.newer_holds if instead_of else limit - 1
        has_room = self.same_ended_hold_condition(place) if instead_of else self.free_or_lapsed_condition(place)
        room = {":ended": _entry_value(instead_of)} if instead_of else {":now": ms_value(now)}
        try:
            Table(self.client, self.table_name).update(key, **_request_to_count(hold, place, limit, has_room, room))
        except ConditionFailed as failed:
            counted = _counted_holds(failed.item or {})
            if not any(each.was_counted_for(hold) for each in counted):
                raise HoldLimitReachedOrReplacedHoldChanged(counted) from failed

    # Whether there is room. The control of the race test replaces the first one; that is why they are methods.

    def free_or_lapsed_condition(self, place: int) -> str:
        """Gives the condition that the entry at `place` is missing, or its hold has lapsed."""
        is_free = f"attribute_not_exists(age{place})"
        has_lapsed = f"age{place}.x <= :now"
        return f"({is_free} OR {has_lapsed})"

    def same_ended_hold_condition(self, place: int) -> str:
        """Gives the condition that the entry at `place` has not changed: it is still the ended hold that the request
        passes as `:ended`."""
        return f"age{place} = :ended"


def _request_to_count(hold: Hold, place: int, limit: int, has_room: str, room: Item) -> dict[str, Any]:
    """Builds the UpdateItem that puts the hold first. Each entry before `place` moves back by one, so the one just
    before `place` replaces the entry at `place`. `has_room` is the condition expression under which that entry may be
    replaced, and `room` has the expression's attribute values."""
    moves = [f"age{age} = if_not_exists(age{age - 1}, :none)" for age in range(place, 0, -1)]
    counted_already = " OR ".join(f"age{age} = :new" for age in range(limit))
    return {
        "UpdateExpression": f"SET {', '.join([*moves, 'age0 = :new'])}, #ttl = :ttl",
        "ConditionExpression": f"{has_room} AND NOT ({counted_already})",
        "ExpressionAttributeNames": {"#ttl": "ttl"},
        "ExpressionAttributeValues": {
            ":new": _entry_value(hold),
            ":ttl": ttl_value(hold.expires_at + KEPT),
            **room,
            **({":none": NO_HOLD} if moves else {}),
        },
    }


def _counted_holds(item: Item) -> list[CountedHold]:
    """Gives the counted holds of an item, the newest first."""
    ages = sorted(int(name.removeprefix("age")) for name in item if name.startswith("age"))
    found = [(age, read_required_map(item, f"age{age}")) for age in ages if item[f"age{age}"] != NO_HOLD]
    return [
        CountedHold(reservation_id=read_text(entry, "r"), expires_at=read_ms(entry, "x"), newer_holds=age)
        for age, entry in found
    ]


def _entry_value(hold: Hold | CountedHold) -> Value:
    return map_value({"r": text_value(hold.reservation_id), "x": ms_value(hold.expires_at)})
