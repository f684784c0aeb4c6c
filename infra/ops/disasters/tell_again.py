"""Tells a screening's events again from what stands in its tables, where the streams' records of them are lost.

    payments, reservations, rows ──► records as of new items ──► the application's own relays ──► queues

The events have the ids that they had. So each consumer leaves alone those that it knows, and does the others.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.domain.payments import PaymentStatus
from chalicelib.domain.refusals import SessionNotFound
from chalicelib.infrastructure.clock import utc_now
from infra.ops.application import load_wiring_for_stage
from infra.ops.connection import Connection, OpsError
from infra.ops.rebuild import Screening
from infra.ops.replay import SENT_TOGETHER, Progress, Relay
from infra.ops.text import Answer, counted

if TYPE_CHECKING:
    from chalicelib.domain.events import OutgoingMessage

Item = dict[str, Any]

BARRED = "barred_ms"
"""The attribute of an item that is no reservation, but a marker that refuses late writes of one."""


def tell_again(connection: Connection, session_id: str, progress: Progress, *, sure: bool) -> Answer:
    """Sends all events that the screening's tables still show when `sure`. Otherwise only counts them.

    Reads the tables of reservations and payments whole, because no index has a screening's. Raises OpsError.
    """
    try:
        tables = ScreeningItems(Screening.of(connection, session_id))
    except SessionNotFound as refusal:
        raise OpsError(f"There is no screening {session_id!r} at {connection.where}: correct its id.") from refusal
    load_wiring_for_stage(connection)
    from chalicelib import wiring

    messages: list[OutgoingMessage] = []
    for items, relay in (
        (tables.payments(), wiring.streams.mark_reservation_if_refunded_and_list_messages_of_payment),
        (tables.reservations(), wiring.streams.mark_sold_or_expire_and_list_messages_of_reservation),
        (tables.rows(), wiring.streams.finish_sales_request_refunds_if_closed_and_list_messages_of_row),
    ):
        messages += _messages_of(items, relay)
    data = {"session": session_id, "messages": len(messages), "sent": len(messages) if sure else 0}
    counts = f"{counted(len(messages), 'message')} of {session_id}"
    if not sure:
        return Answer(data, f"This would send {counts}: say --yes to send.")
    _send(messages, wiring.streams.send_messages, progress)
    return Answer(data, f"Sent {counts}. Consumers leave alone what they know.")


@dataclass(frozen=True)
class ScreeningItems:
    """A screening's items, as they stand in the tables."""

    screening: Screening

    def payments(self) -> Iterator[Item]:
        """Gives its payments. One that went back is given twice, first as it was when that was requested."""
        for item in self._scan("payments"):
            if item.get("fate") == {"S": str(PaymentStatus.REFUNDED)}:
                yield item | {"fate": {"S": str(PaymentStatus.REFUND_REQUESTED)}}
            yield item

    def reservations(self) -> Iterator[Item]:
        return (item for item in self._scan("reservations") if BARRED not in item)

    def rows(self) -> Iterator[Item]:
        """Gives its rows, each with the event of its last write."""
        for row in self.screening.session.rows:
            key = {"id": {"S": f"{self.screening.session.id}#{row}"}}
            table = self.screening.table_name("rows")
            if item := self.screening.client.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item"):
                yield dict(item)

    def _scan(self, table: str) -> Iterator[Item]:
        pages = self.screening.client.get_paginator("scan").paginate(
            TableName=self.screening.table_name(table),
            ConsistentRead=True,
            FilterExpression="session_id = :session",
            ExpressionAttributeValues={":session": {"S": self.screening.session.id}},
        )
        return (dict(item) for page in pages for item in page["Items"])


def _messages_of(items: Iterator[Item], relay: Relay) -> "Iterator[OutgoingMessage]":
    for item in items:
        yield from relay(_record_of(item))


def _record_of(item: Item) -> Mapping[str, Any]:
    """Makes the record that the stream would have if the item were put now."""
    return {"dynamodb": {"NewImage": item, "ApproximateCreationDateTime": int(utc_now().timestamp())}}


def _send(messages: "list[OutgoingMessage]", send: Callable[[Any], set[int]], progress: Progress) -> None:
    """Sends the messages. Raises OpsError unless the queues take all of them."""
    for start in range(0, len(messages), SENT_TOGETHER):
        some = messages[start : start + SENT_TOGETHER]
        if unsent := send(some):
            raise OpsError(
                f"Sent {start + len(some) - len(unsent)} of {counted(len(messages), 'message')}; the queues did not "
                "take the others now: run the command again, every consumer tolerates an event twice."
            )
        progress(f"sent {start + len(some)} of {len(messages)}")
