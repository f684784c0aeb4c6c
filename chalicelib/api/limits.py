"""Rate limits of the routes: who asks, how often they may, and what the answer's headers say about it."""

from collections.abc import Iterator, Mapping

import msgspec
from chalice.app import Chalice, Request

from chalicelib import bootstrap
from chalicelib.domain.rate_limits import Asker, Quota, RateLimits, Standing
from chalicelib.domain.refusals import RateLimited
from chalicelib.settings import SettingInvalid

from .wire import LARGEST_BODY_BYTES

NEVER_LIMITED = {"health", "ready"}
"""Who asks these is a load balancer or an operator, and wants to know most when most is going on."""

NETWORK_BITS = 64
"""One customer's part of an IPv6 address: they choose the rest as they like."""


class WhoAsks(msgspec.Struct, rename="camel"):
    user_id: str = ""


def take(route: str, request: Request, path: Mapping[str, str]) -> dict[str, str]:
    """The headers for the answer; none where no limit applies. Raises RateLimited. Asks Redis once at most."""
    quotas = dict(_quotas(route, request, path))
    if not quotas:
        return {}
    verdict = bootstrap.rate_limiter().take(quotas, bootstrap.clock()())
    if not verdict.admitted:
        raise RateLimited(verdict.tightest)
    return headers(verdict.tightest)


def headers(standing: Standing) -> dict[str, str]:
    """As in draft-ietf-httpapi-ratelimit-headers-06; seconds."""
    quota = standing.quota
    return {
        "RateLimit-Limit": str(quota.requests),
        "RateLimit-Remaining": str(standing.remaining),
        "RateLimit-Reset": str(standing.whole_in_seconds),
        "RateLimit-Policy": f"{quota.requests};w={quota.seconds}",
    }


def headers_of_refusal(refusal: RateLimited) -> dict[str, str]:
    return {"Retry-After": str(refusal.standing.next_in_seconds), **headers(refusal.standing)}


def refuse_unknown_routes(app: Chalice, limits: RateLimits) -> None:
    """Raises SettingInvalid: a limit for a route that is misspelt would limit nothing, and nobody would know."""
    known = {entry.view_function.__name__ for methods in app.routes.values() for entry in methods.values()}
    if unknown := sorted(limits.routes - known):
        raise SettingInvalid(
            f"RATE_LIMITS names no route of ours: {', '.join(unknown)}. Routes: {', '.join(sorted(known))}."
        )


def _quotas(route: str, request: Request, path: Mapping[str, str]) -> Iterator[tuple[str, Quota]]:
    limits = bootstrap.settings().rate_limits
    if route in NEVER_LIMITED:
        return
    of_user, of_address = limits.of(Asker.USER, route), limits.of(Asker.ADDRESS, route)
    if of_user and (user := _user(request, path)):
        yield f"{route}:user:{user}", of_user
    if of_address and (address := _address(request)):
        yield f"{route}:address:{address}", of_address


def _user(request: Request, path: Mapping[str, str]) -> str:
    """Who the request says it is; nobody where it does not say so, or is not to be understood: the view will tell."""
    if "user_id" in path:
        return path["user_id"]
    body = request.raw_body
    if not body or len(body) > LARGEST_BODY_BYTES:
        return ""
    try:
        return msgspec.json.decode(body, type=WhoAsks).user_id
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""


def _address(request: Request) -> str:
    """Who is at the other end of API Gateway's connection. A header that says otherwise is the client's own words."""
    address = str(request.context.get("identity", {}).get("sourceIp", ""))
    if ":" not in address:
        return address
    import ipaddress  # few come by IPv6

    try:
        return str(ipaddress.IPv6Network((address.partition("%")[0], NETWORK_BITS), strict=False))
    except ValueError:
        return address
