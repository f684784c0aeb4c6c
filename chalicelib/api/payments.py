"""What the payment gateway tells us: /api/payments/webhook."""

from chalice.app import Blueprint, Request, Response

from chalicelib import bootstrap
from chalicelib.domain.events import UnreadableMessage

from . import schemas
from .answers import answered, ok
from .wire import LARGEST_BODY_BYTES, BodyTooLarge, MalformedRequest

routes = Blueprint(__name__)


@routes.route("/api/payments/webhook", methods=["POST"])
@answered(routes)
def hear_gateway(request: Request) -> Response:
    body = request.raw_body
    if len(body) > LARGEST_BODY_BYTES:
        raise BodyTooLarge
    try:
        bootstrap.hear_gateway()(dict(request.headers), body if isinstance(body, bytes) else body.encode())
    except UnreadableMessage as error:
        raise MalformedRequest(str(error)) from error
    return ok(schemas.Heard())
