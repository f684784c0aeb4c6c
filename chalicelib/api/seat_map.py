"""The seat-map page, at /; in a stage such as dev, at /dev/."""

from chalice.app import Blueprint, Request, Response

from chalicelib import wiring

from .http.answers import guarded_and_answered
from .http.static import sign_in_page_or_redirect

routes = Blueprint(__name__)


@routes.route("/", methods=["GET"])
@guarded_and_answered(routes)
def show_seat_map(request: Request) -> Response:
    ours = wiring.settings()
    return sign_in_page_or_redirect(request, "seats", {"most_seats": str(ours.max_seats_per_hold)}, ours.live_url)
