"""The seat-map page, at /; in a stage such as dev, at /dev/."""

from chalice.app import Blueprint, Request, Response

from chalicelib import wiring

from .http.answers import answered
from .http.static import origin_of, page, sign_in_settings

routes = Blueprint(__name__)


@routes.route("/", methods=["GET"])
@answered(routes)
def show_seat_map(request: Request) -> Response:
    ours = wiring.settings()
    sign_in = sign_in_settings()
    settings = {"time_zone": ours.time_zone, "most_seats": str(ours.max_seats_per_hold), **sign_in}
    elsewhere = (origin_of(ours.live_url), origin_of(sign_in["sign_in_url"]))
    return page(request, "seats", settings, connect_src=" ".join(filter(None, ("'self'", *elsewhere))))
