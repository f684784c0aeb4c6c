"""DynamoDB in this process: what our adapters rely on, and no more.

Each call takes effect as a whole. It evaluates the very expressions that the adapters send, refuses with DynamoDB's own
errors, and writes the records of the streams. `operate` is the service; `Client`, in doors.py, the way to it, on which
everything may go wrong.

Left out: capacity, sizes, reserved words, projections of indexes, paging by size. The contract tests look for those on
an emulator, and run on this one too (tests/contract).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError
from pynamodb.indexes import LocalSecondaryIndex

from chalicelib.domain.times import to_ms
from chalicelib.infrastructure.dynamodb.tables import TABLES

from . import expressions
from .expressions import Item

Key = tuple[str, ...]
Record = dict[str, Any]
Listener = Callable[[Item | None, Item | None], None]
"""Is told of each write: the item before and after it."""

TRANSACTION_ITEMS = 100


class ConditionalCheckFailed(ClientError):
    pass


class TransactionConflict(ClientError):
    pass


class TransactionCanceled(ClientError):
    pass


class Exceptions:
    """The exception classes of a boto3 client."""

    ConditionalCheckFailedException = ConditionalCheckFailed
    TransactionConflictException = TransactionConflict
    TransactionCanceledException = TransactionCanceled


def error(code: str, operation: str, kind: type[ClientError] = ClientError, **more: Any) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": "simulated"}, **more}
    return kind(answer, operation)


@dataclass(frozen=True)
class Index:
    hash_key: str
    range_key: str | None
    is_local: bool


@dataclass
class Table:
    name: str
    hash_key: str
    range_key: str | None
    indexes: Mapping[str, Index]
    has_stream: bool
    items: dict[Key, Item] = field(default_factory=dict)
    written_at: dict[Key, datetime] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)

    def key_of(self, attributes: Item) -> Key:
        first = str(attributes[self.hash_key]["S"])
        return (first, str(attributes[self.range_key]["S"])) if self.range_key else (first,)


@dataclass
class Database:
    """All tables of one stage. `locked` are the items of a transaction that is under way."""

    prefix: str
    clock: Callable[[], datetime]
    tables: dict[str, Table] = field(init=False)
    locked: set[tuple[str, Key]] = field(default_factory=set)
    listeners: dict[str, Listener] = field(default_factory=dict)
    """By the table's name."""
    records: int = 0

    def __post_init__(self) -> None:
        named = {f"{self.prefix}-{name}": schema for name, schema in SCHEMAS.items()}
        self.tables = {name: Table(name, *schema) for name, schema in named.items()}

    def items(self, table: str) -> dict[Key, Item]:
        return self.tables[f"{self.prefix}-{table}"].items

    def operate(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Makes a call take effect at once and as a whole. Raises ClientError."""
        answer: dict[str, Any] = OPERATIONS[operation](self, request)
        return answer

    # Reads.

    def get_item(self, request: Mapping[str, Any]) -> dict[str, Any]:
        table = self.tables[request["TableName"]]
        item = table.items.get(table.key_of(request["Key"]))
        return {"Item": item} if item is not None else {}

    def batch_get_item(self, request: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, list[Item]] = {}
        for name, wanted in request["RequestItems"].items():
            table = self.tables[name]
            keys = (table.key_of(key) for key in wanted["Keys"])
            found[name] = [table.items[key] for key in keys if key in table.items]
        return {"Responses": found, "UnprocessedKeys": {}}

    def query(self, request: Mapping[str, Any], seen_before: datetime | None = None) -> dict[str, Any]:
        """Queries a table or index. A global index that is behind shows only items written before `seen_before`."""
        table = self.tables[request["TableName"]]
        found = self._find_items(table, request, seen_before)
        if not request.get("ScanIndexForward", True):
            found.reverse()
        if start := request.get("ExclusiveStartKey"):
            places = [place for place, item in enumerate(found) if table.key_of(item) == table.key_of(start)]
            found = found[places[0] + 1 :] if places else found
        limit = request.get("Limit") or len(found) + 1
        more = {"LastEvaluatedKey": self._cursor(table, request, found[limit - 1])} if len(found) > limit else {}
        return {"Items": found[:limit], "Count": len(found[:limit]), "ScannedCount": len(found[:limit]), **more}

    def _find_items(self, table: Table, request: Mapping[str, Any], seen_before: datetime | None) -> list[Item]:
        index = table.indexes.get(request.get("IndexName", ""))
        if index and not index.is_local and request.get("ConsistentRead"):
            raise error("ValidationException", "Query")
        names, values = request.get("ExpressionAttributeNames") or {}, request["ExpressionAttributeValues"]
        matches = expressions.condition(request["KeyConditionExpression"]).evaluate
        order = (index.range_key if index else table.range_key) or table.hash_key
        late = seen_before if index and not index.is_local else None
        items = (
            item
            for key, item in table.items.items()
            if order in item and matches(item, names, values) and not (late and table.written_at[key] > late)
        )
        return sorted(items, key=lambda item: (item[order]["S"], table.key_of(item)))

    def _cursor(self, table: Table, request: Mapping[str, Any], last: Item) -> Item:
        index = table.indexes.get(request.get("IndexName", ""))
        names = {table.hash_key, table.range_key, *((index.hash_key, index.range_key) if index else ())}
        return {name: last[name] for name in names if name}

    def scan(self, request: Mapping[str, Any]) -> dict[str, Any]:
        items = list(self.tables[request["TableName"]].items.values())
        if wanted := request.get("ProjectionExpression"):
            names = {name.strip() for name in wanted.split(",")}
            items = [{name: value for name, value in item.items() if name in names} for item in items]
        return {"Items": items}

    # Writes.

    def delete_item(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if request.keys() - {"TableName", "Key", "ReturnValues"}:
            raise expressions.Unreadable(str(request))
        table = self.tables[request["TableName"]]
        key = table.key_of(request["Key"])
        before = table.items.get(key)
        self._store(table, key, before, None)
        return {"Attributes": before} if before else {}

    def put_item(self, request: Mapping[str, Any]) -> dict[str, Any]:
        table = self.tables[request["TableName"]]
        return self._write_one("PutItem", table, table.key_of(request["Item"]), request)

    def update_item(self, request: Mapping[str, Any]) -> dict[str, Any]:
        table = self.tables[request["TableName"]]
        key = table.key_of(request["Key"])
        self._write_one("UpdateItem", table, key, request)
        match request.get("ReturnValues", "NONE"):
            case "NONE":
                return {}
            case "ALL_NEW":
                return {"Attributes": table.items[key]}
            case other:
                raise expressions.Unreadable(other)

    def _write_one(self, operation: str, table: Table, key: Key, request: Mapping[str, Any]) -> dict[str, Any]:
        if (table.name, key) in self.locked:
            raise error("TransactionConflictException", operation, TransactionConflict)
        before = table.items.get(key)
        if not _may_write(before, request):
            returned = request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" and before is not None
            item = {"Item": before} if returned else {}
            raise error("ConditionalCheckFailedException", operation, ConditionalCheckFailed, **item)
        self._store(table, key, before, _apply_write(table, before, request))
        return {}

    def transact_write_items(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self.commit(self.prepare(request))
        return {}

    def prepare(self, request: Mapping[str, Any]) -> list[tuple[Table, Key, Mapping[str, Any]]]:
        """Checks the conditions of all writes. Raises TransactionCanceled."""
        parts = [self._parse_write(one) for one in request["TransactItems"]]
        places = [(table.name, key) for table, key, _ in parts]
        if len(set(places)) < len(places) or len(places) > TRANSACTION_ITEMS:
            raise error("ValidationException", "TransactWriteItems")
        reasons = [self._cancellation_reason(*part) for part in parts]
        if any(reason["Code"] != "None" for reason in reasons):
            cancelled = {"CancellationReasons": reasons}
            raise error("TransactionCanceledException", "TransactWriteItems", TransactionCanceled, **cancelled)
        return parts

    def commit(self, parts: Iterable[tuple[Table, Key, Mapping[str, Any]]]) -> None:
        for table, key, one in parts:
            before = table.items.get(key)
            self._store(table, key, before, _apply_write(table, before, one))

    def _parse_write(self, write: Mapping[str, Any]) -> tuple[Table, Key, Mapping[str, Any]]:
        ((kind, request),) = write.items()
        table = self.tables[request["TableName"]]
        if kind not in ("Put", "Update"):
            raise expressions.Unreadable(kind)
        return table, table.key_of(request["Item" if kind == "Put" else "Key"]), request

    def _cancellation_reason(self, table: Table, key: Key, request: Mapping[str, Any]) -> dict[str, Any]:
        if (table.name, key) in self.locked:
            return {"Code": "TransactionConflict"}
        before = table.items.get(key)
        if _may_write(before, request):
            return {"Code": "None"}
        returned = request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" and before is not None
        return {"Code": "ConditionalCheckFailed", **({"Item": before} if returned else {})}

    def delete_expired(self, table: str, key: Key) -> None:
        """Deletes an item, as TTL does."""
        found = self.tables[f"{self.prefix}-{table}"]
        self._store(found, key, found.items.get(key), None)

    def expired(self, table: str, now: datetime) -> Iterator[Key]:
        for key, item in self.items(table).items():
            if "ttl" in item and int(item["ttl"]["N"]) * 1000 <= to_ms(now):
                yield key

    def _store(self, table: Table, key: Key, before: Item | None, after: Item | None) -> None:
        if after is None:
            table.items.pop(key, None)
        else:
            table.items[key], table.written_at[key] = after, self.clock()
        if before == after:
            return
        if listener := self.listeners.get(table.name):
            listener(before, after)
        if table.has_stream:
            table.records.append(self._record(table, before, after))

    def _record(self, table: Table, before: Item | None, after: Item | None) -> Record:
        """Makes a record of the stream; its moment is in whole seconds."""
        self.records += 1
        images = {name: image for name, image in (("OldImage", before), ("NewImage", after)) if image is not None}
        change = {
            "ApproximateCreationDateTime": to_ms(self.clock()) // 1000,
            "SequenceNumber": f"{self.records:021}",
            **images,
        }
        return {"eventSourceARN": f"arn:aws:dynamodb:us-east-1:0:table/{table.name}/stream/1", "dynamodb": change}


OPERATIONS: dict[str, Callable[[Database, Mapping[str, Any]], dict[str, Any]]] = {
    "GetItem": Database.get_item,
    "BatchGetItem": Database.batch_get_item,
    "Query": Database.query,
    "Scan": Database.scan,
    "DeleteItem": Database.delete_item,
    "PutItem": Database.put_item,
    "UpdateItem": Database.update_item,
    "TransactWriteItems": Database.transact_write_items,
}
READS = ("GetItem", "BatchGetItem", "Query", "Scan")


def _may_write(before: Item | None, request: Mapping[str, Any]) -> bool:
    _check_placeholders(request)
    text = request.get("ConditionExpression")
    if not text:
        return True
    names, values = request.get("ExpressionAttributeNames") or {}, request.get("ExpressionAttributeValues") or {}
    return bool(expressions.condition(text).evaluate(before or {}, names, values))


def _check_placeholders(request: Mapping[str, Any]) -> None:
    """Checks, as DynamoDB does, that each name and value is both given and used in an expression."""
    used: frozenset[str] = frozenset()
    if text := request.get("ConditionExpression"):
        used |= expressions.condition(text).placeholders
    if text := request.get("UpdateExpression"):
        used |= expressions.update(text).placeholders
    given = {*(request.get("ExpressionAttributeNames") or ()), *(request.get("ExpressionAttributeValues") or ())}
    if used != given:
        raise error("ValidationException", f"used {sorted(used)}, given {sorted(given)}")


def _apply_write(table: Table, before: Item | None, request: Mapping[str, Any]) -> Item:
    if "Item" in request:
        return dict(request["Item"])
    names, values = request.get("ExpressionAttributeNames") or {}, request.get("ExpressionAttributeValues") or {}
    start = dict(request["Key"]) if before is None else before
    after: Item = expressions.update(request["UpdateExpression"]).evaluate(start, names, values)
    if table.key_of(after) != table.key_of(request["Key"]):
        raise error("ValidationException", "UpdateItem")
    return after


def _schemas() -> dict[str, tuple[str, str | None, Mapping[str, Index], bool]]:
    """Reads keys, indexes and streams from the models that the deployed tables are made from."""
    schemas: dict[str, Any] = {}
    for table in TABLES:
        model: Any = table.model
        indexes = {name: _to_index(index) for name, index in model._indexes.items()}
        schemas[table.name] = *_key_names(model._get_schema()), indexes, table.has_stream
    return schemas


def _to_index(index: Any) -> Index:
    return Index(*_key_names(index._get_schema()), isinstance(index, LocalSecondaryIndex))


def _key_names(schema: Mapping[str, Any]) -> tuple[str, str | None]:
    """Gives the names of the hash key and the range key."""
    names = {key["KeyType"]: str(key["AttributeName"]) for key in schema["key_schema"]}
    return names["HASH"], names.get("RANGE")


SCHEMAS = _schemas()

INDEX_LAG = timedelta(seconds=2)
"""How far a global index may be behind, at worst."""
