"""The mailbox of an emulator: every letter that its SES took instead of sending it."""

import email
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default
from typing import Any

PATHS = ("/_ministack/ses/messages", "/_aws/ses")
"""Of ministack and of LocalStack."""

TIMEOUT_SECONDS = 5


class NoMailboxError(Exception):
    """The endpoint shows no letters; the message says what it answered."""


@dataclass(frozen=True, slots=True)
class Received:
    """One letter, as its reader gets it."""

    id: str
    sent_at: datetime
    sender: str
    to: tuple[str, ...]
    subject: str
    text: str
    html: str


def address(endpoint: str) -> str:
    """The URL at which the endpoint shows its mailbox. Raises NoMailboxError."""
    return _found(endpoint)[0]


def letters(endpoint: str) -> list[Received]:
    """Oldest first. Raises NoMailboxError."""
    _, answer = _found(endpoint)
    shown = answer["messages"]
    if isinstance(shown, Mapping):
        received = [_from_ministack(letter) for account in shown.values() for letter in account]
    else:
        received = [_from_localstack(letter) for letter in shown if "RawData" in letter]
    return sorted(received, key=lambda letter: letter.sent_at)


def _found(endpoint: str) -> tuple[str, Any]:
    said = []
    for path in PATHS:
        url = endpoint.rstrip("/") + path
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - the endpoint is http
                return url, _with_messages(answer.read())
        except (OSError, ValueError) as error:
            said.append(f"{path}: {error}")
    raise NoMailboxError("; ".join(said))


def _with_messages(answer: bytes) -> Any:
    """Raises ValueError for an answer of another form: some endpoint that takes the path for a bucket's name."""
    shown = json.loads(answer)
    if not isinstance(shown, dict) or "messages" not in shown:
        raise ValueError("it shows no messages")
    return shown


def _from_ministack(letter: Mapping[str, Any]) -> Received:
    return Received(
        id=letter["MessageId"],
        sent_at=datetime.fromtimestamp(letter["Timestamp"], UTC),
        sender=letter["Source"],
        to=tuple(letter["To"]),
        subject=letter["Subject"],
        text=letter["BodyText"],
        html=letter["BodyHtml"] or "",
    )


def _from_localstack(letter: Mapping[str, Any]) -> Received:
    mime = email.message_from_string(letter["RawData"], EmailMessage, policy=default)
    return Received(
        id=letter["Id"],
        sent_at=datetime.fromisoformat(letter["Timestamp"]).replace(tzinfo=UTC),
        sender=letter["Source"],
        to=tuple(one.addr_spec for one in mime["To"].addresses),
        subject=str(mime["Subject"]),
        text=_part(mime, "plain"),
        html=_part(mime, "html"),
    )


def _part(mime: EmailMessage, kind: str) -> str:
    part = mime.get_body((kind,))
    return str(part.get_content()) if part else ""
