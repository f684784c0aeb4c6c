"""Tokens and lists on which an offline gate decides, each with the answer of `verify_offline_except_reuse`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chalicelib.api.wire.tickets import keys
from chalicelib.domain.refusals import AdmissionNotOpenYet, AdmissionOver, TicketTokenInvalid, TicketVoid, WrongRoom
from chalicelib.domain.sessions import row_letters
from chalicelib.domain.tickets.checking import GateListEntry, OfflineGateList, verify_offline_except_reuse
from chalicelib.domain.tickets.ticket import VoidReason, admission_times
from chalicelib.domain.tickets.tokens import PublicKey, TicketFacts, encode_token
from chalicelib.domain.times import to_iso, to_ms
from chalicelib.infrastructure.tickets.signatures import is_signed
from tests.browser.gatekeeper import forged

NOW = datetime(2034, 2, 15, 19, 0, tzinfo=UTC)
NOW_MS = to_ms(NOW)
OPENS_BEFORE = timedelta(minutes=60)
HERE, ELSEWHERE = "550e8400-e29b-41d4-a716-446655440000", "550e8400-e29b-41d4-a716-446655440001"
CODE, OTHER = "K7QX-2MNP", "ZZZZ-ZZZZ"

SIGNER, STRANGER = (Ed25519PrivateKey.from_private_bytes(bytes([number] * 32)) for number in (1, 2))
KNOWN = {key.id: key for key in [PublicKey(SIGNER.public_key().public_bytes_raw())]}
KEYS = [{"kid": key.kid, "x": key.x} for key in keys(KNOWN).keys]

VERDICTS: Mapping[type[Exception], str] = {
    TicketTokenInvalid: "forged",
    WrongRoom: "wrongRoom",
    AdmissionNotOpenYet: "tooEarly",
    AdmissionOver: "tooLate",
}


@dataclass(frozen=True)
class Case:
    name: str
    token: str
    starts: datetime = NOW
    listed: GateListEntry | None = None
    seat: str = "A1"

    @property
    def expected(self) -> str:
        """Gives the page's word for the domain's decision."""
        known = OfflineGateList({HERE: self.starts}, {(HERE, self.seat): self.listed} if self.listed else {})
        try:
            verify_offline_except_reuse(self.token, KNOWN, is_signed, known, OPENS_BEFORE, NOW)
        except TicketVoid as void:
            return str(void.reason)
        except tuple(VERDICTS) as refusal:
            return VERDICTS[type(refusal)]
        return "admitted"

    @property
    def as_json(self) -> dict[str, Any]:
        opens_at, closes_at = admission_times(self.starts, OPENS_BEFORE)
        found = self.listed
        tickets = (
            [{"code": found.code, "seat": self.seat, "version": found.version, "void": found.void}] if found else []
        )
        screening = {"sessionId": HERE, "opensAt": to_iso(opens_at), "closesAt": to_iso(closes_at), "tickets": tickets}
        return {"token": self.token, "screening": screening}


def token(signer: Ed25519PrivateKey = SIGNER, **changes: Any) -> str:
    key = PublicKey(signer.public_key().public_bytes_raw())
    facts = {"session_id": HERE, "code": CODE, "seat": "A1", "version": 2, "starts_at": NOW, "issued_at": NOW}
    signed = TicketFacts(**{"key_id": key.id, **facts, **changes}).to_bytes()
    return encode_token(signed, signer.sign(signed))


FAR_SEAT = f"{row_letters(702)}999"
"""In row AAA."""
CASES = (
    Case("sold since the list", token()),
    Case("on the list", token(), listed=GateListEntry(CODE, 2)),
    Case("refunded", token(), listed=GateListEntry(CODE, 2, VoidReason.REFUNDED)),
    Case("transferred", token(), listed=GateListEntry(CODE, 2, VoidReason.TRANSFERRED)),
    Case("an old version", token(), listed=GateListEntry(OTHER, 3)),
    Case("the same version of another ticket", token(), listed=GateListEntry(OTHER, 2)),
    Case("transferred since the list", token(), listed=GateListEntry(OTHER, 1)),
    Case("a seat far away", token(seat=FAR_SEAT), listed=GateListEntry(CODE, 2), seat=FAR_SEAT),
    Case("the greatest code", token(code=OTHER, version=65535), listed=GateListEntry(OTHER, 65535)),
    Case("the last moment before the doors open", token(), starts=NOW + OPENS_BEFORE + timedelta(milliseconds=1)),
    Case("the moment when they open", token(), starts=NOW + OPENS_BEFORE),
    Case("the last moment", token(), starts=NOW - timedelta(hours=6) + timedelta(milliseconds=1)),
    Case("over", token(), starts=NOW - timedelta(hours=6)),
    Case("another screening", token(session_id=ELSEWHERE)),
    Case("another signature", forged(token())),
    Case("another seat", token()[:40] + token(seat="A2")[40:60] + token()[60:]),
    Case("a key that is not ours", token(STRANGER)),
    Case("our key's name under another's signature", token(STRANGER, key_id=next(iter(KNOWN)))),
)
