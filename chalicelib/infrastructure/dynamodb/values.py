"""DynamoDB's attribute values, as {"S": "…"} and {"N": "…"}: only this module writes and reads them.

    item = {**text_key(id="res-1"), "place": number_value(7), "expires": ms_value(moment)}
    read_text(item, "id"), read_required_number(item, "place"), read_ms(item, "expires")

`read_…` raises KeyError for an attribute that is missing, `find_…` gives None for it.

boto3's TypeSerializer is not used, because it tries one type after the other, and makes a Decimal of each number. The
models of pynamodb (tables.py) write and read whole items.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from chalicelib.domain.times import from_ms, to_ms

Value = dict[str, Any]
"""An attribute's value: its type, and the value as DynamoDB's protocol writes it."""

Item = dict[str, Any]
"""Attributes by name: an item, its key, or the inside of a map."""

TRUE: Value = {"BOOL": True}


def text_value(text: str) -> Value:
    return {"S": text}


def number_value(number: int) -> Value:
    return {"N": str(number)}


def ms_value(moment: datetime) -> Value:
    """Writes a moment as milliseconds since 1970."""
    return {"N": str(to_ms(moment))}


def ttl_value(moment: datetime) -> Value:
    """Writes a moment as whole seconds since 1970, as DynamoDB's TTL reads it."""
    return {"N": str(ttl_seconds_rounded_down(moment))}


def ttl_seconds_rounded_down(moment: datetime) -> int:
    return to_ms(moment) // 1000


def map_value(attributes: Item) -> Value:
    return {"M": attributes}


def list_value(values: Iterable[Value]) -> Value:
    return {"L": list(values)}


def text_list_value(texts: Iterable[str]) -> Value:
    """Writes a list of texts. It is no DynamoDB set, because a set has no order and can't be empty."""
    return {"L": [{"S": text} for text in texts]}


def numbers_value(numbers: Mapping[str, int]) -> Value:
    """Writes a map of names to numbers."""
    return {"M": {str(name): {"N": str(number)} for name, number in numbers.items()}}


def attribute_value(value: str | int | tuple[str, ...]) -> Value:
    """Writes a text, a whole number or a tuple of texts as an attribute value."""
    if isinstance(value, int):
        return number_value(value)
    return text_list_value(value) if isinstance(value, tuple) else text_value(value)


def text_key(**attributes: str) -> Item:
    """Builds a key, or a part of an item, from attributes that are all texts. All our keys have only texts."""
    return {name: {"S": text} for name, text in attributes.items()}


def read_text(item: Mapping[str, Any], name: str) -> str:
    text: str = item[name]["S"]
    return text


def read_required_number(item: Mapping[str, Any], name: str) -> int:
    return int(item[name]["N"])


def read_ms(item: Mapping[str, Any], name: str) -> datetime:
    """Reads a moment that `ms_value` wrote."""
    return from_ms(int(item[name]["N"]))


def read_required_map(item: Mapping[str, Any], name: str) -> Item:
    attributes: Item = item[name]["M"]
    return attributes


def read_required_texts(item: Mapping[str, Any], name: str) -> list[str]:
    return [value["S"] for value in item[name]["L"]]


def read_required_numbers(item: Mapping[str, Any], name: str) -> dict[str, int]:
    """Reads a map of names to numbers."""
    return {each: int(value["N"]) for each, value in item[name]["M"].items()}


def read_required_list_of_maps(item: Mapping[str, Any], name: str) -> list[Item]:
    return [value["M"] for value in item[name]["L"]]


def read_map_of_maps_or_empty(item: Mapping[str, Any], name: str) -> dict[str, Item]:
    """Reads a map whose values are maps. Gives an empty one if the attribute is missing."""
    return {each: value["M"] for each, value in item[name]["M"].items()} if name in item else {}


def find_text(item: Mapping[str, Any], name: str) -> str | None:
    return item[name]["S"] if name in item else None


def find_ms(item: Mapping[str, Any], name: str) -> datetime | None:
    return read_ms(item, name) if name in item else None
