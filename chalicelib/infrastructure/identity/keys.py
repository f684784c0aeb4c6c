"""The public keys of the identity provider: read when a token names a key that is not known, and kept.

    known key, read within the hour ──► used, without a call
    unknown key                     ──► read all keys anew, once in PAUSE at most ──► used, if it is there now
    keys older than FRESH           ──► read anew; the old ones serve while that fails, up to STALE

So a rotation needs no deployment, invented key ids cause two calls a minute, and a key that was withdrawn ends its
service within the hour.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any

from jwt import PyJWK
from jwt.exceptions import InvalidKeyError, PyJWKError

from chalicelib.domain.refusals import BackendUnavailable

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

PATH = "/.well-known/jwks.json"
PAUSE = timedelta(seconds=30)
FRESH = timedelta(hours=1)
STALE = timedelta(hours=24)

CONNECT_SECONDS, READ_SECONDS = 1.0, 2.0
LARGEST_ANSWER_BYTES = 65_536
"""An answer has at most this many bytes. Cognito's two keys take 1 kB."""
MOST_KEYS = 20

PARTS_OF_KEY = {("RSA", None): ("n", "e"), ("OKP", "Ed25519"): ("crv", "x")}
"""The fields of the identity provider's public keys that we use, by type and curve. All others are dropped, private
ones too."""
ALGORITHM_OF = {"RSA": "RS256", "OKP": "EdDSA"}

Keys = Mapping[str, PyJWK]
ReadKeySetBytes = Callable[[], bytes]


class IdentityProviderKeysUnreadable(Exception):
    """The identity provider's keys could not be read: no answer, or an answer that is no key set."""


@dataclass
class ProviderKeys:
    """The cached public keys of an identity provider.

    `read` fetches the provider's JSON Web Key Set, and may raise IdentityProviderKeysUnreadable.
    """

    read: ReadKeySetBytes
    _keys: Keys = field(default_factory=dict)
    _read_at: datetime | None = None
    _tried_at: datetime | None = None
    _lock: Lock = field(default_factory=Lock)

    def find(self, key_id: str, now: datetime) -> PyJWK | None:
        """Gives the key with this id. Gives None if the provider has no such key.

        Raises BackendUnavailable if the provider must be asked, and does not answer.
        """
        if key_id in self._keys and self._is_younger_than(FRESH, now):
            return self._keys[key_id]
        with self._lock:
            if self._may_read(now) and not (key_id in self._keys and self._is_younger_than(FRESH, now)):
                self._try_to_read(now)
            is_silent = self._read_at != self._tried_at
            if not self._is_younger_than(STALE, now) or (is_silent and key_id not in self._keys):
                raise BackendUnavailable("read the identity provider's keys")
            return self._keys.get(key_id)

    def _is_younger_than(self, age: timedelta, now: datetime) -> bool:
        return self._read_at is not None and now - self._read_at < age

    def _may_read(self, now: datetime) -> bool:
        return self._tried_at is None or abs(now - self._tried_at) >= PAUSE

    def _try_to_read(self, now: datetime) -> None:
        """Fetches the keys. Leaves the cached ones unchanged if the provider can't be read."""
        self._tried_at = now
        try:
            self._keys = parse_key_set(self.read())
        except IdentityProviderKeysUnreadable:
            return
        self._read_at = now


def parse_key_set(text: bytes) -> Keys:
    """Parses a JSON Web Key Set. Gives the keys by id. Leaves out keys of other uses or algorithms.

    Raises IdentityProviderKeysUnreadable if the text is no key set.
    """
    try:
        listed = json.loads(text)["keys"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise IdentityProviderKeysUnreadable("no key set") from error
    if not isinstance(listed, list):
        raise IdentityProviderKeysUnreadable("no list of keys")
    found = ((one.get("kid"), _key_in(one)) for one in listed[:MOST_KEYS] if isinstance(one, dict))
    return {key_id: key for key_id, key in found if isinstance(key_id, str) and key}


def _key_in(described: Mapping[str, Any]) -> PyJWK | None:
    kind = described.get("kty")
    parts = PARTS_OF_KEY.get((kind, described.get("crv"))) if isinstance(kind, str) else None
    if parts is None or not isinstance(kind, str):
        return None
    algorithm = ALGORITHM_OF[kind]
    if described.get("use", "sig") != "sig" or described.get("alg", algorithm) != algorithm:
        return None
    public = {"kty": kind, **{name: described.get(name) for name in parts}}
    try:
        return PyJWK(public, algorithm)
    except (InvalidKeyError, PyJWKError, TypeError, ValueError, AttributeError):
        return None


def new_key_set_reader(issuer: str) -> ReadKeySetBytes:
    """Makes a function that fetches an issuer's key set over HTTP, and may raise IdentityProviderKeysUnreadable.

    The function tries once, follows no redirect, and limits the time and the size of the answer.
    """

    def read() -> bytes:
        import urllib3

        timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
        try:
            with urllib3.PoolManager(retries=False, timeout=timeout) as http:
                answer = http.request("GET", f"{issuer}{PATH}", redirect=False, preload_content=False)
                return _content_of(answer, monotonic() + READ_SECONDS)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise IdentityProviderKeysUnreadable(repr(error)) from error

    return read


def _content_of(answer: BaseHTTPResponse, until: float) -> bytes:
    """Reads the whole answer. Raises IdentityProviderKeysUnreadable if the status is not 200, or the answer is too
    large or late.

    `until` is a moment of the monotonic clock, in seconds.
    """
    content = bytearray()
    try:
        while answer.status == 200 and len(content) <= LARGEST_ANSWER_BYTES and monotonic() < until:
            chunk = answer.read1(16_384)
            if not chunk:
                return bytes(content)
            content += chunk
    finally:
        answer.close()
    raise IdentityProviderKeysUnreadable(f"status {answer.status}, {len(content)} bytes")
