"""Tokens: what is in the QR code of a ticket, 104 bytes in base32.

    1 byte    version of this layout
    4         id of the key: the beginning of the SHA-256 of the public key
    16        session: its UUID
    5         code of the ticket
    2, 2      seat: place of its row (A is 0), number in it
    2         version of the ticket
    4, 4      start of the screening, issue of the ticket: seconds since 1970
    64        Ed25519 signature of all that

Base32 is within the alphanumeric mode of QR codes, 5.5 bits a character: 167 characters fit into version 7 with error
correction M. A JSON Web Token of the same facts takes 300 bytes and version 14. Cameras at a door notice.
"""

import re
import struct
from base64 import b32decode, b32encode
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from chalicelib.domain.booking_codes import CODES, code_from_number_modulo_codes, number_from_code
from chalicelib.domain.sessions import row_index, row_letters, row_of_seat
from chalicelib.domain.times import from_ms, to_ms

LAYOUT = 1
KEY_ID_BYTES = 4
SIGNATURE_BYTES = 64

_FACTS = struct.Struct(">B4s16s5sHHHII")
_UUID = ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32))
"""Where the parts of a UUID begin and end among its digits."""
_TOKEN = re.compile(r"[A-Z2-7]{167}")


class TokenMalformed(Exception):
    """The text does not have the form of a token."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The public key of an Ed25519 key pair that signs tickets: 32 bytes."""

    x: bytes

    @property
    def id(self) -> str:
        return sha256(self.x).digest()[:KEY_ID_BYTES].hex()


@dataclass(frozen=True, slots=True)
class TicketFacts:
    """The facts in a ticket's token. Moments are in whole seconds."""

    key_id: str
    session_id: str
    code: str
    seat: str
    version: int
    starts_at: datetime
    issued_at: datetime

    def to_bytes(self) -> bytes:
        """Encodes the facts as the bytes to be signed. Raises ValueError if the session's id is not a UUID."""
        row, session = row_of_seat(self.seat), bytes.fromhex(self.session_id.replace("-", ""))
        if len(session) != 16:
            raise ValueError(f"no UUID: {self.session_id}")
        return _FACTS.pack(
            LAYOUT,
            bytes.fromhex(self.key_id),
            session,
            number_from_code(self.code).to_bytes(5, "big"),
            row_index(row),
            int(self.seat[len(row) :]),
            self.version,
            to_ms(self.starts_at) // 1000,
            to_ms(self.issued_at) // 1000,
        )


@dataclass(frozen=True, slots=True)
class UnverifiedToken:
    """A decoded token: its facts, and its signature, which is not verified yet."""

    facts: TicketFacts
    signed: bytes
    signature: bytes


def encode_token(signed: bytes, signature: bytes) -> str:
    """Encodes a token. `signed` has the bytes of `TicketFacts.to_bytes`, and `signature` is their signature."""
    return b32encode(signed + signature).decode().rstrip("=")


def decode_token(text: str) -> UnverifiedToken:
    """Decodes a token without verifying its signature. Raises TokenMalformed."""
    if not _TOKEN.fullmatch(text):
        raise TokenMalformed
    raw = b32decode(text + "=")
    signed, signature = raw[: _FACTS.size], raw[_FACTS.size :]
    layout, key_id, session, code, row, number, version, starts_at, issued_at = _FACTS.unpack(signed)
    if layout != LAYOUT or int.from_bytes(code, "big") >= CODES or encode_token(signed, signature) != text:
        raise TokenMalformed
    facts = TicketFacts(
        key_id=key_id.hex(),
        session_id="-".join(session.hex()[start:end] for start, end in _UUID),
        code=code_from_number_modulo_codes(int.from_bytes(code, "big")),
        seat=f"{row_letters(row)}{number}",
        version=version,
        starts_at=from_ms(starts_at * 1000),
        issued_at=from_ms(issued_at * 1000),
    )
    return UnverifiedToken(facts, signed, signature)
