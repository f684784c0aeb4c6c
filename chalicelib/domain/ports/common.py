"""Ports that every topic needs: pages of a listing, the clock, the makers of ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

__all__ = [
    "Clock",
    "IdMaker",
]


class Clock(Protocol):
    def __call__(self) -> datetime:
        """Gives the current time: aware, in UTC, in whole milliseconds."""
        ...


class IdMaker(Protocol):
    """A maker of ids. An id that is made from an idempotency key is the same on every instance."""

    def session_id(self, key: str | None) -> str:
        """Makes an unguessable id for a session. The same key gives the same id; without a key every id is new."""
        ...

    def reservation_id(self, user_id: str, key: str | None) -> str:
        """Makes an unguessable id for a reservation. The same user and key give the same id; without a key every id is
        new."""
        ...

    def keyed_fingerprint(self, *parts: str) -> str:
        """Makes a short keyed hash of the parts, to tell requests with the same idempotency key apart. The parts can't
        be guessed from it without our secret."""
        ...

    def sale_id(self, reservation_id: str, transaction_id: str) -> str:
        """Makes the id of a sale. The same reservation and transaction give the same id."""
        ...
