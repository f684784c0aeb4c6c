"""The breakers of other processes, by their last reports, for GET /ready: emails and refunds have their own functions.

    {name: ses, state: open, half_open_at: 1708023605000, trips: 3}     one item for each dependency

The last report counts, whichever process wrote it: a dependency that has answered one process answers all. The report
of a process that died with an open breaker is forgotten after a while.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.infrastructure.breakers import BreakerChange, BreakerState, BreakerStatus

from .connection import outages_as_refusals
from .values import Item, ms_value, number_value, read_ms, read_required_number, read_text, text_key, text_value

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.domain.ports import Clock

log = Logger(service="cinema-tickets", child=True)

FORGOTTEN = timedelta(minutes=15)
"""An open breaker is shown as half-open for this long after its pause. After that it is shown as closed: the process
that reported it as open has ended, and a new process begins with a closed breaker."""


@dataclass(frozen=True)
class BreakerBoard:
    """The last reported status of each breaker, in a table that every process can read."""

    client: DynamoDBClient
    table_name: str
    clock: Clock

    def record_change(self, change: BreakerChange) -> None:
        """Stores the breaker's status. Costs one write unit.

        Never raises: a failed write must not stop an email or refund.
        """
        half_open_at = self.clock() + timedelta(seconds=change.stays_open_seconds)
        try:
            self.client.update_item(
                TableName=self.table_name,
                Key=text_key(name=change.name),
                UpdateExpression="SET #state = :state, half_open_at = :half_open_at ADD trips :trips",
                ExpressionAttributeNames={"#state": "state"},
                ExpressionAttributeValues={
                    ":state": text_value(change.state),
                    ":half_open_at": ms_value(half_open_at),
                    ":trips": number_value(int(change.was_closed)),
                },
            )
        except (BotoCoreError, ClientError):
            log.warning("breaker change not recorded", dependency=change.name, state=change.state, exc_info=True)

    def read_effective_status_or_closed(self, name: str) -> BreakerStatus:
        """Reads the last reported status of a dependency's breaker. Costs half a read unit. Raises BackendUnavailable.

        Gives a closed breaker if no status was ever reported. An open breaker counts as half-open once its pause is
        over, and as closed once FORGOTTEN has passed since the end of the pause. `trips` counts the trips of all
        processes since the table was made.
        """
        with outages_as_refusals("GetItem"):
            item = self.client.get_item(TableName=self.table_name, Key=text_key(name=name)).get("Item")
        return _status_from_item(item, self.clock()) if item else BreakerStatus(state=BreakerState.CLOSED, trips=0)


def _status_from_item(item: Item, now: datetime) -> BreakerStatus:
    state = _state_now(BreakerState(read_text(item, "state")), read_ms(item, "half_open_at"), now)
    return BreakerStatus(state=state, trips=read_required_number(item, "trips"))


def _state_now(written: BreakerState, half_open_at: datetime, now: datetime) -> BreakerState:
    if written is BreakerState.CLOSED or now >= half_open_at + FORGOTTEN:
        return BreakerState.CLOSED
    return BreakerState.OPEN if now < half_open_at else BreakerState.HALF_OPEN
