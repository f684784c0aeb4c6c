"""Wiring of sign-in: verifying a request's token. Imported at the first request with a token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.infrastructure.identity.keys import ProviderKeys, new_key_set_reader
from chalicelib.infrastructure.identity.tokens import AccessTokenVerifier

from .shared.process import once_per_settings, settings

if TYPE_CHECKING:
    from chalicelib.domain.ports import TokenVerifier


@once_per_settings
def token_verifier() -> TokenVerifier:
    issuer = settings().needed_auth_issuer
    return AccessTokenVerifier(issuer, settings().auth_client_id, ProviderKeys(new_key_set_reader(issuer)))
