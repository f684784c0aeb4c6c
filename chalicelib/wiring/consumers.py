"""Door of the queues' functions: reading a message, and what becomes of one that can not be handled.

A consumer with adapters of its own has a door of its own: audit, analytics, email and so on.
"""

from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.domain.events import Event
from chalicelib.infrastructure.sqs import envelopes

from .shared.queues import redelivery
from .shared.settling import settling

__all__ = ["expire_hold", "handle_events_with", "redelivery", "settle_payment"]

Record = Mapping[str, Any]


def handle_events_with(consume: Callable[[Event], None]) -> Callable[[Record], None]:
    """Makes a consumer of events a handler of queue records."""
    return lambda record: consume(envelopes.event_in(record))


def expire_hold(record: Record) -> None:
    """Gives back the seats of the hold in it. Raises NotLapsedYet."""
    settling().expire_hold(envelopes.hold_in(record))


def settle_payment(record: Record) -> None:
    """Settles the payment that is due, or the charge. Raises NotDueYet."""
    settling().settle_payment(envelopes.payment_in(record))
