"""The seat-map page, at /; in a stage such as dev, at /dev/."""

from urllib.parse import urlsplit

from chalice.app import Blueprint, Request, Response

from chalicelib import wiring

from .http.answers import answered
from .http.static import page

routes = Blueprint(__name__)


@routes.route("/", methods=["GET"])
@answered(routes)
def show_seat_map(request: Request) -> Response:
    ours = wiring.settings()
    settings = {"time_zone": ours.time_zone, "most_seats": str(ours.max_seats_per_hold)}
    return page(request, "seats", settings, connect_src=f"'self' {_origin(ours.live_url)}".strip())


def _origin(url: str) -> str:
    """Gives the origin of a WebSocket's address, wss://host:port; empty for an empty address."""
    found = urlsplit(url)
    return f"{found.scheme}://{found.netloc}" if found.netloc else ""
