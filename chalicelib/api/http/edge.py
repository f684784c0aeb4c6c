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
    shown: str = request.headers.get(SECRET, "")
    if shown and _is_ours(shown):
        forwarded = request.headers.get(FORWARDED, "").split(",")
        if len(forwarded) > 1:
            identity = request.context.setdefault("identity", {})
            identity["sourceIp"] = forwarded[-2].strip()
    return get_response(request)


def _is_ours(shown: str) -> bool:
    """Tells whether that is a secret of CloudFront's: while one replaces another there are two."""
    secrets = wiring.settings_with_secrets().edge_secrets
    return any(hmac.compare_digest(shown.encode(), secret.encode()) for secret in secrets)
