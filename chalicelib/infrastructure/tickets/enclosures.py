"""The files that go with an email about a sale: its tickets, and its entry for calendars."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chalicelib.domain.email import EmailContext, Enclosures, File
from chalicelib.domain.tickets.calendar_entry import calendar_entry_for

from . import icalendar

PDF_NAMES = {"en": "tickets.pdf", "pt-BR": "ingressos.pdf"}


@dataclass(frozen=True)
class TicketPdfQrAndCalendarEnclosures:
    """The maker of the files of an email about a sale: tickets, QR codes, calendar entry.

    `cinema` has the cinema's name, then the lines of its address. `time_zone` is an IANA name.
    """

    cinema: Sequence[str]
    time_zone: str

    def __call__(self, email: EmailContext) -> Enclosures:
        return Enclosures(tuple(_pictures(email)), tuple(self._attachments(email)))

    def _attachments(self, email: EmailContext) -> Iterator[File]:
        language = email.contact.language
        if email.tickets:
            yield self._pdf(email, language)
        if email.reservation.sale is None:
            return
        entry = calendar_entry_for(email.reservation, email.session)
        if email.tickets or entry.is_cancelled:
            yield icalendar.to_icalendar_file(entry, self.cinema, language)

    def _pdf(self, email: EmailContext, language: str) -> File:
        from .pdf import print_tickets  # with reportlab: most emails have no tickets

        pdf = print_tickets(email.tickets, email.session, self.cinema, self.time_zone, language)
        return File(PDF_NAMES.get(language, PDF_NAMES["en"]), "application/pdf", pdf)


def _pictures(email: EmailContext) -> Iterator[File]:
    for ticket in email.tickets:
        from .qr import to_png  # with segno

        yield File(f"ticket-{ticket.seat}.png", "image/png", to_png(ticket.token))
