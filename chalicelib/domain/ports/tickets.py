"""Ports of tickets: the stored tickets, the key that signs them, and its public half."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from chalicelib.domain.pages import Page
    from chalicelib.domain.tickets.ticket import Admission, LatestTicketPerSeatOfSale, ListedTicket, Ticket, VoidReason
    from chalicelib.domain.tickets.tokens import PublicKey

__all__ = ["TicketKeys", "TicketSigningKey", "Tickets"]


class Tickets(Protocol):
    """The stored tickets.

    Each method raises BackendUnavailable. Reads are strongly consistent, except `list_with_void_by_session`.
    """

    def add_unless_issued_or_voided(self, sold: LatestTicketPerSeatOfSale) -> None:
        """Stores the tickets of a sale. Changes nothing if the sale has tickets already, or was voided.

        Raises BackendUnavailable also if one of the codes is in use. Then a retry needs new codes.
        """
        ...

    def find_ticketed_or_voided_sale(self, reservation_id: str) -> LatestTicketPerSeatOfSale | None:
        """Reads the latest ticket of each seat of a sale.

        Gives None if the sale has no tickets and was not voided. A sale that was voided before it had tickets is given
        without any.
        """
        ...

    def list_with_void_by_session(self, session_id: str, limit: int, cursor: str | None) -> Page[ListedTicket]:
        """Lists the session's tickets by seat, including void tickets. Eventually consistent.

        Raises CursorInvalid.
        """
        ...

    def find(self, code: str) -> Ticket | None: ...

    def store_token_if_missing(self, ticket: Ticket) -> None:
        """Stores the ticket's token. Changes nothing if a token is stored already."""
        ...

    def try_transfer_and_reread_old(self, ticket: Ticket, renewed: Ticket) -> Ticket:
        """Replaces `ticket` with `renewed`, if `ticket` is valid and not admitted. Gives the old ticket as stored
        afterwards.

        The transfer has succeeded if `renewed_as` of the result is the code of `renewed`. If not, nothing was changed.
        """
        ...

    def void_sale_for_good(self, reservation_id: str, reason: VoidReason, now: datetime) -> None:
        """Voids all tickets of a sale. A sale that is voided before it has tickets never receives any. Idempotent."""
        ...

    def try_admit_and_reread(self, ticket: Ticket, admission: Admission) -> Ticket:
        """Admits the ticket if it is valid and not admitted yet.

        Gives the ticket as stored afterwards: with this admission, with an earlier one, or void.
        """
        ...


class TicketKeys(Protocol):
    """The published keys that verify tickets. Each method raises BackendUnavailable."""

    def publish_until_at_least(self, key: PublicKey, until: datetime) -> None:
        """Publishes the key up to the moment `until`. If it is already published for longer, it stays so."""
        ...

    def read_unexpired(self, now: datetime) -> Mapping[str, PublicKey]:
        """Reads the published keys that have not expired at `now`, by key id."""
        ...


class TicketSigningKey(Protocol):
    """The key that signs tickets. Each method raises BackendUnavailable."""

    def public_key(self) -> PublicKey: ...

    def sign(self, message: bytes) -> bytes:
        """Signs the message with the private key of `public_key`. Gives an Ed25519 signature of 64 bytes.

        Raises BackendUnavailable rather than sign with another key.
        """
        ...
