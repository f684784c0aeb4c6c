"""Ports of signing in: verifying the tokens that say who asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.domain.identity import Principal

__all__ = ["TokenVerifier"]


class TokenVerifier(Protocol):
    def __call__(self, token: str, now: datetime) -> Principal:
        """Verifies the token and gives its principal.

        Raises Unauthenticated if the token is not valid at `now`. Raises BackendUnavailable if the keys that verify it
        can't be read.
        """
        ...
