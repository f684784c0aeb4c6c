"""Emails as buyers read them: each kind in each language, in the cinema's time; and text that nobody can smuggle in."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from email import message_from_bytes
from email.errors import HeaderParseError
from email.message import EmailMessage
from email.policy import default
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.application.consumers.email import EMAILS
from chalicelib.domain.booking_codes import booking_code
from chalicelib.domain.email import EmailContext, RenderedEmail
from chalicelib.domain.reservations import Contact, Reservation
from chalicelib.domain.sessions import Session
from chalicelib.infrastructure.email.rendering import LOCALES, TEMPLATES, TemplateEmailRenderer
from chalicelib.infrastructure.email.ses import build_mime
from tests.builders import a_reservation, a_sale, a_session, an_event

STARTS_AT = datetime(2044, 2, 15, 22, 0, tzinfo=UTC)
EXPIRES_AT = datetime(2044, 2, 15, 18, 0, 30, 123_000, UTC)
SENDER = "tickets@example.com"
CODE = booking_code("sale-1")


def an_email(kind: str, language: str = "en", zone: str = "UTC", **changes: str) -> RenderedEmail:
    """Makes an email. `changes` are the screening's."""
    session = replace(a_session(starts_at=STARTS_AT), **changes)  # type: ignore[arg-type] # texts only
    return TemplateEmailRenderer(zone).render(to_be_said(kind, language, session))


def to_be_said(kind: str, language: str, session: Session, reason: str = "late") -> EmailContext:
    reservation = replace(
        a_reservation("A1", "A2", session=session), id="res-1", amount=Decimal("1250.50"), expires_at=EXPIRES_AT
    )
    sold = reservation.confirmed(replace(a_sale(), id="sale-1"))
    about: Reservation = reservation if kind == "held" else sold
    event = replace(an_event("event-1"), data={"amountCents": 125050, "transactionId": "tx-1", "reason": reason})
    return EmailContext(
        kind=kind, contact=Contact("ana@example.com", language), event=event, reservation=about, session=session
    )


def test_the_letter_of_a_refund_says_why_and_how_much() -> None:
    texts = {
        (reason, language): TemplateEmailRenderer("UTC").render(to_be_said("refunded", language, a_session(), reason))
        for reason in ("screening_cancelled", "late", "twice", "reservation_cancelled")
        for language in LOCALES
    }

    assert all("R$\xa01,250.50" in message.text for (_, language), message in texts.items() if language == "en")
    assert all("R$\xa01.250,50" in message.html for (_, language), message in texts.items() if language == "pt-BR")
    assert len({message.text for message in texts.values()}) == len({m.html for m in texts.values()}) == len(texts)
    assert "The screening is cancelled" in texts["screening_cancelled", "en"].text
    assert "They are yours" in texts["twice", "en"].html
    assert "chegou depois" in texts["late", "pt-BR"].text


EVERY_EMAIL = [(kind.name, language) for kind in EMAILS.values() for language in LOCALES]


def test_the_letter_of_a_hold_in_english() -> None:
    message = an_email("held")

    assert message.subject == "Pay by 18:00:30 UTC to keep A1, A2 for Oppenheimer"
    assert message.text == (
        "Your seats are held\n\n"
        "Pay by 18:00:30\xa0UTC and they are yours. After that anyone can take them.\n\n"
        "Movie   Oppenheimer\n"
        "Starts  Monday, 15 February 2044, 22:00\xa0UTC\n"
        "Room    A1\n"
        "Seats   A1, A2\n"
        "Total   R$\xa01,250.50\n\n"
        "Reservation res-1\n"
        "You did not ask for this? There is nothing to do: the hold ends by itself.\n\n"
        "Cinema Tickets\n"
    )


def test_the_letter_of_a_hold_in_portuguese_and_local_time() -> None:
    message = an_email("held", "pt-BR", "America/Sao_Paulo")

    assert message.subject == "Pague até 15:00:30 horário local (UTC−3) para garantir A1, A2: Oppenheimer"
    assert message.text == (
        "Seus assentos estão reservados\n\n"
        "Pague até 15:00:30\xa0horário local (UTC−3) e eles são seus."
        " Depois disso, ficam livres para qualquer pessoa.\n\n"
        "Filme     Oppenheimer\n"
        "Início    segunda-feira, 15 de fevereiro de 2044, 19:00\xa0horário local (UTC−3)\n"
        "Sala      A1\n"
        "Assentos  A1, A2\n"
        "Total     R$\xa01.250,50\n\n"
        "Reserva res-1\n"
        "Não foi você? Não é preciso fazer nada: a reserva expira sozinha.\n\n"
        "Cinema Tickets\n"
    )


def test_the_letter_of_a_payment_in_english() -> None:
    message = an_email("paid")

    assert message.subject == f"Your seats A1, A2 for Oppenheimer, Monday, 15 February 2044, 22:00 UTC · {CODE}"
    assert message.text == (
        "The seats are yours\n\n"
        "Your payment has arrived. We look forward to seeing you.\n\n"
        "Movie    Oppenheimer\n"
        "Starts   Monday, 15 February 2044, 22:00\xa0UTC\n"
        "Room     A1\n"
        "Seats    A1, A2\n"
        f"Code     {CODE}\n"
        "Paid     R$\xa01,250.50\n"
        "Paid on  Monday, 15 February 2044, 18:00\xa0UTC\n\n"
        "Your tickets are still being signed. You find them on our page, under «My tickets».\n\n"
        "Sale sale-1\n"
        "Reservation res-1\n\n"
        "Cinema Tickets\n"
    )


def test_the_letter_of_a_payment_in_portuguese() -> None:
    message = an_email("paid", "pt-BR")

    starts = "segunda-feira, 15 de fevereiro de 2044, 22:00 UTC"
    assert message.subject == f"Seus assentos A1, A2 para Oppenheimer, {starts} · {CODE}"
    for said in (
        "Os assentos são seus",
        f"Código    {CODE}",
        "Pago      R$\xa01.250,50",
        "Venda sale-1",
        "Reserva res-1",
    ):
        assert said in message.text


@pytest.mark.parametrize("kind", ["held", "paid", "refunded"])
@pytest.mark.parametrize("language", LOCALES)
def test_two_purchases_of_one_screening_have_subjects_of_their_own(kind: str, language: str) -> None:
    """Mail programs make one conversation of equal subjects, and one ticket is lost in it."""
    email = to_be_said(kind, language, a_session())
    other = replace(email, reservation=replace(email.reservation, seats=("B7",)))

    subjects = {TemplateEmailRenderer("UTC").render(each).subject for each in (email, other)}

    assert len(subjects) == 2


def test_the_same_seats_bought_again_are_told_apart_by_their_code() -> None:
    email = to_be_said("paid", "en", a_session())
    again = replace(email, reservation=email.reservation.confirmed(replace(a_sale(), id="sale-2")))

    assert TemplateEmailRenderer("UTC").render(email).subject != TemplateEmailRenderer("UTC").render(again).subject


@pytest.mark.parametrize(("kind", "language"), EVERY_EMAIL)
def test_what_is_free_of_charge_was_not_paid_for(kind: str, language: str) -> None:
    if kind == "refunded":
        return  # nothing goes back
    email = to_be_said(kind, language, a_session())
    message = TemplateEmailRenderer("UTC").render(
        replace(email, reservation=replace(email.reservation, amount=Decimal(0)))
    )

    for words in (message.subject, message.text, message.html):
        assert not re.search(r"R\$|\bpay|\bpaid|payment|\bpag[ou]|pagamento", words, re.IGNORECASE), words
    assert LOCALES[language].free_of_charge in message.text


@pytest.mark.parametrize(("kind", "language"), EVERY_EMAIL)
def test_a_title_from_right_to_left_turns_nothing_else_around(kind: str, language: str) -> None:
    title = "שלום עולם"
    message = an_email(kind, language, movie_title=title, room="קטן")

    assert f"\u2068{title}\u2069" in message.subject
    assert f"\u2068{title}\u2069" in message.text
    assert f"<bdi>{title}</bdi>" in message.html


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ("Asia/Kolkata", "Tuesday, 16 February 2044, 03:30\xa0local time (UTC+5:30)"),
        ("America/St_Johns", "Monday, 15 February 2044, 18:30\xa0local time (UTC−3:30)"),
        ("Europe/London", "Monday, 15 February 2044, 22:00\xa0local time (UTC+0)"),
    ],
)
def test_times_are_the_cinemas_and_say_how_far_from_utc(zone: str, said: str) -> None:
    assert said in an_email("paid", zone=zone).text


def test_a_language_that_we_do_not_speak_is_answered_in_english() -> None:
    message = an_email("paid", "tlh")

    assert (message.language, message.subject) == ("en", an_email("paid").subject)


class Words(HTMLParser):
    """The visible text of an HTML page, and each tag with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.said.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.said).split())


@pytest.mark.parametrize(("kind", "language"), EVERY_EMAIL)
def test_html_and_text_say_the_same(kind: str, language: str) -> None:
    message = an_email(kind, language)
    seen = Words(message.html).text

    for line in message.text.splitlines():
        for said in re.split(r" {2,}", line):
            assert " ".join(said.split()) in seen, said


@pytest.mark.parametrize(("kind", "language"), EVERY_EMAIL)
def test_html_names_its_language_and_fetches_nothing(kind: str, language: str) -> None:
    html = an_email(kind, language).html
    tags = Words(html).tags

    assert ("html", {"lang": language}) in tags
    assert not [tag for tag, _ in tags if tag in ("img", "script", "link", "iframe", "a")]
    assert "url(" not in html
    assert "http" not in html


@pytest.mark.parametrize("language", LOCALES)
@pytest.mark.parametrize("ending", ["txt", "html"])
def test_each_kind_has_its_templates_in_each_language(language: str, ending: str) -> None:
    found = {path.stem for path in (TEMPLATES / language).glob(f"*.{ending}")}

    assert found == {kind.name for kind in EMAILS.values()}


# What was typed by someone.

HOSTILE = '</title><script>alert(1)</script>\r\nBcc: all@example.com\u2028{{ 7 * 7 }} & "Ça" 日本'


@pytest.mark.parametrize(("kind", "language"), EVERY_EMAIL)
def test_a_title_can_not_become_html(kind: str, language: str) -> None:
    html = an_email(kind, language, movie_title=HOSTILE, room="<b onclick=x>1").html
    tags = {tag for tag, _ in Words(html).tags}

    assert not tags & {"script", "b"}
    assert "&lt;script&gt;" in html
    assert "{{ 7 * 7 }} &amp; &#34;Ça&#34; 日本" in html


@pytest.mark.parametrize(("kind", "language"), EVERY_EMAIL)
def test_a_title_can_not_become_a_header_or_another_line(kind: str, language: str) -> None:
    message = an_email(kind, language, movie_title=HOSTILE)
    received = as_received(message)

    assert received["Bcc"] is None
    assert len(message.subject.splitlines()) == 1
    assert received["Subject"] == message.subject
    assert 'Bcc: all@example.com {{ 7 * 7 }} & "Ça" 日本' in message.text
    assert len(message.text.splitlines()) == len(an_email(kind, language).text.splitlines())


@pytest.mark.parametrize("line_break", ["\r\n", "\n"])
def test_a_line_break_in_a_header_is_refused(line_break: str) -> None:
    message = replace(an_email("held"), subject=f"Hi{line_break}Bcc: all@example.com")

    with pytest.raises(HeaderParseError):
        build_mime(message, SENDER).as_bytes()


@given(st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=200).filter(str.strip))
@example("=?utf-8?q?x?=")
@example('& "Ça" 日本 =?utf-8?q?x?= é')
def test_a_reader_sees_each_title_as_it_was_typed(title: str) -> None:
    received = as_received(an_email("paid", movie_title=title))

    assert " ".join(title.split()) in received["Subject"]
    assert received.keys() == as_received(an_email("paid")).keys()


# The message on the wire.


def as_received(message: RenderedEmail) -> EmailMessage:
    return message_from_bytes(build_mime(message, SENDER).as_bytes(), EmailMessage, policy=default)


def test_a_reader_finds_text_and_html_whatever_its_program_can_show() -> None:
    message = an_email("paid", "pt-BR", movie_title="Ação e emoção — " * 10)
    raw = build_mime(message, SENDER).as_bytes()
    received = as_received(message)

    assert raw.isascii()
    assert max(map(len, raw.splitlines())) <= 998
    assert received.get_content_type() == "multipart/alternative"
    text, html = (received.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None
    assert html is not None
    assert text.get_content().replace("\r\n", "\n") == message.text
    assert html.get_content().replace("\r\n", "\n").strip() == message.html.strip()


def test_a_letter_says_who_sends_it_to_whom_and_that_nobody_need_answer() -> None:
    received = as_received(an_email("held", "pt-BR"))

    assert received["From"] == "Cinema Tickets <tickets@example.com>"
    assert received["To"] == "ana@example.com"
    assert received["Content-Language"] == "pt-BR"
    assert received["Auto-Submitted"] == "auto-generated"
