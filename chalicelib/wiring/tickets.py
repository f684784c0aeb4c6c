"""Wiring of tickets for the API: showing, transferring and admitting them. The API has no right to the signing key."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib.application.tickets import (
    AdmitTicket,
    ResendSaleForMissingTicketsOrTokens,
    ShowCalendarEntry,
    ShowGateListPage,
    ShowTicketsOrRefuseIfUnsigned,
    TransferTicket,
)
from chalicelib.infrastructure.dynamodb.events.tickets import DynamoTicketPublicKeys
from chalicelib.infrastructure.tickets.names import random_admission_idempotency_key, random_ticket_code

from .shared.adapters import adapters
from .shared.process import clock, database, once_per_settings, resource_name, settings
from .shared.queues import outbox
from .shared.tables import reservations, sessions

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.domain import ports
    from chalicelib.domain.email import File
    from chalicelib.domain.tickets.calendar_entry import SaleCalendarEntry


@once_per_settings
def ticket_public_keys() -> ports.TicketKeys:
    return DynamoTicketPublicKeys(database(), resource_name("tickets"))


@once_per_settings
def show_tickets() -> ShowTicketsOrRefuseIfUnsigned:
    return ShowTicketsOrRefuseIfUnsigned(adapters().tickets, reservations(), sessions(), _ask_for_tokens(), clock)


@once_per_settings
def transfer_ticket() -> TransferTicket:
    return TransferTicket(adapters().tickets, reservations(), sessions(), _ask_for_tokens(), clock, random_ticket_code)


@once_per_settings
def admit_ticket() -> AdmitTicket:
    from chalicelib.infrastructure.tickets.signatures import is_signed  # with cryptography: 30 ms

    return AdmitTicket(
        adapters().tickets,
        ticket_public_keys(),
        is_signed,
        sessions(),
        _opens_before(),
        clock,
        random_admission_idempotency_key,
    )


@once_per_settings
def show_gate_list_page() -> ShowGateListPage:
    return ShowGateListPage(adapters().tickets, sessions(), _opens_before(), clock)


@once_per_settings
def show_calendar_entry() -> ShowCalendarEntry:
    return ShowCalendarEntry(reservations(), sessions())


def calendar_writer() -> Callable[[SaleCalendarEntry, str], File]:
    """Gives a function that writes a calendar entry as an iCalendar file in the given language."""
    from chalicelib.infrastructure.tickets import icalendar  # one route needs it

    seller = settings().seller
    return lambda entry, language: icalendar.to_icalendar_file(entry, seller, language)


def qr_svg_drawer() -> Callable[[str], str]:
    # Not at the top: transfer and admission draw nothing.
    from chalicelib.infrastructure.tickets.qr import to_svg_without_size

    return to_svg_without_size


def _opens_before() -> timedelta:
    return timedelta(minutes=settings().admission_minutes)


def _ask_for_tokens() -> ResendSaleForMissingTicketsOrTokens:
    return ResendSaleForMissingTicketsOrTokens(outbox(), clock)
