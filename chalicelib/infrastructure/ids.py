"""Ids that nobody can guess, and that a resent request finds again."""

import hashlib
import hmac
import re
import secrets
import uuid
from base64 import urlsafe_b64encode
from dataclasses import dataclass

BUYER_CHARACTERS = 11
FINGERPRINT_CHARACTERS = 12
"""48 bits: it only has to tell the few requests apart that one user sends with one key."""
_PREFIX = "res-"
_RESERVATION = re.compile(rf"{_PREFIX}[A-Za-z0-9_-]{{{BUYER_CHARACTERS + 22}}}", re.ASCII)


@dataclass(frozen=True)
class SecretIds:
    """Ids of 128 bits, random or derived by HMAC-SHA-256.

    A reservation's id begins with its buyer's key, so that a reservation is found by its id alone and yet lies beside
    the buyer's others: res-<11 characters: buyer><22 characters: the reservation>.
    """

    secret: bytes

    def session(self, key: str | None) -> str:
        """A UUID, which says nothing of whether it is random or derived."""
        own = secrets.token_bytes(16) if key is None else self._derived("session", key)
        return str(uuid.UUID(bytes=own, version=4))

    def reservation(self, user_id: str, key: str | None) -> str:
        own = secrets.token_bytes(16) if key is None else self._derived("reservation", user_id, key)
        return f"{_PREFIX}{buyer_of_user(user_id)}{_text(own)}"

    def fingerprint(self, *parts: str) -> str:
        return self._derived("fingerprint", *parts).hex()[:FINGERPRINT_CHARACTERS]

    def sale(self, reservation_id: str, transaction_id: str) -> str:
        return f"sale-{_text(self._derived('sale', reservation_id, transaction_id))}"

    def _derived(self, *parts: str) -> bytes:
        message = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
        return hmac.digest(self.secret, message, "sha256")[:16]


def buyer_of_user(user_id: str) -> str:
    """The partition of a user's reservations: 64 bits of SHA-256, in 11 characters."""
    return _text(hashlib.sha256(user_id.encode()).digest()[:8])


def buyer_of_reservation(reservation_id: str) -> str:
    """The partition in which a reservation lies, by its id; empty when the text can't be an id of ours."""
    return reservation_id[len(_PREFIX) :][:BUYER_CHARACTERS] if _looks_right(reservation_id) else ""


def _looks_right(reservation_id: str) -> bool:
    return _RESERVATION.fullmatch(reservation_id) is not None


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
