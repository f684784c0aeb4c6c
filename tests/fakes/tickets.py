"""The ports of tickets in memory, and a key that signs them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chalicelib.domain.pages import Page
from chalicelib.domain.refusals import BackendUnavailable, CursorInvalid
from chalicelib.domain.tickets.ticket import Admission, LatestTicketPerSeatOfSale, ListedTicket, Ticket, VoidReason
from chalicelib.domain.tickets.tokens import PublicKey

__all__ = ["FakeSigner", "FakeTicketKeys", "FakeTickets"]


@dataclass
class FakeTickets:
    """`codes` has the codes in force of each sale, by seat."""

    known: dict[str, Ticket] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    voided: dict[str, VoidReason] = field(default_factory=dict)

    def add_unless_issued_or_voided(self, sold: LatestTicketPerSeatOfSale) -> None:
        if sold.reservation_id in self.codes or sold.reservation_id in self.voided:
            return
        if any(ticket.code in self.known for ticket in sold.tickets):
            raise BackendUnavailable("TransactWriteItems")
        self.codes[sold.reservation_id] = {ticket.seat: ticket.code for ticket in sold.tickets}
        self.known |= {ticket.code: ticket for ticket in sold.tickets}

    def find_ticketed_or_voided_sale(self, reservation_id: str) -> LatestTicketPerSeatOfSale | None:
        if reservation_id not in self.codes and reservation_id not in self.voided:
            return None
        codes = sorted(self.codes.get(reservation_id, {}).items())
        tickets = tuple(self.known[code] for _, code in codes)
        return LatestTicketPerSeatOfSale(reservation_id, tickets, self.voided.get(reservation_id))

    def list_with_void_by_session(self, session_id: str, limit: int, cursor: str | None) -> Page[ListedTicket]:
        if cursor and not cursor.isdecimal():
            raise CursorInvalid
        start = int(cursor or 0)
        tickets = [ticket for ticket in self.known.values() if ticket.session_id == session_id]
        page = sorted(tickets, key=lambda ticket: (ticket.seat, ticket.code))[start : start + limit]
        following = start + limit < len(tickets)
        return Page([_listed(ticket) for ticket in page], str(start + limit) if following else None)

    def find(self, code: str) -> Ticket | None:
        return self.known.get(code)

    def store_token_if_missing(self, ticket: Ticket) -> None:
        stored = self.known[ticket.code]
        self.known[ticket.code] = stored if stored.token else stored.with_token(ticket.token)

    def try_transfer_and_reread_old(self, ticket: Ticket, renewed: Ticket) -> Ticket:
        stored, codes = self.known[ticket.code], self.codes[ticket.reservation_id]
        ended = stored.void or stored.admission or ticket.reservation_id in self.voided
        if ended or codes[ticket.seat] != ticket.code or renewed.code in self.known:
            return stored
        codes[ticket.seat], self.known[renewed.code] = renewed.code, renewed
        self.known[ticket.code] = replace(stored, void=VoidReason.TRANSFERRED, renewed_as=renewed.code)
        return self.known[ticket.code]

    def void_sale_for_good(self, reservation_id: str, reason: VoidReason, now: datetime) -> None:
        self.voided.setdefault(reservation_id, reason)
        for code in self.codes.get(reservation_id, {}).values():
            self.known[code] = replace(self.known[code], void=self.known[code].void or reason)

    def try_admit_and_reread(self, ticket: Ticket, admission: Admission) -> Ticket:
        stored = self.known.get(ticket.code)
        if stored is None:
            return ticket
        if not (stored.void or stored.admission):
            self.known[ticket.code] = replace(stored, admission=admission)
        return self.known[ticket.code]


def _listed(ticket: Ticket) -> ListedTicket:
    admission = ticket.admission
    when, gate = (admission.admitted_at, admission.gate) if admission else (None, "")
    return ListedTicket(ticket.code, ticket.seat, ticket.version, ticket.void, when, gate)


@dataclass
class FakeTicketKeys:
    known: dict[str, tuple[PublicKey, datetime]] = field(default_factory=dict)

    def publish_until_at_least(self, key: PublicKey, until: datetime) -> None:
        _, before = self.known.get(key.id, (key, until))
        self.known[key.id] = key, max(until, before)

    def read_unexpired(self, now: datetime) -> Mapping[str, PublicKey]:
        return {key_id: key for key_id, (key, until) in self.known.items() if until > now}


@dataclass
class FakeSigner:
    """A signer with a new, real key. `signatures` counts its signatures."""

    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    signatures: int = 0

    def public_key(self) -> PublicKey:
        return PublicKey(self.key.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        self.signatures += 1
        return self.key.sign(message)
