"""Wiring of the streams' functions, which relay each change of a row, a reservation or a payment to the queues."""

from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.domain.events import OutgoingMessage
from chalicelib.infrastructure.streams import records
from chalicelib.infrastructure.streams.failures import StreamRecordParking

from .shared.adapters import adapters
from .shared.process import clock, once_per_settings
from .shared.queues import outbox
from .shared.stream_failures import stream_failures
from .use_cases.relaying import RelayingUseCases

Record = Mapping[str, Any]


@once_per_settings
def relaying() -> RelayingUseCases:
    return RelayingUseCases(adapters())


def finish_sales_request_refunds_if_closed_and_list_messages_of_row(record: Record) -> list[OutgoingMessage]:
    """Gives the messages to send after a row was written. Gives none if the write made no event.

    Also finishes a sale whose request died, and requests the refunds of a closed row.
    """
    event = records.row_event(record)
    return relaying().finish_sales_request_refunds_if_closed_and_list_messages(event) if event else []


def mark_sold_or_expire_and_list_messages_of_reservation(record: Record) -> list[OutgoingMessage]:
    """Gives the messages to send after a reservation changed. Also marks the payment of a sale as sold, and expires the
    hold of a pending reservation that TTL deleted."""
    return relaying().mark_sold_or_expire_and_list_reservation_messages(records.reservation_change(record))


def mark_reservation_if_refunded_and_list_messages_of_payment(record: Record) -> list[OutgoingMessage]:
    """Gives the messages to send after a payment changed. If a sale was refunded, also marks its reservation."""
    return relaying().mark_reservation_if_refunded_and_list_payment_messages(records.payment_change(record))


def send_messages(messages: Sequence[OutgoingMessage]) -> set[int]:
    """Sends messages to their queues. Gives the positions of the messages that were not sent."""
    return outbox().send_and_list_unsent_positions(messages, clock())


@once_per_settings
def stream_record_parking() -> StreamRecordParking:
    """Gives the StreamRecordParking of this process. It counts in memory how often each record was tried."""
    return StreamRecordParking(stream_failures())
