"""The real adapters for selling and settling: tables in DynamoDB, the payment gateway, the clock."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from chalicelib.infrastructure.dynamodb.live_holds import DynamoHoldsCountedUntilExpiry
from chalicelib.infrastructure.dynamodb.payments import DynamoPayments
from chalicelib.infrastructure.dynamodb.rows import DynamoRows
from chalicelib.infrastructure.ids import RandomOrDerivedIds
from chalicelib.settings import Settings

from . import process, tables
from .process import database, once_per_settings, resource_name, settings, settings_with_secrets

if TYPE_CHECKING:
    from chalicelib.domain.ports import (
        Clock,
        HoldsCountedUntilExpiry,
        IdMaker,
        PaymentGateway,
        Payments,
        Reservations,
        Rows,
        Sessions,
        Tickets,
    )


@once_per_settings
def adapters() -> SellingAndSettlingAdapters:
    return SellingAndSettlingAdapters()


@dataclass(frozen=True)
class SellingAndSettlingAdapters:
    """The adapters for `SellingAndSettlingPorts` that run in production. Each is built at its first use.

    So a function that never calls the payment gateway does not load the gateway's code, and a function that makes no
    ids needs no ID_SECRET.
    """

    clock: Clock = process.clock

    @property
    def settings(self) -> Settings:
        return settings()

    @cached_property
    def ids(self) -> IdMaker:
        return RandomOrDerivedIds(settings_with_secrets().needed_id_secret.encode())

    @cached_property
    def sessions(self) -> Sessions:
        return tables.sessions()

    @cached_property
    def rows(self) -> Rows:
        return DynamoRows(database(), resource_name("rows"))

    @cached_property
    def cached_rows(self) -> Rows:
        from .redis import with_seat_cache  # only requests read rows through the cache

        return with_seat_cache(self.rows, self.sessions)

    @cached_property
    def sessions_announcing_new_to_cache(self) -> Sessions:
        from .redis import with_new_sessions_announced

        return with_new_sessions_announced(self.sessions)

    @cached_property
    def holds_counted_until_expiry(self) -> HoldsCountedUntilExpiry:
        return DynamoHoldsCountedUntilExpiry(database(), resource_name("live-holds"))

    @cached_property
    def reservations(self) -> Reservations:
        return tables.reservations()

    @cached_property
    def payments(self) -> Payments:
        return DynamoPayments(database(), resource_name("payments"))

    @cached_property
    def tickets(self) -> Tickets:
        from chalicelib.infrastructure.dynamodb.events.tickets import DynamoTickets  # holding and selling need none

        return DynamoTickets(database(), resource_name("tickets"))

    @cached_property
    def gateway(self) -> PaymentGateway:
        from .gateway import payment_gateway  # only starting and refunding payments need it

        return payment_gateway()
