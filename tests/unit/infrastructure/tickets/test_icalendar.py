"""Calendar files, read back by somebody else's reader: right, whatever a film is called, and cancelled when it is."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import icalendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.booking_codes import booking_code
from chalicelib.domain.refusals import ReservationNotPaid
from chalicelib.domain.tickets.calendar_entry import SaleCalendarEntry, calendar_entry_for
from chalicelib.infrastructure.tickets.icalendar import LINE_OCTETS, to_icalendar, to_icalendar_file
from tests.builders import NOW, a_reservation, a_sale, a_session

CINEMA = ("Cine São José", "Rua da Estreia, 1", "São Paulo")
STARTS_AT = datetime(2044, 2, 15, 22, 0, tzinfo=UTC)
ENTRY = SaleCalendarEntry("sale-1", "Brazil", "A1", ("A1", "A2"), "K7QX-2MNP", STARTS_AT, NOW)


def written(entry: SaleCalendarEntry = ENTRY, language: str = "en") -> str:
    return to_icalendar(entry, CINEMA, language)


def read(text: str) -> Any:
    """Reads the only event."""
    calendar = icalendar.Calendar.from_ical(text)
    assert (calendar["VERSION"], calendar.errors) == ("2.0", [])
    (event,) = calendar.walk("VEVENT")
    assert event.errors == []
    return event


def test_an_entry_says_what_when_and_where() -> None:
    event = read(written())

    assert (event["SUMMARY"], event["DTSTART"].dt, event["DTSTAMP"].dt) == ("Brazil", STARTS_AT, without_fraction(NOW))
    assert event["LOCATION"] == "Room A1, Cine São José, Rua da Estreia, 1, São Paulo"
    assert event["DESCRIPTION"] == "Seats: A1, A2\nBooking code: K7QX-2MNP"
    assert (event["UID"], event["SEQUENCE"], event["STATUS"]) == ("sale-1@cinema-tickets", 0, "CONFIRMED")
    assert "DURATION" not in event
    assert "DTEND" not in event


def without_fraction(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def test_an_entry_in_portuguese() -> None:
    event = read(written(language="pt-BR"))

    assert event["LOCATION"].startswith("Sala A1, ")
    assert event["DESCRIPTION"] == "Assentos: A1, A2\nCódigo da compra: K7QX-2MNP"


def test_another_language_is_english() -> None:
    assert written(language="tlh") == written()


def test_how_long_a_film_is_is_said_where_it_is_known() -> None:
    event = read(written(replace(ENTRY, lasts=timedelta(minutes=142))))

    assert event["DURATION"].dt == timedelta(hours=2, minutes=22)


def test_lines_end_as_the_standard_says_and_are_not_too_long() -> None:
    text = written(replace(ENTRY, movie_title="Ação, 愛 и 🎬; " * 30))

    assert text.endswith("END:VCALENDAR\r\n")
    assert text.replace("\r\n", "").count("\n") == text.replace("\r\n", "").count("\r") == 0
    assert max(len(line.encode()) for line in text.split("\r\n")) == LINE_OCTETS


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=300))
def test_a_film_may_be_called_anything(title: str) -> None:
    event = read(written(replace(ENTRY, movie_title=title)))

    assert (str(event["SUMMARY"]), event["UID"]) == (title, "sale-1@cinema-tickets")


@pytest.mark.parametrize("title", ["A\r\nBEGIN:VALARM", "A\nATTACH:x", "A\x00B\x85C"])
def test_no_title_begins_a_line_of_its_own(title: str) -> None:
    text = written(replace(ENTRY, movie_title=title))

    assert {line.partition(":")[0] for line in text.split("\r\n")} == {
        line.partition(":")[0] for line in written().split("\r\n")
    }
    read(text)


def test_the_same_entry_is_the_same_file() -> None:
    file = to_icalendar_file(ENTRY, CINEMA, "en")

    assert file == to_icalendar_file(ENTRY, CINEMA, "en")
    assert (file.name, file.content_type) == ("K7QX-2MNP.ics", "text/calendar; charset=utf-8")
    assert file.content.decode() == written()


# From the sale


def test_the_entry_of_a_sale() -> None:
    session = a_session(starts_at=STARTS_AT)
    sale = a_sale()

    entry = calendar_entry_for(a_reservation("A1", "A2", session=session).confirmed(sale), session)

    assert entry == SaleCalendarEntry(
        sale.id, "Oppenheimer", "A1", ("A1", "A2"), booking_code(sale.id), STARTS_AT, sale.paid_at
    )


def test_a_cancelled_entry_is_the_same_one_and_newer() -> None:
    session, reservation = a_session(), a_reservation().confirmed(a_sale())
    cancelled_at = NOW + timedelta(days=3)
    cancelled = replace(session, cancelled_at=cancelled_at)
    returned = replace(reservation, refunded_at=cancelled_at)

    before, *after = (
        read(written(calendar_entry_for(*of)))
        for of in ((reservation, session), (reservation, cancelled), (returned, session))
    )

    for event in after:
        assert event["UID"] == before["UID"]
        assert (event["STATUS"], event["SEQUENCE"]) == ("CANCELLED", before["SEQUENCE"] + 1)
        assert event["DTSTAMP"].dt == without_fraction(cancelled_at)


def test_what_is_not_sold_has_no_entry() -> None:
    with pytest.raises(ReservationNotPaid):
        calendar_entry_for(a_reservation(), a_session())
