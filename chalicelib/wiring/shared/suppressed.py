"""The suppressed addresses, to which no email may be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.infrastructure.dynamodb.events.suppressed_addresses import DynamoSuppressedAddresses
from chalicelib.infrastructure.ids import RandomOrDerivedIds

from .process import database, once_per_settings, resource_name, settings_with_secrets

if TYPE_CHECKING:
    from chalicelib.domain.ports import SuppressedAddresses


@once_per_settings
def suppressed_addresses() -> SuppressedAddresses:
    ids = RandomOrDerivedIds(settings_with_secrets().needed_id_secret.encode())
    return DynamoSuppressedAddresses(database(), resource_name("suppressed-addresses"), ids.address_hash)
