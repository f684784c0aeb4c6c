"""The holds that count against a user's limit in a screening: one item, and each decision one conditional write on it.

    age0 ◄── the new one        Each entry is {r: reservation, x: expiry in ms}. A new hold moves all others back by
    age1 ◄── age0               one, and the last of those that the limit looks at drops out: it must have lapsed
    age2                        (x <= now), or be the very one that is said to have ended.

What is not dropped is never overwritten, so no live hold is forgotten, whatever the clocks say and however the limit is
changed. Entries beyond a lowered limit stay where they are until they are looked at again, or TTL takes the item.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.domain.reservations import CountedHold, Hold, LimitReached
from chalicelib.domain.times import from_ms, to_ms
from chalicelib.infrastructure.ids import buyer_of_user

from .connection import ConditionFailed, Item, Table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEPT = timedelta(hours=1)
"""How long an item outlives its newest hold: far longer than clocks may differ."""

NONE = {"M": {"r": {"S": "none"}, "x": {"N": "0"}}}
"""What stands for a hold that never was. It has lapsed in any case. Old DynamoDB Local takes no empty string."""


@dataclass(frozen=True)
class DynamoLiveHolds:
    client: "DynamoDBClient"
    table_name: str

    def add(self, holder: str, hold: Hold, limit: int, now: datetime, instead_of: CountedHold | None = None) -> None:
        key = {"buyer": {"S": buyer_of_user(holder)}, "session_id": {"S": hold.session_id}}
        place = instead_of.age if instead_of else limit - 1
        has_room = self.is_this_one(place) if instead_of else self.free_or_lapsed(place)
        room = {":ended": _entry(instead_of)} if instead_of else {":now": _number(now)}
        try:
            Table(self.client, self.table_name).update(key, **_moving_back(place, has_room, room, hold, limit))
        except ConditionFailed as failed:
            counted = _counted(failed.item or {})
            if not any(each.is_of(hold) for each in counted):
                raise LimitReached(counted) from failed

    # Whether there is room. The control of the race test leaves the first one out; that is why they stand apart.

    def free_or_lapsed(self, place: int) -> str:
        is_free = f"attribute_not_exists(age{place})"
        has_lapsed = f"age{place}.x <= :now"
        return f"({is_free} OR {has_lapsed})"

    def is_this_one(self, place: int) -> str:
        return f"age{place} = :ended"


def _moving_back(place: int, has_room: str, room: Item, hold: Hold, limit: int) -> dict[str, Any]:
    """The write that lets the entry at `place` drop out, moves all newer ones back and puts this hold first."""
    moves = [f"age{age} = if_not_exists(age{age - 1}, :none)" for age in range(place, 0, -1)]
    counted_already = " OR ".join(f"age{age} = :new" for age in range(limit))
    return {
        "UpdateExpression": f"SET {', '.join([*moves, 'age0 = :new'])}, #ttl = :ttl",
        "ConditionExpression": f"{has_room} AND NOT ({counted_already})",
        "ExpressionAttributeNames": {"#ttl": "ttl"},
        "ExpressionAttributeValues": {
            ":new": _entry(hold),
            ":ttl": {"N": str(to_ms(hold.expires_at + KEPT) // 1000)},
            **room,
            **({":none": NONE} if moves else {}),
        },
    }


def _counted(item: Item) -> list[CountedHold]:
    ages = sorted(int(name.removeprefix("age")) for name in item if name.startswith("age"))
    found = [(age, item[f"age{age}"]["M"]) for age in ages if item[f"age{age}"] != NONE]
    return [CountedHold(entry["r"]["S"], from_ms(int(entry["x"]["N"])), age) for age, entry in found]


def _entry(hold: Hold | CountedHold) -> Item:
    return {"M": {"r": {"S": hold.reservation_id}, "x": _number(hold.expires_at)}}


def _number(moment: datetime) -> Item:
    return {"N": str(to_ms(moment))}
