"""All routes and middleware of the API. A new module of views must be added to MODULES_WITH_ROUTES."""

from typing import TYPE_CHECKING

from chalicelib import wiring

from . import (
    analytics,
    audit,
    board,
    docs,
    health,
    invoices,
    live,
    payments,
    reservations,
    seat_map,
    sessions,
    tickets,
    webhooks,
)
from .http import answers, cors, edge, limits, methods, static

if TYPE_CHECKING:
    from chalice.app import Chalice

MODULES_WITH_ROUTES = (
    *(sessions, reservations, payments, invoices, tickets, audit, analytics, live, webhooks, health, board, docs),
    *(seat_map, static),
)


def register_routes_and_middleware(app: "Chalice") -> None:
    """Registers the middleware and all routes. The middleware that is registered first is the outermost.

    Raises SettingInvalid if a rate limit is set for a route that the app does not have.
    """
    app.register_middleware(edge.with_viewers_address, "http")
    wiring.trace_app(app)
    app.register_middleware(answers.with_security_headers, "http")
    app.register_middleware(cors.with_cors_and_preflights, "http")
    app.register_middleware(answers.with_rewritten_chalice_errors, "http")
    for module in MODULES_WITH_ROUTES:
        app.register_blueprint(module.routes)
    methods.answer_head_and_refuse_others(app)
    limits.require_known_routes(app, wiring.settings().rate_limits)
