"""Access control: finds out who asks, by the token of the request, and whether the route admits them.

A request without a token costs nothing here: what verifies tokens is imported at the first one.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools import Logger
from chalice.app import Request

from chalicelib import wiring
from chalicelib.domain.identity import ANONYMOUS, UNCHECKED, AccessRule, Principal
from chalicelib.domain.refusals import Forbidden, Refusal, StoreUnavailable, TokenFault, Unauthenticated

TOKEN_IN_QUERY = "access_token"  # noqa: S105 - the name of a parameter

log = Logger(service="cinema-tickets", location=None)

_BEARER = re.compile(r"Bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Admission:
    """The principal of a request, and the refusal; None for a request that is admitted."""

    asked_by: Principal
    refusal: Refusal | None = None

    def require(self) -> None:
        """Raises the refusal, if there is one."""
        if self.refusal:
            raise self.refusal


EVERYBODY = Admission(UNCHECKED)


def check_access(rule: AccessRule, request: Request) -> Admission:
    """Finds the principal, and whether the rule admits it. Raises nothing, so that refusals are counted, too."""
    if not rule.needs_token or not wiring.settings().auth:
        return EVERYBODY
    try:
        asked_by = _identify(request)
    except (Unauthenticated, StoreUnavailable) as refusal:
        return Admission(ANONYMOUS, refusal)
    return Admission(asked_by, None if rule.admits(asked_by) else Forbidden())


def _identify(request: Request) -> Principal:
    """Gives the principal of the request's token. Raises Unauthenticated, StoreUnavailable."""
    token = _token_of(request)
    try:
        return wiring.identity.verify_token()(token, wiring.clock())
    except Unauthenticated as refusal:
        log.info("token refused", fault=refusal.fault.name, detail=refusal.detail)
        raise


def _token_of(request: Request) -> str:
    """Gives the token in the Authorization header. Raises Unauthenticated if there is none, or it comes otherwise.

    An address is logged and remembered in many places, so a token in the query is refused, valid or not.
    """
    if TOKEN_IN_QUERY in (request.query_params or {}):
        raise Unauthenticated(TokenFault.SENT_WRONGLY)
    sent = _authorizations(request.to_original_event())
    if not sent:
        raise Unauthenticated(TokenFault.MISSING)
    found = _BEARER.fullmatch(sent[0]) if len(sent) == 1 else None
    if found is None:
        raise Unauthenticated(TokenFault.SENT_WRONGLY)
    return found[1]


def _authorizations(event: Mapping[str, Any]) -> Sequence[str]:
    """Gives the values of all Authorization headers. Events of HTTP APIs have them in one text, with commas."""
    every = event.get("multiValueHeaders") or {name: [value] for name, value in (event.get("headers") or {}).items()}
    return [value for name, values in every.items() if name.lower() == "authorization" for value in values]
