"""Wiring of the queues' functions: reading an event, and retrying, deferring or parking a message that failed.

Each consumer is wired in a module of its own: audit, analytics, email and so on.
"""

from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.domain.events import Event
from chalicelib.infrastructure.sqs.envelopes import event_in
from chalicelib.wiring.shared.queues import redelivery

__all__ = ["event_in", "record_handler_for", "redelivery"]

Record = Mapping[str, Any]


def record_handler_for(consume: Callable[[Event], None]) -> Callable[[Record], None]:
    """Makes a handler of queue records: it reads the event in a record, and passes it to `consume`."""
    return lambda record: consume(event_in(record))
