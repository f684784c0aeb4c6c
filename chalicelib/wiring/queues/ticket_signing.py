"""Wiring of the signing of tickets. No other module of this folder uses the signing key."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from botocore.config import Config

from chalicelib.application.consumers.tickets import IssueSoldOrVoidRefundedTickets
from chalicelib.infrastructure import aws
from chalicelib.infrastructure.dynamodb.events.tickets import DynamoTicketPublicKeys, DynamoTickets
from chalicelib.infrastructure.tickets.names import random_ticket_code
from chalicelib.infrastructure.tickets.signatures import IN_FILE, SigningKeyInFileMadeOnFirstUse, SigningKeyInKms
from chalicelib.wiring.shared.process import database, once_per_settings, resource_name, settings
from chalicelib.wiring.shared.tables import sessions

if TYPE_CHECKING:
    from chalicelib.domain import ports

CONFIG = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 3})
"""The options of the KMS client. Its timeouts (in seconds) and retries are those of the DynamoDB client."""


@once_per_settings
def ticket_signing_key() -> ports.TicketSigningKey:
    key = settings().ticket_key
    if key.startswith(IN_FILE):
        return SigningKeyInFileMadeOnFirstUse(Path(key.removeprefix(IN_FILE)))
    return SigningKeyInKms(aws.new_client("kms", CONFIG), key)


@once_per_settings
def issue_sold_or_void_refunded_tickets() -> IssueSoldOrVoidRefundedTickets:
    table = resource_name("tickets")
    stored, keys = DynamoTickets(database(), table), DynamoTicketPublicKeys(database(), table)
    return IssueSoldOrVoidRefundedTickets(stored, sessions(), keys, ticket_signing_key(), random_ticket_code)
