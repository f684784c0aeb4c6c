"""How the system is put together. Each Lambda function enters by doors, and loads only the code behind its own.

    app.py, api/ ──► door ──► use_cases/   from ports to use cases: the same for functions and for tests
                      │
                      └─────► shared/      what more than one door stands on: settings, database, Redis, queues …

A door is a module of this folder. It imports what its functions need, at its top, and is imported itself when somebody
first writes `wiring.<door>`. Nothing is built before it is first asked for, and nothing connects before it is used.
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from .shared.process import build_anew, clock, settings

if TYPE_CHECKING:
    from . import (  # noqa: F401 - for type checkers; __getattr__ loads them
        analytics,
        audit,
        board,
        consumers,
        email,
        expiry,
        gate,
        health,
        invoices,
        live,
        payments,
        requests,
        seat_cache,
        streams,
        subscriptions,
        webhooks,
    )

__all__ = ["build_anew", "clock", "settings"]

DOORS = {
    "gate": "every request to the API",
    "requests": "the API: screenings, seats, reservations",
    "health": "the API: /ready",
    "board": "the API: the operator's board",
    "streams": "on_row_changed, on_reservation_changed, on_payment_changed",
    "consumers": "every queue's function",
    "expiry": "on_hold_lapsed",
    "payments": "the API: starting, the gateway's messages; on_payment_due, on_refund_requested, on_reconciliation_due",
    "audit": "on_event_to_audit; the API: a screening's events",
    "analytics": "on_event_to_analytics; the API: a screening's numbers",
    "email": "on_event_to_email",
    "invoices": "on_sale_to_invoice; the API: the link to an invoice",
    "webhooks": "on_event_to_notification, on_delivery_to_webhook; the API: replays",
    "seat_cache": "on_event_to_cache",
    "live": "on_row_changed_show, on_viewer_gone",
    "subscriptions": "on_viewer_message",
}
"""The users of each door."""


def __getattr__(door: str) -> ModuleType:
    """Loads the door on its first use. Raises AttributeError."""
    if door not in DOORS:
        raise AttributeError(f"module {__name__!r} has no attribute {door!r}")
    return import_module(f".{door}", __name__)
