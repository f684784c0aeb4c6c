"""Ids that nobody can guess. A request that is sent again with its idempotency key gets the same ids."""

import hashlib
import hmac
import secrets
import uuid
from base64 import urlsafe_b64encode
from dataclasses import dataclass

from chalicelib.domain.reservations import PREFIX

FINGERPRINT_CHARACTERS = 12
"""The length of a fingerprint in hexadecimal digits: 48 bits. They are enough, because a fingerprint only tells apart
the few requests of one user with one key."""


@dataclass(frozen=True)
class RandomOrDerivedIds:
    """The maker of ids of 128 bits. Ids are random, or derived from an idempotency key by HMAC-SHA-256.

    A reservation's id begins with its buyer's partition, so that the id alone finds the reservation there: see
    `buyer_pseudonym_or_empty`.
    """

    secret: bytes

    def session_id(self, key: str | None) -> str:
        """Makes a session's id, a UUID. It is derived from the idempotency key, or random if `key` is None."""
        own = secrets.token_bytes(16) if key is None else self._derive("session", key)
        return str(uuid.UUID(bytes=own, version=4))

    def reservation_id(self, user_id: str, key: str | None) -> str:
        own = secrets.token_bytes(16) if key is None else self._derive("reservation", user_id, key)
        return f"{PREFIX}{buyer_partition_of_user(user_id)}{_to_base64(own)}"

    def keyed_fingerprint(self, *parts: str) -> str:
        return self._derive("fingerprint", *parts).hex()[:FINGERPRINT_CHARACTERS]

    def sale_id(self, reservation_id: str, transaction_id: str) -> str:
        return f"sale-{_to_base64(self._derive('sale', reservation_id, transaction_id))}"

    def address_hash(self, email: str) -> str:
        """Makes the keyed hash of an email address. Upper and lower case give the same hash."""
        return _to_base64(self._derive("address", email.strip().casefold()))

    def _derive(self, *parts: str) -> bytes:
        """Derives 128 bits from the parts and the secret, by HMAC-SHA-256.

        Each part is hashed with its length, so that different lists of parts have different hashes.
        """
        message = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
        return hmac.digest(self.secret, message, "sha256")[:16]


def buyer_partition_of_user(user_id: str) -> str:
    """Gives the partition of a user's reservations: 64 bits of the SHA-256 of the user's id, in 11 characters."""
    return _to_base64(hashlib.sha256(user_id.encode()).digest()[:8])


def _to_base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
