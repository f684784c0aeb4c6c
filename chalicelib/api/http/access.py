"""Access control: identifies the principal by the request's token, and decides whether the route admits the principal.

The modules that verify tokens are imported at the first token, so requests without one don't pay for them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalice.app import Request

from chalicelib import wiring
from chalicelib.domain.identity import ANONYMOUS, UNCHECKED, AccessRule, Principal
from chalicelib.domain.refusals import AccessTokenFault, BackendUnavailable, Forbidden, Refusal, Unauthenticated

from .logs import log

TOKEN_IN_QUERY = "access_token"  # noqa: S105 - the name of a parameter

_BEARER = re.compile(r"Bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class AccessDecision:
    """The decision about a request: the principal, and the refusal. `refusal` is None if the request is admitted."""

    asked_by: Principal
    refusal: Refusal | None = None

    def raise_if_refused(self) -> None:
        """Raises the refusal, if there is one."""
        if self.refusal:
            raise self.refusal


UNCHECKED_ACCESS = AccessDecision(UNCHECKED)


def decide_access(rule: AccessRule, request: Request) -> AccessDecision:
    """Identifies the principal by the request's token, and decides whether the rule admits the principal.

    Puts a refusal into the result instead of raising it. So the caller can count a refused request against its rate
    limits before it raises the refusal. If the rule needs no token, or access control is off, the principal is
    UNCHECKED.
    """
    if not rule.needs_token or not wiring.settings().auth:
        return UNCHECKED_ACCESS
    try:
        asked_by = _identify(request)
    except (Unauthenticated, BackendUnavailable) as refusal:
        return AccessDecision(ANONYMOUS, refusal)
    return AccessDecision(asked_by, None if rule.names_a_role_of(asked_by) else Forbidden())


def _identify(request: Request) -> Principal:
    """Gives the principal of the request's token. Raises Unauthenticated, BackendUnavailable."""
    token = _token_of(request)
    try:
        return wiring.identity.token_verifier()(token, wiring.clock())
    except Unauthenticated as refusal:
        log.info("token refused", fault=refusal.fault.name, detail=refusal.detail)
        raise


def _token_of(request: Request) -> str:
    """Gives the bearer token of the Authorization header. Raises Unauthenticated if the header is missing or malformed.

    Also raises Unauthenticated for a token in the query, even a valid one: URLs are logged in many places.
    """
    if TOKEN_IN_QUERY in (request.query_params or {}):
        raise Unauthenticated(AccessTokenFault.SENT_WRONGLY)
    sent = _authorizations(request.to_original_event())
    if not sent:
        raise Unauthenticated(AccessTokenFault.MISSING)
    found = _BEARER.fullmatch(sent[0]) if len(sent) == 1 else None
    if found is None:
        raise Unauthenticated(AccessTokenFault.SENT_WRONGLY)
    return found[1]


def _authorizations(event: Mapping[str, Any]) -> Sequence[str]:
    """Gives the values of all Authorization headers. An HTTP API joins them into one value, with commas."""
    every = event.get("multiValueHeaders") or {name: [value] for name, value in (event.get("headers") or {}).items()}
    return [value for name, values in every.items() if name.lower() == "authorization" for value in values]
