"""Holding, paying for and giving back seats: /api/reservations; and what a user bought: /api/users/…/purchases."""

from chalice.app import Blueprint, Request, Response

from chalicelib import wiring
from chalicelib.application.release import CancelReservationCommand
from chalicelib.domain.identity import Principal

from .http.answers import authorized_rate_limited_and_answered, created, ok
from .wire import bodies
from .wire import reservations as schemas

routes = Blueprint(__name__)


@routes.route("/api/reservations", methods=["POST"])
@authorized_rate_limited_and_answered(routes)
def hold_seats(request: Request, asked_by: Principal) -> Response:
    command = schemas.parse_and_authorize_hold_command(request, asked_by)
    reservation = wiring.requests.selling().place_hold(command)
    return created(schemas.held_reservation(reservation))


@routes.route("/api/reservations/{reservation_id}", methods=["GET"])
@authorized_rate_limited_and_answered(routes)
def show_reservation(request: Request, reservation_id: str, asked_by: Principal) -> Response:
    reservation, state = wiring.requests.selling().show_reservation(reservation_id, asked_by)
    return ok(schemas.reservation(reservation, state))


@routes.route("/api/reservations/{reservation_id}/payment", methods=["POST"])
@authorized_rate_limited_and_answered(routes)
def start_payment(request: Request, reservation_id: str, asked_by: Principal) -> Response:
    reservation, intent = wiring.payments.start_payment()(reservation_id, asked_by)
    return created(schemas.payment(reservation, intent))


@routes.route("/api/reservations/{reservation_id}/confirm", methods=["POST"])
@authorized_rate_limited_and_answered(routes)
def confirm_reservation(request: Request, reservation_id: str, asked_by: Principal) -> Response:
    command = schemas.read_confirm_command(request, reservation_id, asked_by)
    reservation = wiring.requests.selling().confirm(command)
    return ok(schemas.sale(reservation))


@routes.route("/api/reservations/{reservation_id}", methods=["DELETE"])
@authorized_rate_limited_and_answered(routes)
def cancel_reservation(request: Request, reservation_id: str, asked_by: Principal) -> Response:
    reservation = wiring.requests.selling().cancel(CancelReservationCommand(reservation_id, asked_by))
    return ok(schemas.reservation(reservation, reservation.state))


@routes.route("/api/users/{user_id}/purchases", methods=["GET"])
@authorized_rate_limited_and_answered(routes)
def list_purchases(request: Request, user_id: str, asked_by: Principal) -> Response:
    limit, cursor = bodies.limit_and_cursor(request)
    buyer = schemas.replace_me_by_own_id(user_id, asked_by)
    page = wiring.requests.selling().list_purchases(buyer, limit, cursor, asked_by)
    return ok(schemas.purchases(buyer, page))
