"""Rate limits of the routes: who asks, how often they may, and what the answer's headers say about it."""

from collections.abc import Iterator

import msgspec
from chalice.app import Chalice, Request

from chalicelib import wiring
from chalicelib.api.wire.bodies import LARGEST_BODY_BYTES, source_of
from chalicelib.domain.rate_limits import Quota, QuotaUsage, RateLimits, Requester
from chalicelib.domain.refusals import RateLimited
from chalicelib.settings import SettingInvalid

NEVER_LIMITED = {"health", "ready"}
"""Who asks these is a load balancer or an operator, and wants to know most when most is going on."""

HOLDS = "hold_seats"
"""Weighs as many requests as it has seats: what one address may keep from all others is so many seats, however they are
asked for."""


SUBSCRIBE = "subscribe"
"""What viewers send over their WebSocket; it is no route, and is limited like one."""


class Wanted(msgspec.Struct, rename="camel"):
    seat_numbers: list[msgspec.Raw]


def take(route: str, request: Request) -> dict[str, str]:
    """The headers for the answer; none where no limit applies. Raises RateLimited. Asks Redis once at most."""
    quotas = dict(_quotas(route, request))
    if not quotas:
        return {}
    verdict = wiring.gate.rate_limiter().take(quotas, wiring.clock())
    if not verdict.admitted:
        raise RateLimited(verdict.tightest)
    return headers(verdict.tightest)


def take_of_viewer(viewer_id: str, source: str) -> None:
    """For a message over a WebSocket: by its connection, and by the network it comes from. Raises RateLimited."""
    limits = wiring.settings().rate_limits
    requesters = {Requester.CONNECTION: viewer_id, Requester.ADDRESS: source}
    quotas = {
        f"{SUBSCRIBE}:{requester}:{name}": quota
        for requester, name in requesters.items()
        if name and (quota := limits.of(requester, SUBSCRIBE))
    }
    if not quotas:
        return
    verdict = wiring.subscriptions.viewer_limiter().take(quotas, wiring.clock())
    if not verdict.admitted:
        raise RateLimited(verdict.tightest)


def headers(standing: QuotaUsage) -> dict[str, str]:
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
    known.add(SUBSCRIBE)
    if unknown := sorted(limits.routes - known):
        raise SettingInvalid(
            f"RATE_LIMITS names no route of ours: {', '.join(unknown)}. Routes: {', '.join(sorted(known))}."
        )


def _quotas(route: str, request: Request) -> Iterator[tuple[str, Quota]]:
    limits = wiring.settings().rate_limits
    if route in NEVER_LIMITED:
        return
    of_user, of_address = limits.of(Requester.USER, route), limits.of(Requester.ADDRESS, route)
    if of_user and (user := _known_user(request)):
        yield f"{route}:user:{user}", of_user
    if of_address and (address := source_of(request.context)):
        yield f"{route}:address:{address}", of_address.weighing(_seats(request)) if route == HOLDS else of_address


def _known_user(request: Request) -> str:
    """Who asks, once that has been verified; nobody as long as nobody can sign in.

    What a body or a path says is a claim: counted for whom it names, it would lock a stranger out.
    """
    return ""


def _seats(request: Request) -> int:
    """How many it asks for; 1 where it is not to be understood: the view will tell."""
    body = request.raw_body
    if not body or len(body) > LARGEST_BODY_BYTES:
        return 1
    try:
        return len(msgspec.json.decode(body, type=Wanted).seat_numbers)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return 1
