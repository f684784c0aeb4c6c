"""Live holds, as every use case may rely on them, wherever they are counted."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pytest

from chalicelib.domain.reservations import CountedHold, Hold, HoldLimitReachedOrReplacedHoldChanged
from chalicelib.infrastructure.dynamodb.live_holds import DynamoHoldsCountedUntilExpiry
from chalicelib.infrastructure.dynamodb.values import Item
from chalicelib.infrastructure.ids import buyer_partition_of_user
from chalicelib.settings import MAX_LIVE_HOLDS
from tests.builders import HOLD_SECONDS, NOW, a_hold, a_session, a_user, later_hold_of, seconds
from tests.contract.conftest import Backend, Dynamo

LIMIT = 2


@dataclass(frozen=True)
class User:
    """One user in one screening."""

    backend: Backend
    id: str

    def count(self, hold: Hold, now: datetime = NOW, limit: int = LIMIT, instead_of: CountedHold | None = None) -> None:
        self.backend.live_holds.count_hold(self.id, hold, limit, now, instead_of)

    def counted(self, limit: int = LIMIT, now: datetime = NOW) -> list[tuple[str, datetime, int]]:
        """Gives the holds that HoldLimitReachedOrReplacedHoldChanged names for one hold more."""
        with pytest.raises(HoldLimitReachedOrReplacedHoldChanged) as reached:
            self.count(a_hold(session=SCREENING), now, limit)
        return [(hold.reservation_id, hold.expires_at, hold.newer_holds) for hold in reached.value.counted]


SCREENING = a_session()


@pytest.fixture
def ana(backend: Backend) -> User:
    return User(backend, a_user())


def holds(number: int) -> list[Hold]:
    """Counts holds, each a second after the one before, the first at NOW."""
    return [a_hold(f"A{n + 1}", session=SCREENING, expires_in=HOLD_SECONDS + n) for n in range(number)]


def listed(*newest_first: Hold) -> list[tuple[str, datetime, int]]:
    return [(hold.reservation_id, hold.expires_at, age) for age, hold in enumerate(newest_first)]


@pytest.mark.parametrize("limit", [1, 2, 3, MAX_LIVE_HOLDS])
def test_as_many_are_counted_as_the_limit_says_and_a_refusal_lists_them_newest_first(ana: User, limit: int) -> None:
    made = holds(limit)
    for hold in made:
        ana.count(hold, limit=limit)

    assert ana.counted(limit) == listed(*reversed(made))


def test_a_hold_is_counted_once_however_often_it_is_asked(ana: User) -> None:
    first, second = holds(2)
    for hold in (first, first, second, first, second):
        ana.count(hold)

    assert ana.counted() == listed(second, first)


def test_another_hold_under_the_same_id_counts_for_itself(ana: User) -> None:
    (first,) = holds(1)
    ana.count(first)
    ana.count(later_hold_of(first))

    assert ana.counted() == listed(later_hold_of(first), first)


def test_each_user_and_each_screening_counts_for_itself(ana: User) -> None:
    for hold in holds(LIMIT):
        ana.count(hold)

    replace(ana, id=a_user()).count(a_hold(session=SCREENING))
    ana.count(a_hold())


def test_a_lapsed_hold_makes_room_from_its_very_millisecond(ana: User) -> None:
    first, second, third = holds(3)
    ana.count(first)
    ana.count(second)

    assert ana.counted(now=first.expires_at - seconds(0.001)) == listed(second, first)
    ana.count(third, now=first.expires_at)
    assert ana.counted() == listed(third, second)


@pytest.mark.parametrize("age", [0, 1, 2])
def test_a_hold_is_counted_in_place_of_one_that_has_ended_and_the_others_stay(ana: User, age: int) -> None:
    *made, new = holds(4)
    for hold in made:
        ana.count(hold, limit=3)
    newest_first = made[::-1]
    ended = newest_first.pop(age)

    ana.count(
        new,
        limit=3,
        instead_of=CountedHold(reservation_id=ended.reservation_id, expires_at=ended.expires_at, newer_holds=age),
    )

    assert ana.counted(limit=3) == listed(new, *newest_first)


def test_counted_in_place_of_an_ended_one_it_is_counted_once_however_often_it_is_asked(ana: User) -> None:
    first, second, third = holds(3)
    ana.count(first)
    ana.count(second)
    ended = CountedHold(reservation_id=first.reservation_id, expires_at=first.expires_at, newer_holds=1)

    ana.count(third, instead_of=ended)
    ana.count(third, instead_of=ended)

    assert ana.counted() == listed(third, second)


@pytest.mark.parametrize("age", [0, 1])
def test_who_comes_second_for_the_place_of_an_ended_one_is_told_what_counts_now(ana: User, age: int) -> None:
    first, second, third, fourth = holds(4)
    ana.count(first)
    ana.count(second)
    gone = (second, first)[age]
    ended = CountedHold(reservation_id=gone.reservation_id, expires_at=gone.expires_at, newer_holds=age)
    ana.count(third, instead_of=ended)

    with pytest.raises(HoldLimitReachedOrReplacedHoldChanged) as reached:
        ana.count(fourth, instead_of=ended)

    kept = (first, second)[age]
    assert [hold.reservation_id for hold in reached.value.counted] == [third.reservation_id, kept.reservation_id]


def test_nothing_counts_in_place_of_what_was_never_there(ana: User) -> None:
    with pytest.raises(HoldLimitReachedOrReplacedHoldChanged) as reached:
        ana.count(
            a_hold(session=SCREENING), instead_of=CountedHold(reservation_id="res-none", expires_at=NOW, newer_holds=0)
        )

    assert reached.value.counted == ()


def test_a_raised_limit_makes_room_and_forgets_nothing(ana: User) -> None:
    first, second, third = holds(3)
    ana.count(first, limit=1)
    ana.count(second, limit=3)
    ana.count(third, limit=3)

    assert ana.counted(limit=3) == listed(third, second, first)


def test_a_lowered_limit_refuses_until_enough_have_lapsed(ana: User) -> None:
    first, second, third, fourth = holds(4)
    for hold in (first, second, third):
        ana.count(hold, limit=3)

    assert ana.counted(limit=1) == listed(third, second, first)
    assert ana.counted(limit=1, now=second.expires_at) == listed(third, second, first)
    ana.count(fourth, limit=1, now=third.expires_at)
    assert ana.counted(limit=1)[0] == listed(fourth)[0]


# What only DynamoDB has.


def stored(dynamo: Dynamo, user_id: str) -> Item:
    key: Any = {"buyer": {"S": buyer_partition_of_user(user_id)}, "session_id": {"S": SCREENING.id}}
    found = dynamo.client.get_item(TableName=f"{dynamo.prefix}-live-holds", Key=key, ConsistentRead=True)
    return dict(found["Item"])


def test_what_is_counted_is_forgotten_an_hour_after_it_has_lapsed(dynamo: Dynamo) -> None:
    user = User(dynamo, a_user())
    (hold,) = holds(1)
    user.count(hold)

    assert stored(dynamo, user.id)["ttl"] == {"N": str(int((hold.expires_at + seconds(3600)).timestamp()))}


def test_as_many_as_can_be_counted_fit_into_one_write_unit(dynamo: Dynamo) -> None:
    user = User(dynamo, a_user())
    for hold in holds(MAX_LIVE_HOLDS):
        user.count(hold, limit=MAX_LIVE_HOLDS)

    text = repr(stored(dynamo, user.id))
    assert len(text) < 2_000  # with the protocol's own words, which take more than half of it
    assert bytes_of(stored(dynamo, user.id)) <= 1024


def bytes_of(item: Item) -> int:
    """Gives the size of an item, by DynamoDB's rules: UTF-8, half a byte a digit, 3 bytes a map and 1 an entry."""
    return sum(len(name) + _size(value) for name, value in item.items())


def _size(value: Item) -> int:
    ((kind, content),) = value.items()
    if kind == "M":
        return 3 + sum(1 + len(name) + _size(entry) for name, entry in content.items())
    return len(content) if kind == "S" else len(content) // 2 + 2


def test_an_item_that_ttl_has_taken_in_between_is_room(dynamo: Dynamo) -> None:
    user = User(dynamo, a_user())
    first, second = holds(2)
    user.count(first, limit=1)
    key: Any = {"buyer": {"S": buyer_partition_of_user(user.id)}, "session_id": {"S": SCREENING.id}}
    dynamo.client.delete_item(TableName=f"{dynamo.prefix}-live-holds", Key=key)

    user.count(second, limit=1)

    assert isinstance(dynamo.live_holds, DynamoHoldsCountedUntilExpiry)
    assert user.counted(limit=1) == listed(second)
