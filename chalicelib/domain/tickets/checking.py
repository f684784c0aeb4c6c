"""Checking a token: its signature, and what a gate that can't ask anybody knows about its ticket.

A gate loads a list before the doors open. Without a connection it admits by the signature and the list. It can't know
what happened after the list was made: a ticket transferred or refunded since then, or admitted at another gate.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.domain.refusals import TicketTokenInvalid, TicketVoid, WrongRoom

from .ticket import VoidReason, check_neither_too_early_nor_over
from .tokens import PublicKey, TicketFacts, TokenMalformed, decode_token

IsSigned = Callable[[PublicKey, bytes, bytes], bool]
"""Tells whether the given key has made the signature, which is the last argument, of the given bytes."""


@dataclass(frozen=True, slots=True)
class GateListEntry:
    """The latest ticket of one seat, on a gate's offline list."""

    code: str
    version: int
    void: VoidReason | None = None


@dataclass(frozen=True, slots=True)
class OfflineGateList:
    """A gate's offline list: the start of each of the room's sessions, and the latest ticket of each sold seat."""

    starts: Mapping[str, datetime]
    by_session_and_seat: Mapping[tuple[str, str], GateListEntry]
    """The listed tickets by session id and seat. A ticket whose seat is not listed was sold after the list was made."""


def verify_token(text: str, keys: Mapping[str, PublicKey], is_signed: IsSigned) -> TicketFacts:
    """Verifies a token's signature, and gives its facts. `keys` has the keys by key id. Raises TicketTokenInvalid."""
    try:
        token = decode_token(text)
    except TokenMalformed as error:
        raise TicketTokenInvalid from error
    key = keys.get(token.facts.key_id)
    if key is None or not is_signed(key, token.signed, token.signature):
        raise TicketTokenInvalid
    return token.facts


def verify_offline_except_reuse(
    text: str,
    keys: Mapping[str, PublicKey],
    is_signed: IsSigned,
    known: OfflineGateList,
    admission_opens_before: timedelta,
    now: datetime,
) -> TicketFacts:
    """Verifies that the gate may admit the token's ticket. Uses only the gate's offline list. Gives the token's facts.

    Raises TicketTokenInvalid, WrongRoom, AdmissionNotOpenYet, AdmissionOver, TicketVoid. Does not check whether this
    gate has already admitted the ticket: the gate remembers that.
    """
    facts = verify_token(text, keys, is_signed)
    if facts.session_id not in known.starts:
        raise WrongRoom("")
    check_neither_too_early_nor_over(known.starts[facts.session_id], admission_opens_before, now)
    if void := _void_by(known.by_session_and_seat.get((facts.session_id, facts.seat)), facts):
        raise TicketVoid(void)
    return facts


def _void_by(listed: GateListEntry | None, facts: TicketFacts) -> VoidReason | None:
    """Gives the reason why the list shows the ticket as void. None if the list does not show it as void.

    If the ticket's code is not the one that is listed for its seat, the versions decide. If the ticket's version is
    higher than the listed one, the transfer was made after the list, and the ticket is valid. If it is lower, the
    ticket was replaced, and is void. If they are the same, nobody can tell which of the two tickets is newer, so the
    ticket is void, too.
    """
    if listed is None:
        return None
    if facts.code == listed.code:
        return listed.void
    return None if facts.version > listed.version else VoidReason.TRANSFERRED
