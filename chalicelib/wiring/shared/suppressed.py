"""The suppressed addresses, to which no email may be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.infrastructure.dynamodb.suppressed_addresses import DynamoSuppressedAddresses
from chalicelib.infrastructure.ids import KeyedIds

from .process import database, once, resource_name, settings_with_secrets

if TYPE_CHECKING:
    from chalicelib.domain.ports import SuppressedAddresses


@once
def suppressed_addresses() -> SuppressedAddresses:
    ids = KeyedIds(settings_with_secrets().needed_id_secret.encode())
    return DynamoSuppressedAddresses(database(), resource_name("suppressed-addresses"), ids.address_hash)
