"""Ports that every topic needs: pages of a listing, the clock, the makers of ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

__all__ = [
    "Clock",
    "Ids",
]


class Clock(Protocol):
    def __call__(self) -> datetime:
        """Gives the present moment: aware, UTC, in whole milliseconds, as holds are stored."""
        ...


class Ids(Protocol):
    """Makers of ids. An id that is made from an idempotency key is the same on every instance."""

    def session_id(self, key: str | None) -> str:
        """Makes the id of a session, which nobody can guess: the same for the same key, a new one without a key."""
        ...

    def reservation_id(self, user_id: str, key: str | None) -> str:
        """Makes the id of a reservation, which nobody can guess: the same for the same user and key, a new one without
        a key."""
        ...

    def fingerprint(self, *parts: str) -> str:
        """Makes a short text that tells requests with the same idempotency key apart. Nobody can guess the parts from
        it without our secret.
        """
        ...

    def sale_id(self, reservation_id: str, transaction_id: str) -> str:
        """Makes the id of a sale: always the same for the same reservation and transaction."""
        ...
