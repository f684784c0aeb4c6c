"""The mailbox of an emulator: the emails that its SES accepted, and kept instead of sending them."""

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
"""The mailbox's path on ministack and on LocalStack."""

TIMEOUT_SECONDS = 5


class NoMailboxError(Exception):
    """The endpoint has no mailbox. The message has the endpoint's answer."""


@dataclass(frozen=True, slots=True)
class ReceivedEmail:
    """An email, as its reader sees it."""

    id: str
    sent_at: datetime
    sender: str
    to: tuple[str, ...]
    subject: str
    text: str
    html: str


def find_mailbox_url(endpoint: str) -> str:
    """Gives the URL at which the endpoint shows its mailbox. Raises NoMailboxError."""
    return _fetch_mailbox(endpoint)[0]


def read_emails(endpoint: str) -> list[ReceivedEmail]:
    """Gives all emails, the oldest first. Raises NoMailboxError."""
    _, answer = _fetch_mailbox(endpoint)
    shown = answer["messages"]
    if isinstance(shown, Mapping):
        received = [_from_ministack(stored) for account in shown.values() for stored in account]
    else:
        received = [_from_localstack(stored) for stored in shown if "RawData" in stored]
    return sorted(received, key=lambda one: one.sent_at)


def _fetch_mailbox(endpoint: str) -> tuple[str, Any]:
    """Gives the mailbox's URL and content. Raises NoMailboxError."""
    refusals = []
    for path in PATHS:
        url = endpoint.rstrip("/") + path
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - the endpoint is http
                return url, _parse_mailbox(answer.read())
        except (OSError, ValueError) as error:
            refusals.append(f"{path}: {error}")
    raise NoMailboxError("; ".join(refusals))


def _parse_mailbox(answer: bytes) -> Any:
    """Reads the JSON of a mailbox.

    Raises ValueError for another form: some endpoints take the path for a bucket's name.
    """
    shown = json.loads(answer)
    if not isinstance(shown, dict) or "messages" not in shown:
        raise ValueError("it shows no messages")
    return shown


def _from_ministack(stored: Mapping[str, Any]) -> ReceivedEmail:
    return ReceivedEmail(
        id=stored["MessageId"],
        sent_at=datetime.fromtimestamp(stored["Timestamp"], UTC),
        sender=stored["Source"],
        to=tuple(stored["To"]),
        subject=stored["Subject"],
        text=stored["BodyText"],
        html=stored["BodyHtml"] or "",
    )


def _from_localstack(stored: Mapping[str, Any]) -> ReceivedEmail:
    mime = email.message_from_string(stored["RawData"], EmailMessage, policy=default)
    return ReceivedEmail(
        id=stored["Id"],
        sent_at=datetime.fromisoformat(stored["Timestamp"]).replace(tzinfo=UTC),
        sender=stored["Source"],
        to=tuple(one.addr_spec for one in mime["To"].addresses),
        subject=str(mime["Subject"]),
        text=_part(mime, "plain"),
        html=_part(mime, "html"),
    )


def _part(mime: EmailMessage, kind: str) -> str:
    """Gives the text of this kind, `plain` or `html`; empty where there is none."""
    part = mime.get_body((kind,))
    return str(part.get_content()) if part else ""
