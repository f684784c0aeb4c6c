"""Ports of signing in: verifying the tokens that say who asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.domain.identity import Principal

__all__ = ["TokenVerifier"]


class TokenVerifier(Protocol):
    def __call__(self, token: str, now: datetime) -> Principal:
        """Gives the principal for whom the token was issued.

        Raises Unauthenticated for a token that is not valid now, and StoreUnavailable while nobody can tell.
        """
        ...
