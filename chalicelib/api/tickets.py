"""Tickets: showing, transferring and admitting them; the page for gates; the public keys that verify tickets.

The module of their JSON is imported on a request, so that it doesn't slow the cold start of a function that sells
seats.
"""

from chalice.app import Blueprint, Request, Response

from chalicelib import wiring
from chalicelib.domain.identity import Principal

from .http import static
from .http.answers import authorized_rate_limited_and_answered, ok, text_file
from .wire import bodies

routes = Blueprint(__name__)


@routes.route("/api/reservations/{reservation_id}/tickets", methods=["GET"])
@authorized_rate_limited_and_answered(routes)
def show_tickets(request: Request, reservation_id: str, asked_by: Principal) -> Response:
    from .wire import tickets as schemas

    shown = wiring.tickets.show_tickets()(reservation_id, asked_by)
    return ok(schemas.tickets(reservation_id, shown, wiring.tickets.qr_svg_drawer()))


@routes.route("/api/reservations/{reservation_id}/calendar", methods=["GET"])
@authorized_rate_limited_and_answered(routes)
def show_calendar_entry(request: Request, reservation_id: str, asked_by: Principal) -> Response:
    from .wire.languages import language_of

    entry = wiring.tickets.show_calendar_entry()(reservation_id, asked_by)
    return text_file(wiring.tickets.calendar_writer()(entry, language_of(request)))


@routes.route("/api/tickets/{code}/transfer", methods=["POST"])
@authorized_rate_limited_and_answered(routes)
def transfer_ticket(request: Request, code: str, asked_by: Principal) -> Response:
    from .wire import tickets as schemas

    renewed = wiring.tickets.transfer_ticket()(schemas.normal_ticket_code_or_unchanged(code), asked_by)
    return ok(schemas.transferred(renewed), status=202)


@routes.route("/api/tickets/admit", methods=["POST"])
@authorized_rate_limited_and_answered(routes)
def admit_ticket(request: Request) -> Response:
    from .wire import tickets as schemas

    command = schemas.read_admit_command(request)
    return ok(schemas.admitted(wiring.tickets.admit_ticket()(command)))


@routes.route("/api/sessions/{session_id}/tickets", methods=["GET"])
@authorized_rate_limited_and_answered(routes)
def list_tickets(request: Request, session_id: str) -> Response:
    from .wire import tickets as schemas

    page = wiring.tickets.show_gate_list_page()(session_id, *bodies.limit_and_cursor(request))
    return ok(schemas.gate_list(page))


@routes.route("/gate", methods=["GET"])
@authorized_rate_limited_and_answered(routes)
def show_gate_page(request: Request) -> Response:
    return static.page_with_sign_in_or_redirect_to_canonical(request, "gate")


@routes.route("/.well-known/jwks.json", methods=["GET"])
@authorized_rate_limited_and_answered(routes)
def show_ticket_keys(request: Request) -> Response:
    from .wire import tickets as schemas

    return ok(schemas.keys(wiring.tickets.ticket_public_keys().read_unexpired(wiring.clock())))
