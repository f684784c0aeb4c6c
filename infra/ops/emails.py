"""Shows the emails that an emulator took instead of sending them, and lets addresses be written to again."""

from dataclasses import asdict
from pathlib import Path

from chalicelib.domain.email import mask_email_local_parts
from infra.local import mailbox
from infra.local.mailbox import NoMailboxError, ReceivedEmail
from infra.ops.application import load_wiring_for_stage
from infra.ops.connection import Connection, OpsError
from infra.ops.text import Answer, counted

RULE = "─" * 72


def show_emails(connection: Connection, limit: int, to: str | None, html: Path | None) -> Answer:
    """Shows the `limit` newest emails, the newest last. Saves the newest one's HTML as `html`. Raises OpsError."""
    emails = [email for email in _read_emails(connection) if to in (None, *email.to)]
    shown = emails[-limit:]
    saved = _save_html(shown, html) if html else ""
    data = [asdict(email) | {"sent_at": email.sent_at.isoformat()} for email in shown]
    summary = f"{counted(len(emails), 'email')} at {connection.where}, {len(shown)} shown."
    return Answer(data, "\n".join([*map(_as_text, shown), summary, *([saved] if saved else [])]))


def allow_address(connection: Connection, address: str) -> Answer:
    """Lets the address be written to again. Needs the stage's ID_SECRET, by which its addresses are hashed."""
    load_wiring_for_stage(connection)
    from chalicelib import wiring

    was_suppressed = wiring.bounces.suppressed_addresses().remove(address)
    said = "is written to again" if was_suppressed else "was not suppressed"
    return Answer(
        {"wasSuppressed": was_suppressed},
        f"{mask_email_local_parts(address)} {said}.",
        status=0 if was_suppressed else 1,
    )


def _read_emails(connection: Connection) -> list[ReceivedEmail]:
    if connection.endpoint is None:
        raise OpsError("AWS really sends emails and keeps none: look into the inbox that they were sent to.")
    try:
        return mailbox.read_emails(connection.endpoint)
    except NoMailboxError as error:
        raise OpsError(f"{connection.where} shows no mailbox ({error}): is the stage deployed there?") from error


def _save_html(emails: list[ReceivedEmail], path: Path) -> str:
    """Saves the last email's HTML and says where. Raises OpsError."""
    if not emails:
        raise OpsError("There is no email to save.")
    try:
        path.write_text(emails[-1].html, encoding="utf-8")
    except OSError as error:
        raise OpsError(f"The email could not be saved: {error}") from error
    return f"HTML of the last one: {path}"


def _as_text(email: ReceivedEmail) -> str:
    sent_at = f"{email.sent_at:%Y-%m-%d %H:%M:%S} UTC"
    head = [f"Sent     {sent_at}", f"From     {email.sender}", f"To       {', '.join(email.to)}"]
    return "\n".join([*head, f"Subject  {email.subject}", "", email.text.strip(), RULE])
