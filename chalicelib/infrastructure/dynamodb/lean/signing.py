"""Signs requests by Signature Version 4, as botocore does, with two shortcuts.

The key with which the day's requests are signed follows from the secret, the day, the region and the service by four
hashes: it is kept until one of them changes. And our requests have few headers, in a plain dict.
"""

from __future__ import annotations

import hmac
from functools import lru_cache
from hashlib import sha256
from typing import Any

import botocore.auth
from botocore.exceptions import NoCredentialsError

from .requests import LeanRequest, host_header

auth: Any = botocore.auth  # its clock is not in the stubs

UNSIGNED = frozenset(auth.SIGNED_HEADERS_BLACKLIST)
"""Headers that are not signed, because proxies may change them."""

VERSION = "v4"

SigningKeyInputs = tuple[str, str]
"""The inputs from which the signing key of one region and service is derived: the secret and the day."""


class LeanSigner:
    """The signer of a client's requests. It is an event handler that replaces botocore's RequestSigner."""

    def __init__(self, stock: Any) -> None:
        self._stock, self._region, self._service = stock, stock.region_name, stock.signing_name
        self._keys: dict[SigningKeyInputs, bytes] = {}

    def __call__(self, operation_name: str, request: Any, **_: Any) -> None:
        """Signs the request: adds the date, the session token if there is one, and the signature to its headers.

        Leaves two kinds of requests to botocore's signer: those that are not LeanRequests, and those with another
        signature version, service or region. Raises NoCredentialsError.
        """
        version = request.context.get("auth_type") or self._stock.signature_version
        if version != VERSION or request.context.get("signing") or not isinstance(request, LeanRequest):
            self._stock.handler(operation_name, request)
        elif self._stock._credentials is None:
            raise NoCredentialsError
        else:
            self._sign(request, self._stock._credentials.get_frozen_credentials())

    def _sign(self, request: LeanRequest, credentials: Any) -> None:
        headers, timestamp = request.headers, auth.get_current_datetime().strftime(auth.SIGV4_TIMESTAMP)
        request.context["timestamp"] = headers["X-Amz-Date"] = timestamp
        if credentials.token:
            headers["X-Amz-Security-Token"] = credentials.token
        names, canonical = _canonical(request)
        scope = f"{timestamp[:8]}/{self._region}/{self._service}/aws4_request"
        to_sign = f"AWS4-HMAC-SHA256\n{timestamp}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
        key = self._signing_key(credentials.secret_key, timestamp[:8])
        headers["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope}, "
            f"SignedHeaders={names}, Signature={hmac.digest(key, to_sign.encode(), 'sha256').hex()}"
        )

    def _signing_key(self, secret: str, day: str) -> bytes:
        """Gives the signing key of the day. Caches the last key."""
        follows_from = (secret, day)
        if (key := self._keys.get(follows_from)) is None:
            key = f"AWS4{secret}".encode()
            for part in (day, self._region, self._service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._keys.clear()  # threads that do it at once keep one more for a while
            self._keys[follows_from] = key
        return key


def _canonical(request: LeanRequest) -> tuple[str, str]:
    """Gives the names of the signed headers, and the canonical request."""
    values, order, listed = request.headers, *_signed(tuple(request.headers))
    lines = [f"{lower}:{' '.join(values[name].split()) if name else _host(request.url)}" for lower, name in order]
    headers = "\n".join(lines)
    return listed, f"POST\n/\n\n{headers}\n\n{listed}\n{sha256(request.body).hexdigest()}"


@lru_cache(maxsize=64)
def _signed(names: tuple[str, ...]) -> tuple[list[tuple[str, str]], str]:
    """Gives the headers to sign, sorted, each as a pair: its name in lower case, and its name in the request. Also
    gives the names in lower case, joined by semicolons.

    For `host`, the name in the request is empty, because this header is only added on sending.
    """
    signed = {"host": "", **{name.lower(): name for name in names if name.lower() not in UNSIGNED}}
    return sorted(signed.items()), ";".join(sorted(signed))


_host = lru_cache(maxsize=8)(host_header)
