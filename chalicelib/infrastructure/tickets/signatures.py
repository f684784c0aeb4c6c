"""Ed25519: checking signatures, and the keys that make them, in KMS or in a file of a laptop."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from chalicelib.domain.refusals import BackendUnavailable
from chalicelib.domain.tickets.tokens import PublicKey
from chalicelib.infrastructure.dynamodb.connection import outages_as_refusals

IN_FILE = "file:"
"""With this prefix, the rest of the setting TICKET_KEY is the path of a file. Without it, the setting is an alias in
KMS."""
ALGORITHM = "ED25519_SHA_512"


class KmsClient(Protocol):
    """The two calls of boto3's KMS client that are used here."""

    def get_public_key(self, **request: Any) -> Any: ...

    def sign(self, **request: Any) -> Any: ...


def is_signed(key: PublicKey, message: bytes, signature: bytes) -> bool:
    """Tells whether `signature` is a valid Ed25519 signature of the message by this key."""
    try:
        Ed25519PublicKey.from_public_bytes(key.x).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


@dataclass
class SigningKeyInKms:
    """A signing key in KMS, found by its alias. The private key never leaves KMS. The public key is cached."""

    client: KmsClient
    alias: str
    _read: tuple[str, PublicKey] | None = field(default=None)
    """The key that the alias stood for when KMS was last asked: its id in KMS, and its public key. None if KMS must be
    asked again."""

    def public_key(self) -> PublicKey:
        if self._read is None:
            with outages_as_refusals("GetPublicKey"):
                answer = self.client.get_public_key(KeyId=self.alias)
            self._read = answer["KeyId"], _public_key(load_der_public_key(answer["PublicKey"]))
        return self._read[1]

    def sign(self, message: bytes) -> bytes:
        """Signs the message in KMS. Raises BackendUnavailable.

        After the alias was moved to another key, raises BackendUnavailable once. Later calls use the new key.
        """
        self.public_key()
        with outages_as_refusals("Sign"):
            answer = self.client.sign(KeyId=self.alias, Message=message, MessageType="RAW", SigningAlgorithm=ALGORITHM)
        if self._read is None or answer["KeyId"] != self._read[0]:
            self._read = None
            raise BackendUnavailable("Sign")
        return bytes(answer["Signature"])


@dataclass(frozen=True)
class SigningKeyInFileMadeOnFirstUse:
    """A signing key in a local file, for development. The file is made on first use, readable only by its owner."""

    path: Path

    def public_key(self) -> PublicKey:
        return _public_key(self._key().public_key())

    def sign(self, message: bytes) -> bytes:
        return self._key().sign(message)

    def _key(self) -> Ed25519PrivateKey:
        if not self.path.exists():
            self._make()
        return Ed25519PrivateKey.from_private_bytes(self.path.read_bytes())

    def _make(self) -> None:
        """Makes the file atomically, unless another process has made it meanwhile."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self.path.parent)  # of mode 0600
        with os.fdopen(handle, "wb") as file:
            file.write(Ed25519PrivateKey.generate().private_bytes_raw())
        with suppress(FileExistsError):
            os.link(name, self.path)
        os.unlink(name)


def _public_key(key: object) -> PublicKey:
    """Reads an Ed25519 public key. Raises TypeError for a key of another kind."""
    if not isinstance(key, Ed25519PublicKey):
        raise TypeError(f"tickets are signed by Ed25519, not by {type(key).__name__}")
    return PublicKey(key.public_bytes_raw())
