"""Signs requests by Signature Version 4, as botocore does, with two shortcuts.

The key with which the day's requests are signed follows from the secret, the day, the region and the service by four
hashes: it is kept until one of them changes. And our requests have few headers, in a plain dict.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Any

import botocore.auth
from botocore.exceptions import NoCredentialsError

from .requests import LeanRequest, host_of

auth: Any = botocore.auth  # its clock is not in the stubs

UNSIGNED = frozenset(auth.SIGNED_HEADERS_BLACKLIST)
"""Headers that anybody on the way may change."""

KeyOf = tuple[str, str, str, str]


class KeepingAuth:
    """Signs one request in place of a SigV4Auth of botocore. `keys`, shared by all, holds the newest signing key."""

    def __init__(self, stock: Any, keys: dict[KeyOf, bytes]) -> None:
        self._stock, self._credentials, self._keys = stock, stock.credentials, keys
        self._region, self._service = stock._region_name, stock._service_name

    def add_auth(self, request: Any) -> None:
        """Adds the date, the session token if there is one, and the signature. Raises NoCredentialsError."""
        if not isinstance(request, LeanRequest):
            self._stock.add_auth(request)
            return
        if self._credentials is None:
            raise NoCredentialsError
        headers, timestamp = request.headers, auth.get_current_datetime().strftime(auth.SIGV4_TIMESTAMP)
        request.context["timestamp"] = headers["X-Amz-Date"] = timestamp
        if self._credentials.token:
            headers["X-Amz-Security-Token"] = self._credentials.token
        names, canonical = _canonical(request)
        scope = f"{timestamp[:8]}/{self._region}/{self._service}/aws4_request"
        to_sign = f"AWS4-HMAC-SHA256\n{timestamp}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
        signature = hmac.digest(self._signing_key(timestamp[:8]), to_sign.encode(), "sha256").hex()
        headers["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self._credentials.access_key}/{scope}, "
            f"SignedHeaders={names}, Signature={signature}"
        )

    def _signing_key(self, day: str) -> bytes:
        """Gives the signing key of the day: the kept one, or a new one that replaces it."""
        follows_from = (self._credentials.secret_key, day, self._region, self._service)
        if (key := self._keys.get(follows_from)) is None:
            key = f"AWS4{self._credentials.secret_key}".encode()
            for part in (day, self._region, self._service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._keys.clear()  # threads that do it at once keep one more for a while
            self._keys[follows_from] = key
        return key


def _canonical(request: LeanRequest) -> tuple[str, str]:
    """Gives the names of the headers that are signed, and the canonical form of the request."""
    signed = {"host": host_of(request.url)}
    for name, value in request.headers.items():
        if (lower := name.lower()) not in UNSIGNED:
            signed[lower] = " ".join(value.split())
    names = sorted(signed)
    headers, listed = "\n".join([f"{name}:{signed[name]}" for name in names]), ";".join(names)
    return listed, f"POST\n/\n\n{headers}\n\n{listed}\n{sha256(request.body).hexdigest()}"


def keep_keys(signer: Any) -> None:
    """Has a client's `RequestSigner` sign by KeepingAuth; what isn't Signature Version 4 it signs as before."""
    stock, keys = signer.get_auth_instance, dict[KeyOf, bytes]()

    def get_auth_instance(**request: Any) -> Any:
        instance = stock(**request)
        if type(instance) is auth.SigV4Auth:
            return KeepingAuth(instance, keys)
        return instance

    signer.get_auth_instance = get_auth_instance
