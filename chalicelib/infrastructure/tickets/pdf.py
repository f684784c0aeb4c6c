"""Tickets as PDF: A4, three to a page, each with all that a door and its holder need, to be cut apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from chalicelib.domain.sessions import Session
from chalicelib.domain.tickets.ticket import Ticket
from chalicelib.infrastructure.pdf.a4_document import (
    ACCENT,
    BLACK,
    FAINT,
    GAP,
    MARGIN,
    TEXT_WIDTH,
    WIDTH,
    A4Document,
    Pen,
)
from chalicelib.infrastructure.pdf.document_locale import DocumentLocale

from .qr import qr_rectangles

QR_MM = 58
"""The width of a QR code with its margin. Its dots are more than a millimetre wide, so any camera reads them from
paper."""
TICKET_MM = 76
TITLE_LINES = 2
"""A film's title has at most this many lines; the rest of it is on the invoice."""


@dataclass(frozen=True, kw_only=True)
class TicketLocale(DocumentLocale):
    """The words of tickets in one language, and the format of dates."""

    tickets: str
    once: str


ENGLISH = "en"
LOCALES = {
    ENGLISH: TicketLocale(
        tickets="Tickets",
        room="Room",
        starts="Starts",
        seat="Seat",
        once="Lets one person in, once: whoever comes with it first.",
        day_format="{year:04}-{month:02}-{day:02}",
    ),
    "pt-BR": TicketLocale(
        tickets="Ingressos",
        room="Sala",
        starts="Início",
        seat="Assento",
        once="Dá entrada a uma pessoa, uma vez: a quem chegar primeiro com ele.",
        day_format="{day:02}/{month:02}/{year:04}",
    ),
}


def print_tickets(
    tickets: Sequence[Ticket], session: Session, cinema: Sequence[str], time_zone: str, language: str
) -> bytes:
    """Prints signed tickets of one screening as PDF. The same tickets give the same bytes. Times are in `time_zone`."""
    sheet = _TicketSheet(tickets, session, cinema, time_zone, language)
    for ticket in tickets:
        sheet.add_ticket(ticket)
    return sheet.finish_as_pdf()


class _TicketSheet(A4Document):
    def __init__(
        self, tickets: Sequence[Ticket], session: Session, cinema: Sequence[str], time_zone: str, language: str
    ) -> None:
        known = language if language in LOCALES else ENGLISH
        self.words, self.session, self.cinema = LOCALES[known], session, cinema
        self.starts_at = session.starts_at.astimezone(ZoneInfo(time_zone))
        issued_at = max(ticket.issued_at for ticket in tickets)
        super().__init__(f"{self.words.tickets} · {session.movie_title}", cinema[0], known, issued_at)

    def add_ticket(self, ticket: Ticket) -> None:
        if not self.has_room(TICKET_MM):
            self.add_page()
        top = self.y
        self._draw_qr(ticket.token, WIDTH - MARGIN - QR_MM, top)
        self._write_facts(ticket, TEXT_WIDTH - QR_MM - GAP)
        self.y = top + TICKET_MM - GAP
        self.draw_rule(dash_mm=2)  # where tickets are cut apart
        self.y += GAP

    def _write_facts(self, ticket: Ticket, width_mm: float) -> None:
        words, session = self.words, self.session
        self.write(self.cinema[0], Pen(9, ACCENT), width_mm=width_mm)
        self.write(session.movie_title, Pen(15, is_bold=True), width_mm=width_mm, drop_lines_after=TITLE_LINES)
        self.write(words.room_and_start(session.room, self.starts_at), Pen(10), width_mm=width_mm)
        self.y += 2
        self.write(f"{words.seat} {ticket.seat}", Pen(15, is_bold=True), width_mm=width_mm)
        self.write(ticket.code, Pen(17, is_bold=True), width_mm=width_mm)
        self.y += 1
        self.write(words.once, Pen(8, FAINT), width_mm=width_mm)

    def _draw_qr(self, token: str, left_mm: float, top_mm: float) -> None:
        dots, dark = qr_rectangles(token)
        size = QR_MM / dots
        for column, row, width in dark:
            self.draw_rectangle(left_mm + column * size, top_mm + row * size, width * size, size, BLACK)
