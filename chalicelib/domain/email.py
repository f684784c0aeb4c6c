"""Letters to buyers: what is to be said to whom, and the message that says it."""

import re
from dataclasses import dataclass, field

from .events import Event, GivenUp
from .reservations import Contact, Reservation
from .sessions import Session

_LOCAL_PART = re.compile(r"[^\s@<>\"(),:;]+(?=@[^\s@])")


@dataclass(frozen=True, slots=True)
class Email:
    """What is to be said, before it is put into words. `kind` names the templates that do it."""

    kind: str
    contact: Contact
    event: Event
    reservation: Reservation
    session: Session


@dataclass(frozen=True, slots=True)
class Message:
    """The same message as plain text and as HTML. `reference` is the id of the event that it tells of."""

    to: str = field(repr=False)
    language: str
    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)
    reference: str


class EmailRefused(GivenUp):
    """This message will not be taken, whenever it is sent: a bad address, or a sender that is not ours."""


class EmailUnavailable(Exception):
    """It could not be sent now. Whether it went out is unknown: send it again."""


def masked(text: str) -> str:
    """The text with nothing but the domain of each address in it: …@example.com."""
    return _LOCAL_PART.sub("…", text)
