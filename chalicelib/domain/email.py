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
    """The facts of an email, before it is put into words. `kind` names its templates; `tickets` are signed."""

    kind: str
    contact: Contact
    event: Event
    reservation: Reservation
    session: Session
    tickets: tuple[Ticket, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class File:
    """A file that a buyer gets. Its content is left out where it is logged: a ticket's lets its holder in."""

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
    """An email as plain text and as HTML. `reference` is the id of its event."""

    to: str = field(repr=False)
    language: str
    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)
    reference: str
    enclosures: Enclosures = Enclosures()


@dataclass(frozen=True, slots=True)
class BounceOrComplaint:
    """The news that an email did not reach these addresses, or that its readers complained about it.

    `is_final` when they must not be written to again.
    """

    addresses: tuple[str, ...] = field(repr=False)
    reason: str
    returned_at: datetime
    is_final: bool


class EmailThrottled(RetryLater):
    """A message that waits because we send more than the account may at this moment. The mail service is well."""


class TicketsUnsigned(RetryLater):
    """A message that waits for the tickets that are to go with it: they are being signed."""


class EmailRefused(PermanentFailure):
    """A message that would be refused however often it is sent: a bad address, or a sender that is not ours."""


class EmailUnavailable(Exception):
    """A message that could not be sent now, or may have been sent: send it again."""


def mask_email_addresses(text: str) -> str:
    """Masks the name in each email address of the text: …@example.com."""
    return _LOCAL_PART.sub("…", text)
