"""Emails to buyers about their reservations.

event ──► reservation: has it an address? ──► still true? ──► sent before? ──► suppressed? ──► send, mark
                          │ no                     │ no                  │ yes           │ yes: it bounced, or its
                          ▼                        ▼                     ▼               ▼      reader complained
                        nothing                  nothing               nothing         a line in the log

A sale's email has its tickets in it. Its event comes here and to the function that signs them at the same time, so that
the email is put off until they are signed; after WAITS_FOR_TICKETS it goes without them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.domain.email import EmailContext, TicketsUnsigned
from chalicelib.domain.events import Event, EventType
from chalicelib.domain.reservations import Reservation, State
from chalicelib.domain.times import to_ms

if TYPE_CHECKING:
    from chalicelib.domain.ports import (
        Clock,
        EmailRenderer,
        EmailSender,
        ProcessedEvents,
        Reservations,
        Sessions,
        SuppressedAddresses,
        Tickets,
    )

log = logging.getLogger(__name__)

WAITS_FOR_TICKETS = timedelta(minutes=5)
"""How long a sale's email waits for the tickets. Then it is sent without them, and says where they will be."""
ASKED_AGAIN_SECONDS = (2, 30)
"""The shortest and longest delay, in seconds, before an email that waits for tickets is tried again. Signing takes a
second or two."""


def _is_own_hold_live(event: Event, reservation: Reservation, now: datetime) -> bool:
    """Tells whether the hold that the event reports is still live. It is live only if the stored reservation has the
    same expiry. The reservation id is not enough: a day later, a request with the same idempotency key may make another
    hold with the same id."""
    same_hold = event.data.get("expiresAtMs") == to_ms(reservation.expires_at)
    return same_hold and reservation.state_at(now) is State.PENDING


def _is_paid(event: Event, reservation: Reservation, now: datetime) -> bool:
    return reservation.state is State.CONFIRMED


def _is_always_true(event: Event, reservation: Reservation, now: datetime) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class EmailKind:
    """A kind of email: the name of its templates, whether it has tickets, and a function that tells whether its content
    is still true. An outdated email is not sent.
    """

    name: str
    is_still_true: Callable[[Event, Reservation, datetime], bool]
    has_tickets: bool = False


EMAILS: Mapping[EventType, EmailKind] = {
    EventType.RESERVATION_CREATED: EmailKind("held", _is_own_hold_live),
    EventType.PAYMENT_CONFIRMED: EmailKind("paid", _is_paid, has_tickets=True),
    EventType.REFUND_COMPLETED: EmailKind("refunded", _is_always_true),
}
"""The kinds of emails to buyers, by event. A new kind needs an entry here and, for each language, two templates of its
name. Lapsed and cancelled holds have no email, because their buyers gave them up."""


@dataclass(frozen=True)
class SendBuyerEmail:
    """Sends the email for an event, if the buyer gave an address.

    A second delivery of the event sends nothing, because the event is marked as processed. The email is sent before
    that mark is written, so that none is lost. Therefore an email may come twice: if the process dies in between, if
    SES's answer is lost, or if two deliveries run at the same time.
    """

    reservations: Reservations
    sessions: Sessions
    renderer: EmailRenderer
    sender: EmailSender
    processed_events: ProcessedEvents
    suppressed: SuppressedAddresses
    tickets: Tickets
    clock: Clock

    def __call__(self, event: Event) -> None:
        """Sends the email and marks the event as processed.

        Raises EmailRefused, EmailThrottled, EmailNotConfirmed, TicketsUnsigned, BackendUnavailable.
        """
        email = self._email_about(event)
        if email is None or self.processed_events.contains(event.id):
            return
        if self.suppressed.contains(email.contact.email):
            log.info("not written to: its address is suppressed: %s", event.id)
            return
        if EMAILS[event.type].has_tickets:
            email = self._with_tickets(email)
        if email:
            self.sender.send(self.renderer.render(email))
            self.processed_events.add(event.id)

    def _email_about(self, event: Event) -> EmailContext | None:
        kind = EMAILS.get(event.type)
        reservation = self.reservations.find(event.reservation_id) if kind else None
        if kind is None or reservation is None or reservation.contact is None:
            return None
        if not kind.is_still_true(event, reservation, self.clock()):
            return None
        session = self.sessions.get(reservation.session_id)
        return EmailContext(kind.name, reservation.contact, event, reservation, session)

    def _with_tickets(self, email: EmailContext) -> EmailContext | None:
        """Adds the signed tickets. Gives None if the tickets are void, because the seats are no longer the buyer's.

        Raises TicketsUnsigned if the tickets are not signed yet. Once WAITS_FOR_TICKETS have passed since the sale,
        gives the email without tickets instead.
        """
        sold = self.tickets.find_ticketed_or_voided_sale(email.reservation.id)
        if sold and sold.void:
            return None
        if sold and not sold.unsigned:
            return replace(email, tickets=sold.tickets)
        if self.clock() < email.event.occurred_at + WAITS_FOR_TICKETS:
            raise TicketsUnsigned(f"tickets are being signed: {email.event.id}", *ASKED_AGAIN_SECONDS)
        log.warning("sent without its tickets, which are not signed yet: %s", email.event.id)
        return email
