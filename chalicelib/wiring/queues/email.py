"""Wiring of the consumer that sends emails to buyers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.application.consumers.email import SendBuyerEmail
from chalicelib.infrastructure.dynamodb.events.processed_events import DynamoProcessedEvents
from chalicelib.infrastructure.dynamodb.events.tickets import DynamoTickets
from chalicelib.infrastructure.email import ses
from chalicelib.infrastructure.email.rendering import TemplateEmailRenderer
from chalicelib.infrastructure.tickets.enclosures import TicketPdfQrAndCalendarEnclosures
from chalicelib.wiring.shared.breaker_board import breaker_board
from chalicelib.wiring.shared.breakers import new_breaker
from chalicelib.wiring.shared.process import clock, database, once_per_settings, resource_name, settings
from chalicelib.wiring.shared.suppressed import suppressed_addresses
from chalicelib.wiring.shared.tables import reservations, sessions

if TYPE_CHECKING:
    from chalicelib.domain.ports import EmailSender


@once_per_settings
def email_sender() -> EmailSender:
    sender = ses.SesEmailSender(ses.new_ses_client(), settings().mail_from, settings().mail_events)
    return ses.CircuitBreakerEmailSender(sender, new_breaker("ses", breaker_board().record_change))


@once_per_settings
def send_buyer_email() -> SendBuyerEmail:
    return SendBuyerEmail(
        reservations=reservations(),
        sessions=sessions(),
        renderer=TemplateEmailRenderer(
            settings().time_zone, TicketPdfQrAndCalendarEnclosures(settings().seller, settings().time_zone)
        ),
        sender=email_sender(),
        processed_events=DynamoProcessedEvents(database(), resource_name("ledger"), "email", clock),
        suppressed=suppressed_addresses(),
        tickets=DynamoTickets(database(), resource_name("tickets")),
        clock=clock,
    )
