"""The seat-map page, at /; in a stage such as dev, at /dev/."""

from chalice.app import Blueprint, Request, Response

from chalicelib import wiring

from .http.answers import authorized_rate_limited_and_answered
from .http.static import page_with_sign_in_or_redirect_to_canonical

routes = Blueprint(__name__)


@routes.route("/", methods=["GET"])
@authorized_rate_limited_and_answered(routes)
def show_seat_map(request: Request) -> Response:
    ours = wiring.settings()
    return page_with_sign_in_or_redirect_to_canonical(
        request, "seats", {"most_seats": str(ours.max_seats_per_hold)}, ours.live_url
    )
