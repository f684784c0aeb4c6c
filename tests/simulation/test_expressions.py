"""The expressions of DynamoDB: what the contract tests of the adapters don't reach, or what must be refused."""

from typing import Any

import pytest

from .cloud import expressions
from .cloud.doors import Client
from .cloud.dynamodb import Database
from .cloud.expressions import Unreadable
from .scheduler import idle_scheduler

ITEM: Any = {"id": {"S": "x"}, "place": {"N": "9"}, "seats": {"M": {"A1": {"M": {"r": {"S": "res-1"}}}}}}
VALUES: Any = {":ten": {"N": "10"}, ":nine": {"N": "9"}, ":text": {"S": "9"}, ":res": {"S": "res-1"}}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("place < :ten", True),
        ("place <= :nine AND NOT place < :nine", True),
        ("place = :text", False),
        ("place < :text", False),
        ("place > :text", False),
        ("missing = :nine", False),
        ("missing <> :nine", True),
        ("missing < :nine OR missing >= :nine", False),
        ("attribute_not_exists(seats.B1) AND attribute_exists(seats.A1.r)", True),
        ("seats.#seat.r = :res", True),
        ("place BETWEEN :nine AND :ten", True),
        ("begins_with(seats.A1.r, :res)", True),
        ("NOT (place = :nine OR place = :ten) OR id = :res", False),
    ],
)
def test_a_condition_holds_as_on_dynamodb(text: str, holds: bool) -> None:
    evaluate = expressions.condition(text).evaluate

    assert evaluate(ITEM, {"#seat": "A1"}, VALUES) is holds


def test_numbers_are_compared_as_numbers_and_texts_as_texts() -> None:
    evaluate = expressions.condition("a < :b").evaluate

    assert evaluate({"a": {"N": "9"}}, {}, {":b": {"N": "10"}})
    assert not evaluate({"a": {"S": "9"}}, {}, {":b": {"S": "10"}})


def test_all_changes_of_an_update_read_the_item_before() -> None:
    update = expressions.update("SET a = b, b = if_not_exists(c, :new) REMOVE d ADD version :one").evaluate
    before: Any = {"a": {"S": "1"}, "b": {"S": "2"}, "d": {"S": "4"}}

    after = update(before, {}, {":new": {"S": "3"}, ":one": {"N": "1"}})

    assert after == {"a": {"S": "2"}, "b": {"S": "3"}, "version": {"N": "1"}}
    assert before == {"a": {"S": "1"}, "b": {"S": "2"}, "d": {"S": "4"}}


def test_an_update_leaves_maps_alone_that_others_share() -> None:
    update = expressions.update("SET seats.#seat = :text").evaluate

    after = update(ITEM, {"#seat": "B1"}, VALUES)

    assert set(after["seats"]["M"]) == {"A1", "B1"}
    assert set(ITEM["seats"]["M"]) == {"A1"}


@pytest.mark.parametrize("text", ["a LIKE :b", "a = :b AND", "(a = :b", "contains(a, :b)", "a = :b c", "a[0] = :b"])
def test_a_condition_that_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        expressions.condition(text)


@pytest.mark.parametrize("text", ["DELETE a :b", "SET a = b + :c", "REMOVE a.b", "SET a"])
def test_an_update_that_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        expressions.update(text)


def test_a_value_goes_into_no_map_that_is_missing() -> None:
    with pytest.raises(Unreadable):
        expressions.update("SET gone.#seat = :text").evaluate(ITEM, {"#seat": "B1"}, VALUES)


@pytest.mark.parametrize("values", [{}, {":now": {"N": "1"}, ":unused": {"N": "1"}}])
def test_names_and_values_are_those_of_the_expressions(values: Any) -> None:
    scheduler = idle_scheduler()
    client = Client(scheduler, Database("simulated", scheduler.clock))

    with pytest.raises(Exception, match="ValidationException"):
        client.update_item(
            TableName="simulated-rows",
            Key={"id": {"S": "x"}},
            UpdateExpression="SET closed = :now",
            ExpressionAttributeValues=values,
        )
