"""The seat-map page: /, and below a stage /dev/."""

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
    """Gives wss://host:port of a WebSocket's address; empty where there is none."""
    found = urlsplit(url)
    return f"{found.scheme}://{found.netloc}" if found.netloc else ""
