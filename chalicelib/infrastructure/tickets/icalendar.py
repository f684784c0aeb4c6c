"""Calendar entries as files: iCalendar, RFC 5545.

A file has no METHOD, because it is no invitation and has no organizer (RFC 5546, 3.2.1). A calendar that has the entry
already knows it by its UID, and takes the file with the higher SEQUENCE for the newer one.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from unicodedata import category

from chalicelib.domain.email import File
from chalicelib.domain.tickets.calendar_entry import SaleCalendarEntry

CONTENT_TYPE = "text/calendar; charset=utf-8"
LINE_OCTETS = 75
"""The largest number of octets in a line, not counting the line's end (RFC 5545, 3.1)."""

WORDS = {
    "en": {"room": "Room", "seats": "Seats", "code": "Booking code"},
    "pt-BR": {"room": "Sala", "seats": "Assentos", "code": "Código da compra"},
}

_ESCAPED = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"})


def to_icalendar_file(entry: SaleCalendarEntry, cinema_name_and_address: Sequence[str], language: str) -> File:
    text = to_icalendar(entry, cinema_name_and_address, language)
    return File(f"{entry.booking_code}.ics", CONTENT_TYPE, text.encode())


def to_icalendar(entry: SaleCalendarEntry, cinema_name_and_address: Sequence[str], language: str) -> str:
    """Writes the entry as iCalendar text, always the same for the same entry.

    `cinema_name_and_address` has the cinema's name, then the lines of its address.
    """
    words = WORDS.get(language, WORDS["en"])
    place = (f"{words['room']} {entry.room}", *cinema_name_and_address)
    lines = (
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Cinema Tickets//Tickets//EN",
        "BEGIN:VEVENT",
        f"UID:{entry.id}@cinema-tickets",
        f"SEQUENCE:{entry.version}",
        f"DTSTAMP:{_to_utc_text(entry.changed_at)}",
        f"DTSTART:{_to_utc_text(entry.starts_at)}",
        *([f"DURATION:PT{int(entry.lasts.total_seconds()) // 60}M"] if entry.lasts else []),
        f"SUMMARY:{_escape_text(entry.movie_title)}",
        f"LOCATION:{_escape_text(', '.join(place))}",
        f"DESCRIPTION:{_escape_text(_description_text(entry, words))}",
        f"STATUS:{'CANCELLED' if entry.is_cancelled else 'CONFIRMED'}",
        "END:VEVENT",
        "END:VCALENDAR",
    )
    return "".join(f"{part}\r\n" for line in lines for part in _fold_line(line))


def _description_text(entry: SaleCalendarEntry, words: dict[str, str]) -> str:
    return f"{words['seats']}: {', '.join(entry.seats)}\n{words['code']}: {entry.booking_code}"


def _to_utc_text(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _escape_text(text: str) -> str:
    """Escapes a value of type TEXT (RFC 5545, 3.3.11). Removes control characters, so that no value can add a line."""
    return "".join(each for each in text if each == "\n" or category(each) != "Cc").translate(_ESCAPED)


def _fold_line(line: str) -> Iterator[str]:
    """Folds a line into parts of up to LINE_OCTETS. All parts but the first begin with a space.

    No character is split.
    """
    part, room = "", LINE_OCTETS
    for character in line:
        size = len(character.encode())
        if size > room:
            yield part
            part, room = " ", LINE_OCTETS - 1
        part, room = part + character, room - size
    yield part
