"""The clients of DynamoDB and SQS that our adapters get: each call is a step of the scheduler, and may go wrong."""

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from chalicelib.infrastructure.dynamodb import tables
from chalicelib.infrastructure.dynamodb.tables import TABLES
from tests.simulation.faults import Kind
from tests.simulation.scheduler import Door, Scheduler

from .dynamodb import INDEX_LAG, READS, Database, Exceptions, error

EVERYWHERE = (Kind.REFUSED, Kind.DIES_BEFORE, Kind.STOPS)
ON_WRITES = (
    *EVERYWHERE,
    Kind.DIES_AFTER,
    Kind.ANSWER_LOST,
    Kind.SECOND_OUTCOME,
    Kind.WRITE_AGAIN,
    Kind.WRITE_AGAIN,
    Kind.WRITE_LATE,
)


def no_answer(call: str) -> Exception:
    return ReadTimeoutError(endpoint_url=call)


DYNAMODB = Door("dynamodb", no_answer, lambda call: error("ThrottlingException", call), EVERYWHERE, ON_WRITES)

Request = dict[str, Any]
Change = Callable[[str, Request], Request]
"""What a planted fault makes of a request: see planted.py."""


def unchanged(operation: str, request: Request) -> Request:
    return request


@dataclass
class Client:
    """A client of the simulated DynamoDB, with boto3's methods."""

    scheduler: Scheduler
    database: Database
    change: Change = unchanged
    exceptions = Exceptions

    # pynamodb looks at it.
    _request_signer = None

    def get_item(self, **request: Any) -> Any:
        return self._make_api_call("GetItem", request)

    def batch_get_item(self, **request: Any) -> Any:
        return self._make_api_call("BatchGetItem", request)

    def query(self, **request: Any) -> Any:
        return self._make_api_call("Query", request)

    def scan(self, **request: Any) -> Any:
        return self._make_api_call("Scan", request)

    def delete_item(self, **request: Any) -> Any:
        return self._make_api_call("DeleteItem", request)

    def put_item(self, **request: Any) -> Any:
        return self._make_api_call("PutItem", request)

    def update_item(self, **request: Any) -> Any:
        return self._make_api_call("UpdateItem", request)

    def transact_write_items(self, **request: Any) -> Any:
        return self._make_api_call("TransactWriteItems", request)

    def _make_api_call(self, operation: str, request: Request) -> Any:
        request = self.change(operation, request)
        act = partial(self.database.operate, operation, request)
        about = self._about(operation, request) if self.scheduler.trace is not None else operation
        own = self._own_faults(operation, request, act)
        return self.scheduler.call(DYNAMODB, about, act, is_read=operation in READS, own=own)

    def _own_faults(self, operation: str, request: Request, act: Callable[[], Any]) -> Mapping[Kind, Callable[[], Any]]:
        match operation:
            case "TransactWriteItems":
                return {Kind.CONFLICT: partial(self._transact_slowly, request)}
            case "BatchGetItem":
                return {Kind.UNPROCESSED: partial(self._leave_some_out, request)}
            case "Query" if "ConsistentRead" not in request and request.get("IndexName"):
                return {Kind.INDEX_LATE: partial(self._query_late, request)}
        return {}

    def _transact_slowly(self, request: Request) -> Any:
        """Leaves the transaction unfinished for a while, so that others are refused with a conflict."""
        database = self.database
        parts = database.prepare(request)
        places = {(table.name, key) for table, key, _ in parts}
        database.locked |= places
        for _ in range(self.scheduler.faults.chance.randint(1, 6)):
            self.scheduler.let_others_step()
        database.locked -= places
        database.commit(parts)
        return {}

    def _leave_some_out(self, request: Request) -> Any:
        answer = self.database.operate("BatchGetItem", request)
        ((name, wanted),) = request["RequestItems"].items()
        table, kept = self.database.tables[name], answer["Responses"][name][1:]
        found = {table.key_of(item) for item in kept}
        left = [key for key in wanted["Keys"] if table.key_of(key) not in found]
        return {"Responses": {name: kept}, "UnprocessedKeys": {name: {**wanted, "Keys": left}} if left else {}}

    def _query_late(self, request: Request) -> Any:
        return self.database.query(request, self.database.clock() - INDEX_LAG)

    def _about(self, operation: str, request: Request) -> str:
        if operation == "TransactWriteItems":
            return f"{operation}({', '.join(_about(next(iter(one.values()))) for one in request['TransactItems'])})"
        if operation == "BatchGetItem":
            return f"{operation}({next(iter(request['RequestItems']))})"
        return f"{operation}({_about(request)})"


def _about(request: Mapping[str, Any]) -> str:
    said = request.get("UpdateExpression") or ("put" if "Item" in request else "")
    key = request.get("Key") or request.get("Item", {})
    texts = [next(iter(value.values())) for name, value in key.items() if name in ("id", "transaction_id", "position")]
    condition = request.get("ConditionExpression")
    return " ".join([request["TableName"], *map(str, texts), said, *([f"if {condition}"] if condition else ())])


@contextmanager
def tables_named(prefix: str) -> Iterator[None]:
    """Gives pynamodb's models, which the whole process shares, the tables of this prefix; afterwards those before."""
    before = [(table.model, table.model.Meta.table_name) for table in TABLES]
    tables.set_table_names(prefix)
    try:
        yield
    finally:
        for model, name in before:
            model.Meta.table_name = name


@contextmanager
def seeded(seed: str) -> Iterator[None]:
    """Has `random` itself, by which the adapters draw their pauses, follow the seed."""
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)


def no_connection(call: str) -> Exception:
    return EndpointConnectionError(endpoint_url=call)
