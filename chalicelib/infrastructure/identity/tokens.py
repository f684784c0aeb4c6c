"""Access tokens of Amazon Cognito, and of providers that shape theirs alike: signed JSON Web Tokens.

    header   {"kid": "…", "alg": "RS256"}                                  EdDSA, too; nothing else
    claims   {"iss", "sub", "client_id", "token_use": "access", "exp", "iat", "nbf"?, "cognito:groups"?, "email"?}

They have no `aud`: the client for which they were issued is `client_id`. See the Amazon Cognito Developer Guide,
"Understanding the access token" and "Verifying JSON web tokens". ID tokens are made for the page, and refused here.

PyJWT checks the signature. The claims are checked here, because the clock is an argument.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import jwt
from jwt.exceptions import PyJWTError

from chalicelib.domain.identity import Principal, roles_from_groups_or_buyer
from chalicelib.domain.refusals import AccessTokenFault, Unauthenticated

ALGORITHMS = ("RS256", "EdDSA")
LONGEST_TOKEN_CHARACTERS = 8192
"""Cognito's access tokens have about 1,000 characters; API Gateway takes 10,240 bytes of headers in all."""
SKEW_SECONDS = 30.0
"""How far the provider's clock may differ from ours."""

BRINGS_A_KEY = frozenset({"jku", "jwk", "x5u", "x5c", "crit", "b64"})
"""Fields of a header by which a token would bring its own key, or ask for rules that we don't know."""

_SUBJECT = re.compile(r"[\x21-\x7e]{1,128}")
_ADDRESS = re.compile(r"[\x21-\x7e]{1,254}")

_SIGNATURES = jwt.PyJWS(algorithms=list(ALGORITHMS), options={"enforce_minimum_key_length": True})


class SignInKeySource(Protocol):
    """A source of the public keys by which tokens are verified."""

    def find(self, key_id: str, now: datetime) -> jwt.PyJWK | None:
        """Gives the public key with this id, or None if there is none. Raises BackendUnavailable."""
        ...


@dataclass(frozen=True)
class AccessTokenVerifier:
    """The verifier of access tokens that `issuer` has issued for `client_id`.

    A call gives the token's principal. It raises Unauthenticated if the token is not valid, and BackendUnavailable if
    the provider's keys can't be read.
    """

    issuer: str
    client_id: str
    keys: SignInKeySource

    def __call__(self, token: str, now: datetime) -> Principal:
        header = _header_of(token)
        key = self.keys.find(header["kid"], now)
        if key is None:
            raise _invalid("unknown key")
        try:
            payload = _SIGNATURES.decode(token, key, algorithms=ALGORITHMS)
        except (PyJWTError, ValueError, TypeError) as error:
            raise _invalid(type(error).__name__) from error
        claims = _parse_object(payload)
        self._check_audience(claims)
        _check_times(claims, now.timestamp())
        return _principal_of(claims)

    def _check_audience(self, claims: Mapping[str, Any]) -> None:
        """Checks the token's issuer, audience and use. Raises Unauthenticated."""
        wanted = {"iss": self.issuer, "client_id": self.client_id, "token_use": "access"}
        for name, value in wanted.items():
            if claims.get(name) != value:
                raise _invalid(f"another {name}")


def _invalid(detail: str) -> Unauthenticated:
    return Unauthenticated(AccessTokenFault.INVALID, detail)


def _header_of(token: str) -> Mapping[str, Any]:
    """Reads the header of an unverified token. Raises Unauthenticated if the header is malformed or not allowed."""
    if len(token) > LONGEST_TOKEN_CHARACTERS:
        raise _invalid("too long")
    try:
        header = jwt.get_unverified_header(token)
    except (PyJWTError, ValueError, RecursionError) as error:
        raise _invalid("unreadable") from error
    if brought := BRINGS_A_KEY & header.keys():
        raise _invalid(f"header has {', '.join(sorted(brought))}")
    if header.get("alg") not in ALGORITHMS:
        raise _invalid("another algorithm")
    if not isinstance(header.get("kid"), str):
        raise _invalid("no key id")
    return header


def _parse_object(payload: bytes) -> Mapping[str, Any]:
    try:
        claims = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise _invalid("unreadable claims") from error
    if not isinstance(claims, dict):
        raise _invalid("no claims")
    return claims


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    """Checks that the token is valid now. Raises Unauthenticated."""
    if now >= _read_seconds_claim(claims, "exp") + SKEW_SECONDS:
        raise Unauthenticated(AccessTokenFault.EXPIRED)
    for name in ("nbf", "iat"):
        if name in claims and now < _read_seconds_claim(claims, name) - SKEW_SECONDS:
            raise Unauthenticated(AccessTokenFault.NOT_YET_VALID, name)


def _read_seconds_claim(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _invalid(f"no {name}")
    return value


def _principal_of(claims: Mapping[str, Any]) -> Principal:
    subject, groups, address = claims.get("sub"), claims.get("cognito:groups", []), claims.get("email", "")
    if not (isinstance(subject, str) and _SUBJECT.fullmatch(subject)):
        raise _invalid("no subject")
    if not isinstance(groups, list):
        raise _invalid("no list of groups")
    is_address = isinstance(address, str) and _ADDRESS.fullmatch(address) and claims.get("email_verified", True) is True
    return Principal(subject, roles_from_groups_or_buyer(groups), address if is_address else "")
