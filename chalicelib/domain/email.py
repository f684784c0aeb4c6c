"""Emails to buyers: the facts of an email, and the message made from them."""

import re
from dataclasses import dataclass, field
from datetime import datetime

from .events import Event, GivenUp, NotYet
from .reservations import Contact, Reservation
from .sessions import Session

_LOCAL_PART = re.compile(r"[^\s@<>\"(),:;]+(?=@[^\s@])")


@dataclass(frozen=True, slots=True)
class Email:
    """The facts of an email, before it is put into words. `kind` names its templates."""

    kind: str
    contact: Contact
    event: Event
    reservation: Reservation
    session: Session


@dataclass(frozen=True, slots=True)
class Message:
    """An email as plain text and as HTML. `reference` is the id of its event."""

    to: str = field(repr=False)
    language: str
    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)
    reference: str


@dataclass(frozen=True, slots=True)
class ReturnedEmail:
    """The news that an email did not reach these addresses, or that its readers complained about it.

    `is_final` when they must not be written to again.
    """

    addresses: tuple[str, ...] = field(repr=False)
    reason: str
    returned_at: datetime
    is_final: bool


class EmailThrottled(NotYet):
    """A message that waits because we send more than the account may at this moment. The mail service is well."""


class EmailRefused(GivenUp):
    """A message that would be refused however often it is sent: a bad address, or a sender that is not ours."""


class EmailUnavailable(Exception):
    """A message that could not be sent now, or may have been sent: send it again."""


def masked(text: str) -> str:
    """Masks the name in each email address of the text: …@example.com."""
    return _LOCAL_PART.sub("…", text)
