"""Gives each sale its signed tickets, and voids those of a sale that is refunded.

sale     ──► codes, tokens ──► the sale's tickets, one write: a second delivery finds them
transfer ──► the sale's event again ──► the renewed ticket gets its token
refund   ──► the sale's tickets void, before or after they are given

Only this function may use the key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.domain.events import Event, EventType
from chalicelib.domain.tickets.ticket import ADMITTED_FOR, LatestTicketPerSeatOfSale, Ticket, VoidReason
from chalicelib.domain.tickets.tokens import TicketFacts, encode_token

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.domain.ports import Sessions, TicketKeys, Tickets, TicketSigningKey


@dataclass(frozen=True)
class IssueSoldOrVoidRefundedTickets:
    """Issues a sale's tickets, or voids them. Idempotent, even if two deliveries run at the same time.

    The tickets of a sale are written only one time. After the sale is voided, no tickets are written for it, not even
    if it had none before. A token is written only one time.
    """

    tickets: Tickets
    sessions: Sessions
    keys: TicketKeys
    signer: TicketSigningKey
    new_code: Callable[[], str]

    def __call__(self, event: Event) -> None:
        """Issues the tickets of a sale, or voids those of a refunded sale. Raises SessionNotFound, BackendUnavailable.

        Ignores a refund that names no sale: its payment bought nothing.
        """
        if event.type is EventType.PAYMENT_CONFIRMED:
            self._issue(event)
        elif event.data.get("saleId"):
            self.tickets.void_sale_for_good(event.reservation_id, VoidReason.REFUNDED, event.occurred_at)

    def _issue(self, sale: Event) -> None:
        known = self.tickets.find_ticketed_or_voided_sale(sale.reservation_id)
        unsigned = self._draft(sale) if known is None else known.unsigned
        if not unsigned:
            return
        signed = self._sign(unsigned, self.sessions.get(sale.session_id).starts_at)
        if known is None:
            self.tickets.add_unless_issued_or_voided(LatestTicketPerSeatOfSale(sale.reservation_id, signed))
            return
        for ticket in signed:
            self.tickets.store_token_if_missing(ticket)

    def _draft(self, sale: Event) -> tuple[Ticket, ...]:
        return tuple(
            Ticket(self.new_code(), sale.reservation_id, sale.session_id, seat, sale.occurred_at) for seat in sale.seats
        )

    def _sign(self, tickets: tuple[Ticket, ...], starts_at: datetime) -> tuple[Ticket, ...]:
        """Signs the tickets. Before that, publishes the key. It stays published for as long as the tickets may be
        admitted."""
        key = self.signer.public_key()
        self.keys.publish_until_at_least(key, starts_at + ADMITTED_FOR)
        return tuple(ticket.with_token(self._token(ticket, key.id, starts_at)) for ticket in tickets)

    def _token(self, ticket: Ticket, key_id: str, starts_at: datetime) -> str:
        facts = TicketFacts(
            key_id=key_id,
            session_id=ticket.session_id,
            code=ticket.code,
            seat=ticket.seat,
            version=ticket.version,
            starts_at=starts_at,
            issued_at=ticket.issued_at,
        )
        signed = facts.to_bytes()
        return encode_token(signed, self.signer.sign(signed))
