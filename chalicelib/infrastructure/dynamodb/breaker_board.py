"""What the breakers of other processes do, for GET /ready: letters and refunds have functions of their own.

    {name: ses, state: open, half_open_at: 1708023605000, trips: 3}     one item for each dependency

The last word wins, whichever process it is from: when one was answered, the dependency answers. What a process can't
say, because it died while its breaker was open, is forgotten after a while.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.domain.ports import Clock
from chalicelib.domain.times import from_ms, to_ms
from chalicelib.infrastructure.breakers import BreakerStatus, Change, State

from .connection import Item, outages_as_refusals

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

log = Logger(service="cinema-tickets", child=True)

FORGOTTEN = timedelta(minutes=15)
"""After its pause, an open breaker waits for the next letter or refund to probe with. A function that got none for so
long is gone, and a new one begins with a closed breaker."""


@dataclass(frozen=True)
class BreakerBoard:
    client: "DynamoDBClient"
    table_name: str
    clock: Clock

    def write(self, change: Change) -> None:
        """One write unit. Never raises: a letter or refund must not fail because this could not be told."""
        half_open_at = self.clock() + timedelta(seconds=change.open_seconds)
        try:
            self.client.update_item(
                TableName=self.table_name,
                Key=_key(change.name),
                UpdateExpression="SET #state = :state, half_open_at = :half_open_at ADD trips :trips",
                ExpressionAttributeNames={"#state": "state"},
                ExpressionAttributeValues={
                    ":state": {"S": change.state},
                    ":half_open_at": {"N": str(to_ms(half_open_at))},
                    ":trips": {"N": str(int(change.is_trip))},
                },
            )
        except (BotoCoreError, ClientError):
            log.warning("breaker not told of", dependency=change.name, state=change.state, exc_info=True)

    def read(self, name: str) -> BreakerStatus:
        """`trips` are those of all processes, ever. Half a read unit. Raises StoreUnavailable."""
        with outages_as_refusals("GetItem"):
            item = self.client.get_item(TableName=self.table_name, Key=_key(name)).get("Item")
        return _status(item, self.clock()) if item else BreakerStatus(State.CLOSED, 0)


def _status(item: Item, now: datetime) -> BreakerStatus:
    half_open_at = from_ms(int(item["half_open_at"]["N"]))
    return BreakerStatus(_state(State(item["state"]["S"]), half_open_at, now), int(item["trips"]["N"]))


def _state(said: State, half_open_at: datetime, now: datetime) -> State:
    if said is State.CLOSED or now >= half_open_at + FORGOTTEN:
        return State.CLOSED
    return State.OPEN if now < half_open_at else State.HALF_OPEN


def _key(name: str) -> Item:
    return {"name": {"S": name}}
