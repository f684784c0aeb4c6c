"""The tables of screenings and reservations, which many functions use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.infrastructure.dynamodb.reservations import DynamoReservations
from chalicelib.infrastructure.dynamodb.sessions import DynamoSessions

from .process import database, once_per_settings, resource_name

if TYPE_CHECKING:
    from chalicelib.domain.ports import Reservations, Sessions


@once_per_settings
def sessions() -> Sessions:
    return DynamoSessions(database(), resource_name("sessions"))


@once_per_settings
def reservations() -> Reservations:
    return DynamoReservations(database(), resource_name("reservations"))
