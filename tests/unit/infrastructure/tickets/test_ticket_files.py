"""Tickets as files: the PDF, the pictures, and the email in which they are, read back."""

import io
import struct
import zlib
from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import icalendar
import pytest
import segno
from pypdf import PdfReader

from chalicelib.domain.email import EmailContext, RenderedEmail
from chalicelib.domain.reservations import Contact, Reservation
from chalicelib.domain.tickets.ticket import Ticket
from chalicelib.infrastructure.email.rendering import TemplateEmailRenderer
from chalicelib.infrastructure.email.ses import LINES_AS_IN_MAIL, build_mime
from chalicelib.infrastructure.tickets.enclosures import TicketPdfQrAndCalendarEnclosures
from chalicelib.infrastructure.tickets.pdf import LOCALES, print_tickets
from chalicelib.infrastructure.tickets.qr import PIXELS_A_DOT, QUIET_DOTS, qr_rectangles, to_png, to_qr
from tests.builders import NOW, a_reservation, a_sale, a_session, an_event

CINEMA = ("Cine São José", "Rua da Estreia, 1")
TOKENS = ("ABCDEFGH" * 20 + "A234567", "ZYXWVUTS" * 20 + "A234567")
SESSION = a_session(starts_at=NOW.replace(hour=22))
TICKETS = tuple(
    Ticket(code, "res-1", SESSION.id, seat, NOW, token=token)
    for code, seat, token in zip(("K7QX-2MNP", "9PP2-RZB3"), ("A1", "A2"), TOKENS, strict=True)
)


# Pictures


def dots_of(token: str) -> list[list[int]]:
    return [list(row) for row in to_qr(token).matrix_iter(border=QUIET_DOTS)]


def test_rectangles_are_the_dark_dots_and_no_others() -> None:
    width, dark = qr_rectangles(TOKENS[0])
    drawn = [[0] * width for _ in range(width)]
    for column, row, length in dark:
        drawn[row][column : column + length] = [1] * length

    assert drawn == dots_of(TOKENS[0])
    assert len(dark) < sum(map(sum, drawn)), "neighbours are one rectangle: no printer leaves a gap between them"


def test_the_picture_for_emails_has_the_same_dots_on_white() -> None:
    dots = dots_of(TOKENS[0])
    width, rows = read_png(to_png(TOKENS[0]))

    assert width == len(dots) * PIXELS_A_DOT
    middle = PIXELS_A_DOT // 2
    assert [row[middle::PIXELS_A_DOT] for row in rows[middle::PIXELS_A_DOT]] == dots


def read_png(png: bytes) -> tuple[int, list[list[int]]]:
    """Reads a PNG of one bit a pixel, without filters or with *up*: its width, and the dark pixels of each row as 1."""
    chunks, place = {}, 8
    while place < len(png):
        (length,), kind = struct.unpack_from(">I", png, place), png[place + 4 : place + 8]
        chunks[kind] = png[place + 8 : place + 8 + length]
        place += 12 + length
    width, height, depth, colour = struct.unpack_from(">IIBB", chunks[b"IHDR"])
    assert (depth, colour) == (1, 0)
    raw, stride = zlib.decompress(chunks[b"IDAT"]), 1 + -(-width // 8)
    rows, above = [], bytes(stride - 1)
    for kind_of_row, *line in (raw[row * stride : (row + 1) * stride] for row in range(height)):
        assert kind_of_row in (0, 2)
        above = (
            bytes((each + before) % 256 for each, before in zip(line, above, strict=True))
            if kind_of_row
            else bytes(line)
        )
        rows.append([1 - (above[x // 8] >> (7 - x % 8) & 1) for x in range(width)])
    return width, rows


def test_a_ticket_stays_of_a_version_that_cameras_like() -> None:
    assert isinstance(to_qr(TOKENS[0]), segno.QRCode)
    assert to_qr(TOKENS[0]).version == 7


# PDF


def pdf_of(*tickets: Ticket, language: str = "en", zone: str = "UTC", **screening: Any) -> PdfReader:
    printed = print_tickets(tickets or TICKETS, replace(SESSION, **screening), CINEMA, zone, language)
    return PdfReader(io.BytesIO(printed))


def test_each_ticket_on_paper_says_all_that_a_door_and_its_holder_need() -> None:
    (page,) = pdf_of().pages
    text = page.extract_text()

    for ticket in TICKETS:
        for said in (ticket.code, f"Seat {ticket.seat}"):
            assert text.count(said) == 1
    for said in ("Oppenheimer", "Room A1", "2044-02-15, 22:00 UTC", "Cine São José"):
        assert text.count(said) == len(TICKETS)


def test_each_ticket_on_paper_has_its_qr_code() -> None:
    (page,) = pdf_of().pages
    contents: Any = page.get_contents()
    drawn = contents.get_data().decode("latin-1").count(" re f")

    assert drawn == sum(len(qr_rectangles(token)[1]) for token in TOKENS)


def test_tickets_in_portuguese_and_in_the_cinemas_time() -> None:
    text = pdf_of(language="pt-BR", zone="America/Sao_Paulo").pages[0].extract_text()

    for said in ("Sala A1", "Início 15/02/2044, 19:00 UTC-03:00", "Assento A2", "uma vez"):
        assert said in text


def test_another_language_is_english() -> None:
    assert "Room" in pdf_of(language="tlh").pages[0].extract_text()
    assert set(LOCALES) == {"en", "pt-BR"}


def test_three_tickets_are_on_a_page_and_no_ticket_on_two() -> None:
    eight = [replace(TICKETS[0], seat=f"B{number}") for number in range(1, 9)]

    texts = [page.extract_text() for page in pdf_of(*eight).pages]

    assert [text.count(TICKETS[0].code) for text in texts] == [3, 3, 2]


def test_a_title_of_any_length_and_script_leaves_room_for_the_code() -> None:
    long = pdf_of(movie_title="W" * 200).pages
    mixed = pdf_of(movie_title="سينما Brazil 愛")

    assert [page.extract_text().count("9PP2-RZB3") for page in long] == [1]
    assert "Brazil" in mixed.pages[0].extract_text()


def test_the_same_tickets_are_the_same_bytes() -> None:
    first, second = (print_tickets(TICKETS, SESSION, CINEMA, "UTC", "en") for _ in range(2))

    assert first == second


# The email


def letter(
    kind: str = "paid", language: str = "en", tickets: tuple[Ticket, ...] = TICKETS, **facts: Any
) -> RenderedEmail:
    reservation: Reservation = replace(a_reservation(session=SESSION), **facts).confirmed(a_sale())
    event = replace(an_event("event-1"), data={"amountCents": 5000, "transactionId": "tx-1", "reason": "twice"})
    email = EmailContext(kind, Contact("ana@example.com", language), event, reservation, SESSION, tickets)
    return TemplateEmailRenderer("UTC", TicketPdfQrAndCalendarEnclosures(CINEMA, "UTC")).render(email)


def sent(message: RenderedEmail) -> EmailMessage:
    raw = build_mime(message, "tickets@example.com").as_bytes(policy=LINES_AS_IN_MAIL)
    read = message_from_bytes(raw, policy=default)
    assert isinstance(read, EmailMessage)
    assert not [defect for part in read.walk() for defect in part.defects]
    return read


@pytest.mark.parametrize(("language", "pdf"), [("en", "tickets.pdf"), ("pt-BR", "ingressos.pdf")])
def test_an_email_about_a_sale_has_the_pdf_and_the_calendars_file(language: str, pdf: str) -> None:
    attached = {str(part.get_filename()): part for part in sent(letter(language=language)).iter_attachments()}

    calendar = next(name for name in attached if name.endswith(".ics"))
    assert set(attached) == {pdf, calendar}
    printed = PdfReader(io.BytesIO(attached[pdf].get_content())).pages[0].extract_text()
    assert all(ticket.code in printed for ticket in TICKETS)
    (event,) = icalendar.Calendar.from_ical(attached[calendar].get_content()).walk("VEVENT")
    assert (event["SUMMARY"], event["STATUS"]) == ("Oppenheimer", "CONFIRMED")
    assert attached[calendar].get_content_type() == "text/calendar"


@pytest.mark.parametrize("language", ["en", "pt-BR"])
def test_the_words_of_an_email_show_each_ticket_with_its_picture(language: str) -> None:
    read = sent(letter(language=language))
    html, text = read.get_body(("html",)), read.get_body(("plain",))
    assert html
    assert text
    shown = {part["Content-ID"]: part.get_content() for part in read.walk() if part.get_content_type() == "image/png"}

    for ticket in TICKETS:
        assert ticket.code in html.get_content()
        assert f"{ticket.seat}: {ticket.code}" in text.get_content()
        assert f'src="cid:ticket-{ticket.seat}.png"' in html.get_content()
        assert shown[f"<ticket-{ticket.seat}.png>"] == to_png(ticket.token)
    assert not [each for token in TOKENS for each in (html, text) if token in each.get_content()]


def test_an_email_without_tickets_says_where_they_will_be_and_has_no_file() -> None:
    message = letter(tickets=())

    assert "still being signed" in message.text
    assert sent(message).get_content_type() == "multipart/alternative"


def test_an_email_about_a_refund_takes_the_screening_out_of_the_calendar() -> None:
    message = letter("refunded", tickets=(), refunded_at=NOW)

    (file,) = message.enclosures.attachments
    (event,) = icalendar.Calendar.from_ical(file.content).walk("VEVENT")
    assert (event["STATUS"], event["SEQUENCE"]) == ("CANCELLED", 1)


def test_an_email_about_a_second_payment_leaves_the_calendar_as_it_is() -> None:
    assert letter("refunded", tickets=()).enclosures.attachments == ()
