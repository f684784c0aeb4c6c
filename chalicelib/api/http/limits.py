"""Rate limits of the routes and of WebSocket messages: counts a request, and refuses it if a limit is exceeded."""

from collections.abc import Iterator

import msgspec
from chalice.app import Chalice, Request

from chalicelib import wiring
from chalicelib.api.wire.bodies import LARGEST_BODY_BYTES, client_address_or_network
from chalicelib.api.wire.rate_limits import quota_headers
from chalicelib.domain.rate_limits import Quota, RateLimits, RequesterKind
from chalicelib.domain.refusals import RateLimited
from chalicelib.settings import SettingInvalid

from .routes import route_row_of_view

HOLDS = "hold_seats"
"""The name of the view that holds seats. For the limit per address, each seat of a hold counts as one request. For the
limit per user, each hold counts as one request."""

SUBSCRIBE = "subscribe"
"""The key in RATE_LIMITS for the WebSocket message by which a viewer subscribes. The message is limited as a route
is."""


class SeatsToCount(msgspec.Struct, rename="camel"):
    """The part of a hold's body that rate limits need: the seats, which are only counted, not checked."""

    seat_numbers: list[msgspec.Raw]


def enforce_rate_limits(route: str, request: Request, verified_user_id: str) -> dict[str, str]:
    """Counts the request against the limits of its route. Gives the RateLimit headers of the answer.

    Raises RateLimited if a limit is exceeded. Gives no headers if no limit applies. Makes at most one call to Redis.

    `verified_user_id` is the user id of a verified token, or ''. The user id in a body or a path is not used, because a
    client could send another user's id and so exhaust that user's quota.
    """
    quotas = dict(_quotas_of_request(route, request, verified_user_id))
    if not quotas:
        return {}
    gate = wiring.gate
    limiter = gate.instance_rate_limiter() if route_row_of_view(route).is_counted_per_instance else gate.rate_limiter()
    verdict = limiter.take_if_all_admit(quotas, wiring.clock())
    if not verdict.admitted:
        raise RateLimited(verdict.tightest)
    return quota_headers(verdict.tightest)


def enforce_message_limits(viewer_id: str, source: str) -> None:
    """Counts a WebSocket message against the limits of its connection and of its address. Raises RateLimited."""
    limits = wiring.settings().rate_limits
    requesters = {RequesterKind.CONNECTION: viewer_id, RequesterKind.ADDRESS: source}
    quotas = {
        f"{SUBSCRIBE}:{requester}:{name}": quota
        for requester, name in requesters.items()
        if name and (quota := limits.quota_for(requester, SUBSCRIBE))
    }
    if not quotas:
        return
    verdict = wiring.subscriptions.viewer_limiter().take_if_all_admit(quotas, wiring.clock())
    if not verdict.admitted:
        raise RateLimited(verdict.tightest)


def require_known_routes(app: Chalice, limits: RateLimits) -> None:
    """Raises SettingInvalid if the limits name a route that the app does not have: a misspelt name would limit
    nothing."""
    known = {entry.view_function.__name__ for methods in app.routes.values() for entry in methods.values()}
    known.add(SUBSCRIBE)
    if unknown := sorted(limits.routes - known):
        raise SettingInvalid(
            f"RATE_LIMITS names no route of ours: {', '.join(unknown)}. Routes: {', '.join(sorted(known))}."
        )


def _quotas_of_request(route: str, request: Request, user: str) -> Iterator[tuple[str, Quota]]:
    limits = wiring.settings().rate_limits
    if not route_row_of_view(route).is_limited:
        return
    of_user, of_address = limits.quota_for(RequesterKind.USER, route), limits.quota_for(RequesterKind.ADDRESS, route)
    if of_user and user:
        yield f"{route}:user:{user}", of_user
    if of_address and (address := client_address_or_network(request.context)):
        yield (
            f"{route}:address:{address}",
            of_address.with_clamped_weight(_seats(request)) if route == HOLDS else of_address,
        )


def _seats(request: Request) -> int:
    """Counts the seats that a hold asks for. Gives 1 for an unreadable body, which the view will refuse."""
    body = request.raw_body
    if not body or len(body) > LARGEST_BODY_BYTES:
        return 1
    try:
        return len(msgspec.json.decode(body, type=SeatsToCount).seat_numbers)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return 1
