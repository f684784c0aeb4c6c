"""CORS: lets pages of the origins in the setting CORS_ORIGINS call the API, with a token but without cookies."""

from collections.abc import Callable

from chalice.app import Request, Response

from chalicelib import wiring

ALLOWED_METHODS = "GET, HEAD, POST, DELETE"
ALLOWED_HEADERS = "Authorization, Content-Type, Accept-Language, Idempotency-Key, If-None-Match"
EXPOSED_HEADERS = (
    "ETag, Location, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, RateLimit-Policy, "
    "WWW-Authenticate, Content-Language, X-Request-Id"
)
PREFLIGHT_CACHE_SECONDS = 600


def with_cors_and_preflights(request: Request, get_response: Callable[[Request], Response]) -> Response:
    """Middleware: answers the preflight requests of allowed origins, and adds the CORS headers to all answers to these
    origins.

    Does nothing if CORS_ORIGINS is empty.
    """
    origins = wiring.settings().cors_origins
    if not origins:
        return get_response(request)
    origin: str = request.headers.get("origin", "")
    is_question = request.method == "OPTIONS" and "access-control-request-method" in request.headers
    response = _allow() if is_question and origin in origins else get_response(request)
    response.headers["Vary"] = "Origin"
    if origin in origins:
        response.headers |= {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": EXPOSED_HEADERS}
    return response


def _allow() -> Response:
    headers: dict[str, str | list[str]] = {
        "Access-Control-Allow-Methods": ALLOWED_METHODS,
        "Access-Control-Allow-Headers": ALLOWED_HEADERS,
        "Access-Control-Max-Age": str(PREFLIGHT_CACHE_SECONDS),
    }
    return Response("", status_code=204, headers=headers)
