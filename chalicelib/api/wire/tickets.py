"""Tickets, their admission and their keys on the wire."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import msgspec
from chalice.app import Request
from msgspec import Meta

from chalicelib.application.tickets import AdmitTicketCommand
from chalicelib.domain.booking_codes import to_hyphenated_code
from chalicelib.domain.tickets.ticket import VoidReason

from .bodies import (
    NOT_BLANK,
    Answer,
    CalendarMoment,
    MalformedRequest,
    Moment,
    body_of,
    idempotency_key,
    moment,
    moment_if_any,
    utc_whole_ms_in_years_2000_to_2099,
)

if TYPE_CHECKING:
    from chalicelib.application.tickets import AdmittedTicket, GateListPage, ShownTickets
    from chalicelib.domain.tickets.ticket import ListedTicket, Ticket
    from chalicelib.domain.tickets.tokens import PublicKey

Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=NOT_BLANK)]


class AdmissionRequest(msgspec.Struct, rename="camel", kw_only=True):
    """A gate's request to admit a ticket, by its scanned `token` or its typed `code`.

    `gateId` and `roomNumber` are the cinema's names for the gate and its room. A gate that already admitted the ticket,
    while it was offline, sends the moment as `admittedAt`.
    """

    gate_id: Name
    room_number: Name
    token: Annotated[str, Meta(min_length=1, max_length=400)] | None = None
    code: Annotated[str, Meta(min_length=1, max_length=20)] | None = None
    admitted_at: CalendarMoment | None = None


class TicketBody(Answer):
    """A ticket. `token` is the text of the QR code, `qr` its SVG. `version` counts the tickets issued for the seat."""

    code: str
    seat: str
    version: int
    token: str
    qr: str
    admitted_at: Moment | None = None


class TicketsBody(Answer):
    reservation_id: str
    session_id: str
    movie_title: str
    room_number: str
    start_time: Moment
    tickets: Sequence[TicketBody]


class TransferredTicketBody(Answer):
    """The new ticket after a transfer; the old one is void. The new ticket's token is signed some seconds later. From
    then on, the list of the reservation's tickets has the token."""

    code: str
    seat: str
    reservation_id: str


class AdmittedBody(Answer):
    """An admitted ticket, for the gate's display. It names the seat and the film, but no person."""

    code: str
    seat: str
    movie_title: str
    room_number: str
    start_time: Moment
    admitted_at: Moment
    gate_id: str


class OfflineTicketBody(Answer):
    """A ticket in a gate's offline list. `void` is the reason why the ticket is void; it is missing for a valid
    ticket."""

    code: str
    seat: str
    version: int
    void: VoidReason | None = None
    admitted_at: Moment | None = None
    gate_id: str | None = None


class GateListBody(Answer):
    """A page of a screening's tickets, sorted by seat, for a gate's offline list. Tickets are admitted from `opensAt`
    to `closesAt`."""

    session_id: str
    movie_title: str
    room_number: str
    start_time: Moment
    opens_at: Moment
    closes_at: Moment
    as_of: Moment
    tickets: Sequence[OfflineTicketBody]
    next_cursor: str | None = None


class KeyBody(Answer):
    """A public key that verifies tickets, as a JSON Web Key of RFC 8037."""

    kty: str
    crv: str
    alg: str
    use: str
    kid: str
    x: str


class TicketKeysBody(Answer):
    keys: Sequence[KeyBody]


def normal_ticket_code_or_unchanged(typed: str) -> str:
    """Gives a ticket's code in its normal form: upper case, with a hyphen. Gives any other text unchanged; a search for
    it then finds no ticket."""
    return to_hyphenated_code(typed) or typed


def read_admit_command(request: Request) -> AdmitTicketCommand:
    """Reads a gate's request to admit a ticket. Raises MalformedRequest, BodyTooLarge.

    A request must have exactly one of `token` and `code`. A request with both or with neither is malformed, too.
    """
    body = body_of(request, AdmissionRequest)
    if (body.token is None) == (body.code is None):
        raise MalformedRequest("Expected a token or a code", "$")
    return AdmitTicketCommand(
        gate=body.gate_id,
        room=body.room_number,
        token=body.token or "",
        code=normal_ticket_code_or_unchanged(body.code or ""),
        key=idempotency_key(request) or "",
        admitted_at=utc_whole_ms_in_years_2000_to_2099(body.admitted_at, "$.admittedAt") if body.admitted_at else None,
    )


def tickets(reservation_id: str, shown: ShownTickets, draw_qr: Callable[[str], str]) -> TicketsBody:
    session = shown.session
    return TicketsBody(
        reservation_id=reservation_id,
        session_id=session.id,
        movie_title=session.movie_title,
        room_number=session.room,
        start_time=moment(session.starts_at),
        tickets=[_ticket(one, draw_qr) for one in shown.tickets],
    )


def _ticket(ticket: Ticket, draw_qr: Callable[[str], str]) -> TicketBody:
    return TicketBody(
        code=ticket.code,
        seat=ticket.seat,
        version=ticket.version,
        token=ticket.token,
        qr=draw_qr(ticket.token),
        admitted_at=moment_if_any(ticket.admission.admitted_at if ticket.admission else None),
    )


def transferred(ticket: Ticket) -> TransferredTicketBody:
    return TransferredTicketBody(code=ticket.code, seat=ticket.seat, reservation_id=ticket.reservation_id)


def admitted(admitted: AdmittedTicket) -> AdmittedBody:
    session = admitted.session
    return AdmittedBody(
        code=admitted.ticket.code,
        seat=admitted.ticket.seat,
        movie_title=session.movie_title,
        room_number=session.room,
        start_time=moment(session.starts_at),
        admitted_at=moment(admitted.admission.admitted_at),
        gate_id=admitted.admission.gate,
    )


def gate_list(page: GateListPage) -> GateListBody:
    session = page.session
    return GateListBody(
        session_id=session.id,
        movie_title=session.movie_title,
        room_number=session.room,
        start_time=moment(session.starts_at),
        opens_at=moment(page.opens_at),
        closes_at=moment(page.closes_at),
        as_of=moment(page.as_of),
        tickets=[_listed(ticket) for ticket in page.tickets.items],
        next_cursor=page.tickets.cursor,
    )


def _listed(ticket: ListedTicket) -> OfflineTicketBody:
    return OfflineTicketBody(
        code=ticket.code,
        seat=ticket.seat,
        version=ticket.version,
        void=ticket.void,
        admitted_at=moment_if_any(ticket.admitted_at),
        gate_id=ticket.gate or None,
    )


def keys(published: Mapping[str, PublicKey]) -> TicketKeysBody:
    return TicketKeysBody(
        keys=[
            KeyBody(kty="OKP", crv="Ed25519", alg="EdDSA", use="sig", kid=key_id, x=_base64url(key.x))
            for key_id, key in sorted(published.items())
        ]
    )


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")
