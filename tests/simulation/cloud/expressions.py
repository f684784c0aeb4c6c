"""DynamoDB's expressions, as our adapters write them: parsed once, then evaluated on items in DynamoDB's own form.

    condition   a = :b   a.#c <= :d   attribute_exists(a)   NOT (…)   … AND … OR …   a BETWEEN :b AND :c
    update      SET a.#b = :c, d = if_not_exists(d, :e) REMOVE f ADD g :h

What is not understood raises Unreadable: it is never passed over. Items are never changed; an update makes a new one.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

Item = dict[str, Any]
Names = Mapping[str, str]
Values = Mapping[str, Any]
Condition = Callable[[Item, Names, Values], bool]
Operand = Callable[[Item, Names, Values], Any]
Path = tuple[str, ...]
Change = Callable[[Item, Item, Names, Values], None]
"""Reads from the item before, writes to a copy that is nobody else's yet."""

TOKEN = re.compile(r"\s*(<>|<=|>=|[=<>(),.+-]|[#:]?\w+)")
COMPARED = ("=", "<>", "<", "<=", ">", ">=")
CLAUSES = ("SET", "REMOVE", "ADD")


class Unreadable(Exception):
    """An expression that this interpreter does not know, or that DynamoDB refuses."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A parsed expression: its function, and every #name and :value in it."""

    evaluate: Any
    placeholders: frozenset[str]


@cache
def condition(text: str) -> Parsed:
    parser = _Parser(text)
    parsed = parser.disjunction()
    parser.expect_end()
    return Parsed(parsed, parser.placeholders())


@cache
def update(text: str) -> Parsed:
    parser = _Parser(text)
    changes: list[Change] = []
    while parser.has_tokens_left():
        changes += parser.clause()

    def apply(before: Item, names: Names, values: Values) -> Item:
        after = dict(before)
        for change in changes:
            change(before, after, names, values)
        return after

    return Parsed(apply, parser.placeholders())


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens = TOKEN.findall(text)
        if "".join(self.tokens) != re.sub(r"\s+", "", text):
            raise Unreadable(text)
        self.text, self.at = text, 0

    def placeholders(self) -> frozenset[str]:
        return frozenset(token for token in self.tokens if token[0] in "#:")

    def has_tokens_left(self) -> bool:
        return self.at < len(self.tokens)

    def expect_end(self) -> None:
        if self.has_tokens_left():
            raise Unreadable(self.text)

    def take_if(self, *tokens: str) -> str:
        """Takes the next token if it is one of these; else gives nothing."""
        if self.has_tokens_left() and self.tokens[self.at].upper() in tokens:
            self.at += 1
            return str(self.tokens[self.at - 1].upper())
        return ""

    def take(self) -> str:
        if not self.has_tokens_left():
            raise Unreadable(self.text)
        self.at += 1
        return str(self.tokens[self.at - 1])

    def expect(self, token: str) -> None:
        if not self.take_if(token):
            raise Unreadable(f"{self.text}: no {token} at {self.tokens[self.at :]}")

    # Conditions.

    def disjunction(self) -> Condition:
        parts = [self.conjunction()]
        while self.take_if("OR"):
            parts.append(self.conjunction())
        return parts[0] if len(parts) == 1 else lambda *on: any(part(*on) for part in parts)

    def conjunction(self) -> Condition:
        parts = [self.negation()]
        while self.take_if("AND"):
            parts.append(self.negation())
        return parts[0] if len(parts) == 1 else lambda *on: all(part(*on) for part in parts)

    def negation(self) -> Condition:
        if self.take_if("NOT"):
            denied = self.negation()
            return lambda *on: not denied(*on)
        if self.take_if("("):
            inner = self.disjunction()
            self.expect(")")
            return inner
        return self.comparison()

    def comparison(self) -> Condition:
        if name := self.take_if("ATTRIBUTE_EXISTS", "ATTRIBUTE_NOT_EXISTS", "BEGINS_WITH"):
            return self.function(name)
        left = self.operand()
        if self.take_if("BETWEEN"):
            low = self.operand()
            self.expect("AND")
            high = self.operand()
            return lambda *on: _is_true(">=", left(*on), low(*on)) and _is_true("<=", left(*on), high(*on))
        sign, right = self.take(), self.operand()
        if sign not in COMPARED:
            raise Unreadable(f"{self.text}: {sign}")
        return lambda *on: _is_true(sign, left(*on), right(*on))

    def function(self, name: str) -> Condition:
        self.expect("(")
        path = self.path()
        if name == "BEGINS_WITH":
            self.expect(",")
            start = self.operand()
            self.expect(")")
            return lambda item, names, values: _begins_with(_find(item, path, names), start(item, names, values))
        self.expect(")")
        exists = name == "ATTRIBUTE_EXISTS"
        return lambda item, names, _: (_find(item, path, names) is not None) is exists

    def path(self) -> Path:
        parts = [self.take()]
        while self.take_if("."):
            parts.append(self.take())
        return tuple(parts)

    def operand(self) -> Operand:
        if self.has_tokens_left() and self.tokens[self.at].startswith(":"):
            name = self.take()
            return lambda _item, _names, values: values[name]
        path = self.path()
        return lambda item, names, _: _find(item, path, names)

    # Updates.

    def clause(self) -> list[Change]:
        kind = self.take_if(*CLAUSES)
        one = {"SET": self.set_clause_part, "REMOVE": self.remove_clause_part, "ADD": self.add_clause_part}.get(kind)
        if one is None:
            raise Unreadable(self.text)
        changes = [one()]
        while self.take_if(","):
            changes.append(one())
        return changes

    def set_clause_part(self) -> Change:
        path = self.path()
        self.expect("=")
        value = self.new_value()
        return lambda before, after, names, values: _put(after, path, names, value(before, names, values))

    def new_value(self) -> Operand:
        if not self.take_if("IF_NOT_EXISTS"):
            return self.operand()
        self.expect("(")
        path = self.path()
        self.expect(",")
        other = self.operand()
        self.expect(")")

        def value(item: Item, names: Names, values: Values) -> Any:
            found = _find(item, path, names)
            return other(item, names, values) if found is None else found

        return value

    def remove_clause_part(self) -> Change:
        path = self.path()
        if len(path) > 1:
            raise Unreadable(self.text)
        return lambda _before, after, names, _values: after.pop(names.get(path[0], path[0]), None) and None

    def add_clause_part(self) -> Change:
        path, value = self.path(), self.operand()

        def add(before: Item, after: Item, names: Names, values: Values) -> None:
            added = int(value(before, names, values)["N"])
            _put(after, path, names, {"N": str(int((_find(before, path, names) or {"N": "0"})["N"]) + added)})

        return add


def _find(item: Item, path: Path, names: Names) -> Any:
    node: Any = item.get(names.get(path[0], path[0]))
    for part in path[1:]:
        if node is None:
            return None
        node = node.get("M", {}).get(names.get(part, part))
    return node


def _put(item: Item, path: Path, names: Names, value: Any) -> None:
    """Sets the value at the path. Copies the maps on the way, because other items may share them."""
    if value is None:
        raise Unreadable(f"nothing to be put at {path}")
    first = names.get(path[0], path[0])
    if len(path) == 1:
        item[first] = value
        return
    if "M" not in item.get(first, {}):
        raise Unreadable(f"the document path {path} is invalid for update")
    inner = dict(item[first]["M"])
    _put(inner, path[1:], names, value)
    item[first] = {"M": inner}


def _is_true(sign: str, left: Any, right: Any) -> bool:
    """Compares as DynamoDB does: a missing value equals none, and values of two types have no order."""
    if sign in ("=", "<>"):
        return (left is not None and right is not None and left == right) is (sign == "=")
    if left is None or right is None or left.keys() != right.keys():
        return False
    one, other = _to_sortable(left), _to_sortable(right)
    if sign[0] == "<":
        return bool(one < other or (sign == "<=" and one == other))
    return bool(one > other or (sign == ">=" and one == other))


def _to_sortable(value: Any) -> Any:
    if "N" in value:
        number = value["N"]
        return int(number) if number.lstrip("-").isdigit() else Decimal(number)
    if "S" in value:
        return value["S"]
    raise Unreadable(f"{value} has no order")


def _begins_with(value: Any, start: Any) -> bool:
    return value is not None and "S" in value and str(value["S"]).startswith(start["S"])
