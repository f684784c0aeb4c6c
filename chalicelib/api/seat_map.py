"""The seat-map page: /."""

from chalice.app import Blueprint, Request, Response

from .answers import answered
from .static import ASK_FIRST, page

routes = Blueprint(__name__)


@routes.route("/", methods=["GET"])
@answered(routes)
def show_seat_map(request: Request) -> Response:
    path = str(request.context.get("path", "/"))
    return page(request, "seats") if path.endswith("/") else _with_slash(path)


def _with_slash(path: str) -> Response:
    """Below a stage, as in /dev, relative references would miss without it."""
    location = path.rpartition("/")[2] + "/"
    return Response("", status_code=308, headers={"Location": location, "Cache-Control": ASK_FIRST})
