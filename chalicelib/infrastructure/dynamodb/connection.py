"""The DynamoDB client: one for the process, with short timeouts; and its errors, translated at the edge."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException

from chalicelib.domain.refusals import StoreUnavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

T = TypeVar("T")

Item = dict[str, Any]
"""An item as DynamoDB's protocol writes it: {"id": {"S": "…"}, …}."""

CONFIG = Config(
    connect_timeout=1,
    read_timeout=3,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=50,
    parameter_validation=False,
    user_agent="cinema-tickets",
)
"""Seconds. The defaults, 60 s and 60 s, outlast API Gateway's 29. The last two save a fifth of a call's CPU."""

OUTAGES = {
    "InternalServerError",
    "InternalFailure",
    "ServiceUnavailable",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
    "TransactionInProgressException",
    "InternalError",  # S3's words
    "SlowDown",
}


class ConditionFailed(Exception):
    """A conditional write was refused. `item` is what stands there; None when nothing does."""

    def __init__(self, item: Item | None) -> None:
        super().__init__()
        self.item = item


def client() -> "DynamoDBClient":
    return boto3.client("dynamodb", config=CONFIG)


@contextmanager
def outages_as_refusals(operation: str) -> Iterator[None]:
    """What no retry of the client library could mend becomes StoreUnavailable; a mistake of ours stays loud."""
    try:
        yield
    except BotoCoreError as error:
        raise StoreUnavailable(operation) from error
    except ClientError as error:
        if _is_outage(error):
            raise StoreUnavailable(operation) from error
        raise
    except PynamoDBException as error:
        if not isinstance(error.cause, ClientError) or _is_outage(error.cause):
            raise StoreUnavailable(operation) from error
        raise


class WriteConflict(Exception):
    """Another transaction is at work on the same item at this moment."""


CONFLICT_ATTEMPTS = 8
CONFLICT_FIRST_PAUSE_SECONDS = 0.005
"""Doubled each time, with full jitter: 0.3 s in all on average. A conflicting transaction lasts some milliseconds."""
CONFLICT_LONGEST_PAUSE_SECONDS = 0.32


def when_free_of_conflict(
    write: Callable[[], T], sleep: Callable[[float], None], attempts: int = CONFLICT_ATTEMPTS
) -> T:
    """Tries again as long as the write raises WriteConflict; in the end raises StoreUnavailable.

    Only transactions meet conflicts, and the writes that they meet: never two holds of one row each.
    """
    for attempt in range(attempts):
        try:
            return write()
        except WriteConflict:
            if attempt + 1 < attempts:
                longest = min(CONFLICT_FIRST_PAUSE_SECONDS * 2**attempt, CONFLICT_LONGEST_PAUSE_SECONDS)
                sleep(random.uniform(0, longest))
    raise StoreUnavailable("TransactWriteItems")


def why_cancelled(reasons: Iterable[Mapping[str, Any]]) -> Exception:
    """For a transaction of whose conditions nothing is to be told: a conflict is tried again, all else is an outage."""
    return WriteConflict() if met_a_conflict(reasons) else StoreUnavailable("TransactWriteItems")


def met_a_conflict(reasons: Iterable[Mapping[str, Any]]) -> bool:
    """Then the other reasons say nothing yet: another transaction was at work, perhaps this one's own first try."""
    return any(reason["Code"] == "TransactionConflict" for reason in reasons)


@dataclass(frozen=True)
class Table:
    """One table: consistent reads, and conditional writes that say what stood in their way."""

    client: "DynamoDBClient"
    name: str

    def get(self, key: Item) -> Item | None:
        with outages_as_refusals("GetItem"):
            return self.client.get_item(TableName=self.name, Key=key, ConsistentRead=True).get("Item")

    def put(self, key: Item, **request: Any) -> None:
        """`request` as for PutItem. Raises ConditionFailed."""
        self._conditional("put_item", key, **request)

    def update(self, key: Item, **request: Any) -> Item:
        """`request` as for UpdateItem; gives the attributes it asks for. Raises ConditionFailed, WriteConflict."""
        attributes: Item = self._conditional("update_item", key, Key=key, **request).get("Attributes", {})
        return attributes

    def _conditional(self, operation: str, key: Item, **request: Any) -> dict[str, Any]:
        call = getattr(self.client, operation)
        request |= {"TableName": self.name, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        try:
            with outages_as_refusals(operation):
                answer: dict[str, Any] = call(**request)
                return answer
        except self.client.exceptions.ConditionalCheckFailedException as error:
            raise ConditionFailed(self._found(error, key)) from error
        except self.client.exceptions.TransactionConflictException as error:
            raise WriteConflict from error

    def _found(self, error: ClientError, key: Item) -> Item | None:
        """The item that failed the condition. Endpoints that can't return it (old DynamoDB Local) are asked again."""
        item: Item | None = error.response.get("Item")  # type: ignore[assignment] # not in the stubs
        return item or self.get(key)


BATCH_GET_KEYS = 100
"""The most keys of one BatchGetItem."""


def consistent_items(client: "DynamoDBClient", table_name: str, keys: Sequence[Item]) -> Iterator[Item]:
    """The items that are there, in no order: one call for each hundred keys, and more for what it left unprocessed."""
    for start in range(0, len(keys), BATCH_GET_KEYS):
        wanted: Any = {table_name: {"Keys": keys[start : start + BATCH_GET_KEYS], "ConsistentRead": True}}
        while wanted:
            with outages_as_refusals("BatchGetItem"):
                answer = client.batch_get_item(RequestItems=wanted)
            yield from answer["Responses"][table_name]
            wanted = answer.get("UnprocessedKeys")


def queried(client: "DynamoDBClient", table_name: str, **request: Any) -> Iterator[Item]:
    """What the whole query finds, page by page; `request` as for Query. Raises StoreUnavailable."""
    request["TableName"] = table_name
    while True:
        with outages_as_refusals("Query"):
            page = client.query(**request)
        yield from page["Items"]
        if not page.get("LastEvaluatedKey"):
            return
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _is_outage(error: ClientError) -> bool:
    return error.response["Error"]["Code"] in OUTAGES
