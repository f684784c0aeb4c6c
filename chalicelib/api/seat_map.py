"""The seat-map page: /. Below a stage its address ends with a slash, as in /dev/: its references are relative."""

from chalice.app import Blueprint, Request, Response

from .answers import answered
from .static import page

routes = Blueprint(__name__)


@routes.route("/", methods=["GET"])
@answered(routes)
def show_seat_map(request: Request) -> Response:
    return page(request, "seats")
