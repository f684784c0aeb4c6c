"""Ports of tickets: the stored tickets, the key that signs them, and its public half."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from chalicelib.domain.pages import Page
    from chalicelib.domain.tickets.ticket import Admission, ListedTicket, SaleTickets, Ticket, VoidReason
    from chalicelib.domain.tickets.tokens import PublicKey

__all__ = ["TicketKeys", "TicketSigningKey", "Tickets"]


class Tickets(Protocol):
    """The stored tickets. Each method raises StoreUnavailable; reads are consistent, except those of `of_session`."""

    def add(self, sold: SaleTickets) -> None:
        """Stores the tickets of a sale, unless it has tickets, or was voided.

        Raises StoreUnavailable also where a code is taken already: try again with others.
        """
        ...

    def find_by_sale(self, reservation_id: str) -> SaleTickets | None:
        """Reads a sale's tickets that are in force; None if it was never given any, nor voided."""
        ...

    def list_by_session(self, session_id: str, limit: int, cursor: str | None) -> Page[ListedTicket]:
        """Lists a screening's tickets by seat, also those that are void. It may miss the last moments' changes.

        Raises CursorInvalid.
        """
        ...

    def find(self, code: str) -> Ticket | None: ...

    def store_token(self, ticket: Ticket) -> None:
        """Stores the ticket's token, unless it has one."""
        ...

    def transfer(self, ticket: Ticket, renewed: Ticket) -> Ticket:
        """Puts a renewed ticket in the place of one that is in force and not admitted. Gives the old one as stored.

        If its `renewed_as` is the renewed one's code, it was transferred; else nothing has changed.
        """
        ...

    def void(self, reservation_id: str, reason: VoidReason, now: datetime) -> None:
        """Voids a sale's tickets, also those that it has not been given yet. Harmless twice."""
        ...

    def admit(self, ticket: Ticket, admission: Admission) -> Ticket:
        """Admits the ticket if it is in force and not admitted. Gives it with this admission, or the earlier one."""
        ...


class TicketKeys(Protocol):
    """The public keys of tickets that are out. Each method raises StoreUnavailable."""

    def publish(self, key: PublicKey, until: datetime) -> None:
        """Publishes the key until this moment at least."""
        ...

    def read_published(self, now: datetime) -> Mapping[str, PublicKey]:
        """Reads the keys that are published now, by id."""
        ...


class TicketSigningKey(Protocol):
    """The key that signs tickets. Each method raises StoreUnavailable."""

    def public_key(self) -> PublicKey: ...

    def sign(self, message: bytes) -> bytes:
        """Signs with the private half of `public_key`: Ed25519, of 64 bytes. Never with another: raises instead."""
        ...
