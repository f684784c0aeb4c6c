"""The letters that an emulator took instead of sending them."""

from dataclasses import asdict
from pathlib import Path

from infra.local import mailbox
from infra.local.mailbox import NoMailboxError, Received
from infra.ops.connection import Connection, OpsError
from infra.ops.text import Answer, counted

RULE = "─" * 72


def mail(connection: Connection, limit: int, to: str | None, html: Path | None) -> Answer:
    """The newest letters, the newest last; `html` is where the HTML of that one goes. Raises OpsError."""
    letters = [letter for letter in _all(connection) if to in (None, *letter.to)]
    shown = letters[-limit:]
    saved = _saved(shown, html) if html else ""
    data = [asdict(letter) | {"sent_at": letter.sent_at.isoformat()} for letter in shown]
    told = f"{counted(len(letters), 'letter')} at {connection.where}, {len(shown)} shown."
    return Answer(data, "\n".join([*map(_as_text, shown), told, *([saved] if saved else [])]))


def _all(connection: Connection) -> list[Received]:
    if connection.endpoint is None:
        raise OpsError("AWS really sends letters and keeps none: look into the inbox that they were sent to.")
    try:
        return mailbox.letters(connection.endpoint)
    except NoMailboxError as error:
        raise OpsError(f"{connection.where} shows no mailbox ({error}): is the stage deployed there?") from error


def _saved(letters: list[Received], path: Path) -> str:
    if not letters:
        raise OpsError("There is no letter to save.")
    try:
        path.write_text(letters[-1].html, encoding="utf-8")
    except OSError as error:
        raise OpsError(f"The letter could not be saved: {error}") from error
    return f"HTML of the last one: {path}"


def _as_text(letter: Received) -> str:
    sent_at = f"{letter.sent_at:%Y-%m-%d %H:%M:%S} UTC"
    head = [f"Sent     {sent_at}", f"From     {letter.sender}", f"To       {', '.join(letter.to)}"]
    return "\n".join([*head, f"Subject  {letter.subject}", "", letter.text.strip(), RULE])
