"""Emails to buyers: the facts of an email, and the message made from them."""

import re
from dataclasses import dataclass, field
from datetime import datetime

from .events import Event, PermanentFailure, RetryLater
from .reservations import Contact, Reservation
from .sessions import Session
from .tickets.ticket import Ticket

_LOCAL_PART = re.compile(r"[^\s@<>\"(),:;]+(?=@[^\s@])")


@dataclass(frozen=True, slots=True)
class EmailContext:
    """The facts from which an email's templates are rendered. `kind` is the name of the templates. `tickets` are
    signed."""

    kind: str
    contact: Contact
    event: Event
    reservation: Reservation
    session: Session
    tickets: tuple[Ticket, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class File:
    """A file for a buyer. Logs omit its content, because a ticket's content admits its holder."""

    name: str
    content_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Enclosures:
    """The files of an email. Its HTML shows each picture by its name: `<img src="cid:name">`."""

    pictures: tuple[File, ...] = ()
    attachments: tuple[File, ...] = ()


@dataclass(frozen=True, slots=True)
class RenderedEmail:
    """An email as plain text and as HTML. `reference` is the id of the event that it is about."""

    to: str = field(repr=False)
    language: str
    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)
    reference: str
    enclosures: Enclosures = Enclosures()


@dataclass(frozen=True, slots=True)
class BounceOrComplaint:
    """SES's report that an email bounced, or that its reader complained. `is_final` is true if the addresses must not
    be written to again."""

    addresses: tuple[str, ...] = field(repr=False)
    reason: str
    returned_at: datetime
    is_final: bool


class EmailThrottled(RetryLater):
    """The account's sending rate is used up. The email waits; the mail service is healthy."""


class TicketsUnsigned(RetryLater):
    """The tickets for an email are not signed yet. The email waits for them."""


class EmailRefused(PermanentFailure):
    """No retry can send the email. For example, its address is malformed, or its sender is not verified."""


class EmailNotConfirmed(Exception):
    """The mail service failed, or its answer was lost.

    The caller should send the email again, although the buyer may then get it twice.
    """


def mask_email_local_parts(text: str) -> str:
    """Replaces the local part of each email address in the text: …@example.com."""
    return _LOCAL_PART.sub("…", text)
