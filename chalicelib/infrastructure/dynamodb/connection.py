"""The DynamoDB client, one for the process and with short timeouts; and calls of it that raise errors of our own."""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException

from chalicelib.domain.refusals import BackendUnavailable
from chalicelib.infrastructure import aws

from .lean.endpoint import make_client_lean_if_possible
from .values import Item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from pynamodb.models import Model

T = TypeVar("T")
M = TypeVar("M", bound="type[Model]")

CONFIG = Config(
    connect_timeout=1,
    read_timeout=3,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=50,
    parameter_validation=False,
    user_agent="cinema-tickets",
)
"""The client's options, with timeouts in seconds. The defaults, 60 s to connect and 60 s to read, outlast API Gateway's
29 s. The last two options save a fifth of a call's CPU."""

OUTAGES = {
    "InternalServerError",
    "InternalFailure",
    "ServiceUnavailable",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
    "Throttling",
    "ThrottledException",
    "TransactionInProgressException",
    "InternalError",  # S3's words
    "SlowDown",
}
"""Error codes of a service that is not able to answer now."""


def new_dynamodb_client(*, lean: bool = True) -> "DynamoDBClient":
    """Makes the DynamoDB client.

    The client connects on first use. With `lean`, it sends by the faster code of lean/ instead of botocore's.
    """
    made: DynamoDBClient = aws.new_client("dynamodb", CONFIG)
    if lean:
        make_client_lean_if_possible(made)
    return made


def let_client_query(client: "DynamoDBClient", model: M) -> M:
    """Makes pynamodb use this client to query the model's table from now on, and gives the model.

    By itself, pynamodb makes a client for each model, and each takes 11 MB.
    """
    connection: Any = model._get_connection().connection
    connection._client = client
    return model


@contextmanager
def outages_as_refusals(operation: str) -> Iterator[None]:
    """Raises BackendUnavailable instead of an AWS error that means an outage. Passes other errors on.

    `operation` is the name of the AWS call, which BackendUnavailable carries.
    """
    try:
        yield
    except BotoCoreError as error:
        raise BackendUnavailable(operation) from error
    except ClientError as error:
        if _is_outage(error):
            raise BackendUnavailable(operation) from error
        raise
    except PynamoDBException as error:
        if not isinstance(error.cause, ClientError) or _is_outage(error.cause):
            raise BackendUnavailable(operation) from error
        raise


def _is_outage(error: ClientError) -> bool:
    return error.response["Error"]["Code"] in OUTAGES


class ConditionFailed(Exception):
    """The condition of a write failed. `item` is the stored item at that moment, or None if none was stored.

    DynamoDB sends the item with the error, so no later write can have changed it.
    """

    def __init__(self, item: Item | None) -> None:
        super().__init__()
        self.item = item


class WriteConflict(BackendUnavailable):
    """The write was refused, because another writer is changing the same item, or has changed it since it was read.

    A retry may succeed.
    """


CONFLICT_ATTEMPTS = 8
CONFLICT_FIRST_PAUSE_SECONDS = 0.005
"""The longest pause after the first conflict of a write, before the write is tried again. It doubles with each try.
With full jitter the pauses take 0.3 s in all on average. A conflicting transaction lasts some milliseconds."""
CONFLICT_LONGEST_PAUSE_SECONDS = 0.32


def retry_on_conflict_or_raise_unavailable(
    write: Callable[[], T], sleep: Callable[[float], None], attempts: int = CONFLICT_ATTEMPTS
) -> T:
    """Calls `write`, and retries it with full jitter while it raises WriteConflict. Gives its result.

    Raises BackendUnavailable after the last attempt. A write of a single item conflicts only with transactions, never
    with another such write.
    """
    for attempt in range(attempts):
        try:
            return write()
        except WriteConflict:
            if attempt + 1 < attempts:
                longest = min(CONFLICT_FIRST_PAUSE_SECONDS * 2**attempt, CONFLICT_LONGEST_PAUSE_SECONDS)
                sleep(random.uniform(0, longest))
    raise BackendUnavailable("TransactWriteItems")


class TransactionCancelled(Exception):
    """A transaction was cancelled and wrote nothing. `reasons` has DynamoDB's reason for each write, in their order."""

    def __init__(self, reasons: Sequence[Mapping[str, Any]]) -> None:
        super().__init__()
        self.reasons = reasons

    @property
    def conditions_failed(self) -> list[bool]:
        """Tells for each write whether its condition failed."""
        return [reason["Code"] == "ConditionalCheckFailed" for reason in self.reasons]

    @property
    def has_conflict(self) -> bool:
        """Tells whether one of the items was being written at that moment, by another transaction or by an earlier
        attempt of this one.

        A retry may succeed, or be cancelled again, for this reason or another.
        """
        return "TransactionConflict" in self.reason_codes

    @property
    def reason_codes(self) -> set[str]:
        return {reason["Code"] for reason in self.reasons}

    def as_write_conflict_or_outage(self) -> Exception:
        """Gives WriteConflict if another transaction caused the cancellation, so that callers retry.

        Else gives BackendUnavailable.
        """
        return (WriteConflict if self.has_conflict else BackendUnavailable)("TransactWriteItems")


def transact(client: "DynamoDBClient", writes: Sequence[Any]) -> None:
    """Makes all writes, or none, by one TransactWriteItems. Raises TransactionCancelled, BackendUnavailable."""
    try:
        with outages_as_refusals("TransactWriteItems"):
            client.transact_write_items(TransactItems=writes)
    except client.exceptions.TransactionCanceledException as error:
        raise TransactionCancelled(error.response["CancellationReasons"]) from error


@dataclass(frozen=True)
class Table:
    """A DynamoDB table. Reads are consistent. A write whose condition fails raises ConditionFailed."""

    client: "DynamoDBClient"
    name: str

    def get(self, key: Item) -> Item | None:
        """Reads an item consistently. Raises BackendUnavailable."""
        with outages_as_refusals("GetItem"):
            return self.client.get_item(TableName=self.name, Key=key, ConsistentRead=True).get("Item")

    def put(self, item: Item, **request: Any) -> None:
        """Puts an item. `request` has further arguments of PutItem.

        Raises ConditionFailed, WriteConflict, BackendUnavailable.
        """
        self._write("put_item", Item=item, **request)

    def update(self, key: Item, **request: Any) -> Item:
        """Updates an item. `request` has further arguments of UpdateItem.

        Gives the attributes that `ReturnValues` asks for.

        Raises ConditionFailed, WriteConflict, BackendUnavailable.
        """
        attributes: Item = self._write("update_item", Key=key, **request).get("Attributes", {})
        return attributes

    def _write(self, operation: str, **request: Any) -> dict[str, Any]:
        """Calls an operation of the client. Raises ConditionFailed, WriteConflict, BackendUnavailable."""
        call = getattr(self.client, operation)
        request |= {"TableName": self.name, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        try:
            with outages_as_refusals(operation):
                answer: dict[str, Any] = call(**request)
                return answer
        except self.client.exceptions.ConditionalCheckFailedException as error:
            raise ConditionFailed(error.response.get("Item")) from error  # type: ignore[arg-type] # not in the stubs
        except self.client.exceptions.TransactionConflictException as error:
            raise WriteConflict(operation) from error


BATCH_GET_KEYS = 100
"""The largest number of keys of one BatchGetItem."""

UNPROCESSED_ATTEMPTS = 8
UNPROCESSED_FIRST_PAUSE_SECONDS = 0.025
"""The longest pause before the first retry of keys that DynamoDB left unprocessed. With each further retry, the limit
doubles. It is short at first, because a partition that has split is ready in some tenths of a second. It grows, because
an overloaded partition needs more time."""
UNPROCESSED_LONGEST_PAUSE_SECONDS = 0.8
UNPROCESSED_SECONDS = 3.0
"""The longest time that one read may take, with all its retries. It is short, because a request's client waits only
eight seconds."""


@dataclass(frozen=True)
class BatchReader:
    """A reader of many items by their keys.

    `sleep` makes the pauses between tries, and `seconds` is the monotonic clock.
    """

    client: "DynamoDBClient"
    table_name: str
    sleep: Callable[[float], None] = time.sleep
    seconds: Callable[[], float] = time.monotonic

    def __call__(self, keys: Sequence[Item]) -> Iterator[Item]:
        """Reads the items consistently, in no particular order. Missing items are left out. Raises BackendUnavailable.

        Makes one call for each hundred keys. Retries the keys that DynamoDB left unprocessed, with full jitter, up to
        UNPROCESSED_ATTEMPTS times and for UNPROCESSED_SECONDS at most.
        """
        deadline = self.seconds() + UNPROCESSED_SECONDS
        for start in range(0, len(keys), BATCH_GET_KEYS):
            yield from self._read(keys[start : start + BATCH_GET_KEYS], deadline)

    def _read(self, keys: Sequence[Item], deadline: float) -> Iterator[Item]:
        wanted: Any = {self.table_name: {"Keys": keys, "ConsistentRead": True}}
        for attempt in range(UNPROCESSED_ATTEMPTS):
            with outages_as_refusals("BatchGetItem"):
                answer = self.client.batch_get_item(RequestItems=wanted)
            yield from answer["Responses"].get(self.table_name, [])
            wanted = answer.get("UnprocessedKeys")
            if not wanted:
                return
            longest = min(UNPROCESSED_FIRST_PAUSE_SECONDS * 2**attempt, UNPROCESSED_LONGEST_PAUSE_SECONDS)
            pause = random.uniform(0, longest)
            if self.seconds() + pause >= deadline:
                break
            if attempt + 1 < UNPROCESSED_ATTEMPTS:
                self.sleep(pause)
        raise BackendUnavailable("BatchGetItem")


def query_items(client: "DynamoDBClient", table_name: str, **request: Any) -> Iterator[Item]:
    """Reads all items that a query finds, page by page. `request` has the arguments of Query.

    Raises BackendUnavailable.
    """
    request["TableName"] = table_name
    while True:
        with outages_as_refusals("Query"):
            page = client.query(**request)
        yield from page["Items"]
        if not page.get("LastEvaluatedKey"):
            return
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
