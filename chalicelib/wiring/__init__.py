"""Builds the use cases with their adapters. Each Lambda function imports only the wiring modules that it needs.

    app.py, api/ ──► door ──► use_cases/   builds use cases from ports, also for tests
                      │
                      └─────► shared/      builds what several doors use: settings, database, Redis, queues …

A *door* is a module of this folder or of queues/. It is imported at the first use of `wiring.<door>`, and imports at
its top the code that its functions need. Objects are built at their first use, and connect at their first call.
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from .shared.process import clock, replace_settings_and_drop_objects, settings, settings_with_secrets
from .shared.tracing import trace_app, traced_if_on, traced_relay_if_on

# Doors: made by .venv/bin/python -m infra.cloud.generate
if TYPE_CHECKING:
    from . import (  # noqa: F401 - for type checkers; __getattr__ loads them
        board,
        gate,
        health,
        identity,
        live,
        requests,
        streams,
        subscriptions,
        tickets,
    )
    from .queues import (  # noqa: F401 - for type checkers; __getattr__ loads them
        analytics,
        audit,
        bounces,
        consumers,
        email,
        expiry,
        invoices,
        payments,
        seat_cache,
        ticket_signing,
        webhooks,
    )

DOORS = {
    "analytics": ".queues.analytics",
    "audit": ".queues.audit",
    "board": ".board",
    "bounces": ".queues.bounces",
    "consumers": ".queues.consumers",
    "email": ".queues.email",
    "expiry": ".queues.expiry",
    "gate": ".gate",
    "health": ".health",
    "identity": ".identity",
    "invoices": ".queues.invoices",
    "live": ".live",
    "payments": ".queues.payments",
    "requests": ".requests",
    "seat_cache": ".queues.seat_cache",
    "streams": ".streams",
    "subscriptions": ".subscriptions",
    "ticket_signing": ".queues.ticket_signing",
    "tickets": ".tickets",
    "webhooks": ".queues.webhooks",
}
"""The doors, each with its module. An imported door is kept in this module's globals."""
# End of doors

__all__ = [
    "clock",
    "replace_settings_and_drop_objects",
    "settings",
    "settings_with_secrets",
    "trace_app",
    "traced_if_on",
    "traced_relay_if_on",
]


def __getattr__(name: str) -> ModuleType:
    """Imports the door of this name at its first use. Raises AttributeError for any other name."""
    if name not in DOORS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    door = globals()[name] = import_module(DOORS[name], __name__)
    return door
