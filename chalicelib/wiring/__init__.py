"""Builds the use cases with their adapters. Each Lambda function imports only the wiring modules that it needs.

    app.py, api/ ──► door ──► use_cases/   builds use cases from ports, also for tests
                      │
                      └─────► shared/      builds what several doors use: settings, database, Redis, queues …

A *door* is a module of this folder. It is imported at the first use of `wiring.<door>`, and imports at its top the code
that its functions need. Objects are built at their first use, and connect at their first call.
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from .shared.process import clock, replace_settings_and_drop_objects, settings, settings_with_secrets
from .shared.tracing import trace_app, traced_if_on, traced_relay_if_on

if TYPE_CHECKING:
    from . import (  # noqa: F401 - for type checkers; __getattr__ loads them
        analytics,
        audit,
        board,
        bounces,
        consumers,
        email,
        expiry,
        gate,
        health,
        identity,
        invoices,
        live,
        payments,
        requests,
        seat_cache,
        streams,
        subscriptions,
        ticket_signing,
        tickets,
        webhooks,
    )

__all__ = [
    "clock",
    "replace_settings_and_drop_objects",
    "settings",
    "settings_with_secrets",
    "trace_app",
    "traced_if_on",
    "traced_relay_if_on",
]

DOORS = {
    "gate": "every request to the API",
    "identity": "the API: requests that bring a token",
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
    "bounces": "on_email_returned; the operator's `mail --allow`",
    "invoices": "on_sale_to_invoice; the API: the link to an invoice",
    "ticket_signing": "on_sale_to_tickets",
    "tickets": "the API: a sale's tickets, their transfer, gates",
    "webhooks": "on_event_to_notification, on_delivery_to_webhook; the API: replays",
    "seat_cache": "on_event_to_cache",
    "live": "on_row_changed_show, on_viewer_gone",
    "subscriptions": "on_viewer_message",
}
"""The doors: the modules of wiring that build what Lambda functions use. Each is listed with the functions and routes
that use it."""


def __getattr__(door: str) -> ModuleType:
    """Imports a module of this package that is listed in DOORS, at its first use. Raises AttributeError for any other
    name."""
    if door not in DOORS:
        raise AttributeError(f"module {__name__!r} has no attribute {door!r}")
    return import_module(f".{door}", __name__)
