"""Tickets and their lives.

issued ──► signed ──► admitted, once
   │          └─────► void: refunded, or transferred: then another ticket has its seat, with the next version
   └────────────────► void
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from chalicelib.domain.refusals import AdmissionNotOpenYet, AdmissionOver, TooManyTransfers

ADMITTED_FOR = timedelta(hours=6)
"""A ticket is still admitted for this long after its screening begins: no film is longer."""

LAST_VERSION = 2**16 - 1
"""The highest version that a token has room for."""

MOST_TRANSFERS = 20
"""How many times the ticket of a seat may be transferred. Gates load lists of all tickets of a screening, void tickets
included. Without a limit, one buyer could make these lists grow without end, and the ticket's version would exceed
LAST_VERSION."""


class VoidReason(StrEnum):
    REFUNDED = "refunded"
    TRANSFERRED = "transferred"


@dataclass(frozen=True, slots=True)
class Admission:
    """The admission of a ticket: the moment, the gate, and the idempotency key of the gate's request."""

    admitted_at: datetime
    gate: str
    key: str

    def is_same_request_as(self, other: "Admission") -> bool:
        """Tells whether both admissions come from the same request, which the gate sent again."""
        return (self.gate, self.key) == (other.gate, other.key)


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket for one seat of one session. It does not name its holder.

    Whoever has the `code` is let in, as with the ticket itself. So the code must be impossible to guess. `token` is
    empty until the ticket is signed. After a transfer, `renewed_as` is the code of the new ticket.
    """

    code: str
    reservation_id: str
    session_id: str
    seat: str
    issued_at: datetime
    version: int = 1
    token: str = ""
    admission: Admission | None = None
    void: VoidReason | None = None
    renewed_as: str = ""

    def with_token(self, token: str) -> "Ticket":
        """Gives the ticket with this token."""
        return replace(self, token=token)

    def replacement_or_raise_too_many_transfers(self, code: str, now: datetime) -> "Ticket":
        """Makes the new ticket for a transfer, with this code. Raises TooManyTransfers."""
        if self.version > MOST_TRANSFERS:
            raise TooManyTransfers(MOST_TRANSFERS)
        return Ticket(code, self.reservation_id, self.session_id, self.seat, now, self.version + 1)


@dataclass(frozen=True, slots=True)
class ListedTicket:
    """A ticket on a gate's list: whether it is valid, and which gate admitted it."""

    code: str
    seat: str
    version: int
    void: VoidReason | None = None
    admitted_at: datetime | None = None
    gate: str = ""


@dataclass(frozen=True, slots=True)
class LatestTicketPerSeatOfSale:
    """The latest ticket of each seat of a sale. `void` is the reason if all tickets of the sale were voided, else None.

    `tickets` is empty if the sale was voided before it received any.
    """

    reservation_id: str
    tickets: tuple[Ticket, ...]
    void: VoidReason | None = None

    @property
    def unsigned(self) -> tuple[Ticket, ...]:
        return tuple(ticket for ticket in self.tickets if not ticket.token)


def check_neither_too_early_nor_over(starts_at: datetime, admission_opens_before: timedelta, now: datetime) -> None:
    """Checks that a session's tickets are admitted at `now`. Raises AdmissionNotOpenYet, AdmissionOver."""
    opens_at, closes_at = admission_times(starts_at, admission_opens_before)
    if now < opens_at:
        raise AdmissionNotOpenYet(opens_at)
    if now >= closes_at:
        raise AdmissionOver(closes_at)


class AdmissionTimes(NamedTuple):
    opens_at: datetime
    closes_at: datetime


def admission_times(starts_at: datetime, admission_opens_before: timedelta) -> AdmissionTimes:
    """Gives the beginning and the end of admission for a session."""
    return AdmissionTimes(starts_at - admission_opens_before, starts_at + ADMITTED_FOR)
