"""The address of a viewer who comes by CloudFront, as infra/cloud/domain.yaml puts it before the API."""

import hmac
from collections.abc import Callable

from chalice.app import Request, Response

from chalicelib import wiring

SECRET = "x-edge-secret"  # noqa: S105 - the header's name
FORWARDED = "x-forwarded-for"


def with_viewers_address(request: Request, get_response: Callable[[Request], Response]) -> Response:
    """Puts, as a middleware, the viewer's address in the place of CloudFront's, which all viewers share.

    X-Forwarded-For ends with the viewer, as CloudFront writes it, then CloudFront, as API Gateway does; anything before
    them the viewer may have made up. A request that does not show the secret has not come by our CloudFront.
    """
    secret = wiring.settings().edge_secret
    shown: str = request.headers.get(SECRET, "")
    if secret and shown and hmac.compare_digest(shown.encode(), secret.encode()):
        forwarded = request.headers.get(FORWARDED, "").split(",")
        if len(forwarded) > 1:
            identity = request.context.setdefault("identity", {})
            identity["sourceIp"] = forwarded[-2].strip()
    return get_response(request)
