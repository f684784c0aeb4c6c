"""Holding, paying for and giving back seats: /api/reservations; and what a user bought: /api/users/…/purchases."""

from chalice.app import Blueprint, Request, Response

from chalicelib import wiring
from chalicelib.application.release import CancelReservation

from .http.answers import answered, created, ok
from .wire import bodies
from .wire import reservations as schemas

routes = Blueprint(__name__)


@routes.route("/api/reservations", methods=["POST"])
@answered(routes)
def hold_seats(request: Request) -> Response:
    command = schemas.hold_seats(request)
    reservation = wiring.requests.selling().place_hold(command)
    return created(schemas.held(reservation))


@routes.route("/api/reservations/{reservation_id}", methods=["GET"])
@answered(routes)
def show_reservation(request: Request, reservation_id: str) -> Response:
    reservation, state = wiring.requests.selling().show_reservation(reservation_id)
    return ok(schemas.reservation(reservation, state))


@routes.route("/api/reservations/{reservation_id}/payment", methods=["POST"])
@answered(routes)
def start_payment(request: Request, reservation_id: str) -> Response:
    reservation, intent = wiring.payments.start_payment()(reservation_id)
    return created(schemas.payment(reservation, intent))


@routes.route("/api/reservations/{reservation_id}/confirm", methods=["POST"])
@answered(routes)
def confirm_reservation(request: Request, reservation_id: str) -> Response:
    command = schemas.confirm_reservation(request, reservation_id)
    reservation = wiring.requests.selling().confirm(command)
    return ok(schemas.sale(reservation))


@routes.route("/api/reservations/{reservation_id}", methods=["DELETE"])
@answered(routes)
def cancel_reservation(request: Request, reservation_id: str) -> Response:
    reservation = wiring.requests.selling().cancel(CancelReservation(reservation_id))
    return ok(schemas.reservation(reservation, reservation.state))


@routes.route("/api/users/{user_id}/purchases", methods=["GET"])
@answered(routes)
def list_purchases(request: Request, user_id: str) -> Response:
    limit, cursor = bodies.page_wanted(request)
    page = wiring.requests.selling().list_purchases(user_id, limit, cursor)
    return ok(schemas.purchases(user_id, page))
