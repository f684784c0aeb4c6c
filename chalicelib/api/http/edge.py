"""The client's IP address behind CloudFront, which infra/cloud/domain.yaml puts in front of the API."""

import hmac
from collections.abc import Callable

from chalice.app import Request, Response

from chalicelib import wiring

SECRET_HEADER = "x-edge-secret"  # noqa: S105 - the header's name
FORWARDED_FOR_HEADER = "x-forwarded-for"


def with_viewers_address(request: Request, get_response: Callable[[Request], Response]) -> Response:
    """Middleware: replaces the source IP address, which is CloudFront's, with the viewer's.

    The viewer's address is the last but one in X-Forwarded-For: CloudFront appends the viewer's address, then API
    Gateway appends CloudFront's. A viewer may have forged the earlier addresses. A request without EDGE_SECRET did not
    come through our CloudFront, so its source address is kept.
    """
    shown: str = request.headers.get(SECRET_HEADER, "")
    if shown and _is_ours(shown):
        forwarded = request.headers.get(FORWARDED_FOR_HEADER, "").split(",")
        if len(forwarded) > 1:
            identity = request.context.setdefault("identity", {})
            identity["sourceIp"] = forwarded[-2].strip()
    return get_response(request)


def _is_ours(shown: str) -> bool:
    """Tells whether the text is one of the valid secrets. There are two of them during a rotation."""
    secrets = wiring.settings_with_secrets().edge_secrets
    return any(hmac.compare_digest(shown.encode(), secret.encode()) for secret in secrets)
