"""Tickets: a sale's, their transfer and their admission, and the public keys that they are signed with."""

from chalice.app import Blueprint, Request, Response

from chalicelib import wiring
from chalicelib.domain.identity import Principal

from .http.answers import answered, ok
from .wire import tickets as schemas

routes = Blueprint(__name__)


@routes.route("/api/reservations/{reservation_id}/tickets", methods=["GET"])
@answered(routes)
def show_tickets(request: Request, reservation_id: str, asked_by: Principal) -> Response:
    shown = wiring.tickets.show_tickets()(reservation_id, asked_by)
    return ok(schemas.tickets(reservation_id, shown, wiring.tickets.draw_qr()))


@routes.route("/api/tickets/{code}/transfer", methods=["POST"])
@answered(routes)
def transfer_ticket(request: Request, code: str, asked_by: Principal) -> Response:
    renewed = wiring.tickets.transfer_ticket()(schemas.code_in_path(code), asked_by)
    return ok(schemas.renewed(renewed), status=202)


@routes.route("/api/tickets/admit", methods=["POST"])
@answered(routes)
def admit_ticket(request: Request) -> Response:
    command = schemas.admit_ticket(request)
    admitted = wiring.tickets.admit()(command)
    return ok(schemas.admitted(admitted))


@routes.route("/.well-known/jwks.json", methods=["GET"])
@answered(routes)
def show_ticket_keys(request: Request) -> Response:
    return ok(schemas.keys(wiring.tickets.ticket_keys().published(wiring.clock())))
