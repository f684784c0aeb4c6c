"""Invoices as PDF, read back: in any script, of any length, and always the same."""

import io
import os
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from chalicelib.domain.booking_codes import booking_code
from chalicelib.domain.invoices import ENGLISH, PORTUGUESE, Invoice
from chalicelib.infrastructure.invoices.pdf import LOCALES, _Sheet, print_invoice
from chalicelib.infrastructure.pdf.a4_document import FONT, Pen
from chalicelib.infrastructure.pdf.arabic import join_arabic_letters
from tests.builders import a_bill
from tests.effort import effort


def an_invoice(**changes: Any) -> Invoice:
    return Invoice(a_bill(**changes), 41)


def read(pdf: bytes) -> PdfReader:
    return PdfReader(io.BytesIO(pdf))


def text_of(invoice: Invoice) -> str:
    return "\n".join(page.extract_text() for page in read(print_invoice(invoice)).pages)


def test_an_invoice_names_all_that_a_buyer_and_an_accountant_ask_for() -> None:
    invoice = an_invoice(seats=("A1", "A2"), starts_at=datetime(2044, 2, 15, 19, tzinfo=UTC))
    bill, text = invoice.bill, text_of(invoice)

    for expected in (
        *("Invoice", "2044-000041", "2044-02-15", "Page 1 of 1"),
        *(*bill.seller, bill.user_id[:20], bill.movie_title, "Room A1", "2044-02-15, 19:00 UTC"),
        *("A1", "A2", "R$ 25.00", "Total", "R$ 50.00", "credit card", "tx-1", bill.reservation_id),
    ):
        assert expected in text


def test_an_invoice_in_portuguese_has_its_words_and_its_numbers() -> None:
    text = text_of(an_invoice(language=PORTUGUESE, amount=Decimal("1234567.50"), movie_title="Coração de Herói"))

    for expected in (
        "Fatura",
        "15/02/2044",
        "Início",
        "Transação",
        "R$ 1.234.567,50",
        "Coração de Herói",
        "Página 1 de 1",
    ):
        assert expected in text


def test_a_screening_is_told_in_the_cinemas_time_and_a_payment_in_the_one_of_its_number() -> None:
    new_year = datetime(2045, 1, 1, 0, 30, tzinfo=UTC)
    text = text_of(an_invoice(paid_at=new_year, starts_at=new_year, time_zone="America/Sao_Paulo"))

    for expected in ("Starts 2044-12-31, 21:30 UTC-03:00", "2045-000041", "2045-01-01, 00:30 UTC\n"):
        assert expected in text


def test_an_unknown_language_is_english() -> None:
    assert "Invoice" in text_of(an_invoice(language="tlh"))


def test_both_languages_differ_in_what_they_call_things() -> None:
    assert set(LOCALES) == {ENGLISH, PORTUGUESE}


def test_the_document_says_what_it_is() -> None:
    about = read(print_invoice(an_invoice())).metadata

    assert about
    assert (about.title, about.author) == ("Invoice 2044-000041", "Cine São José")
    assert about.creation_date == an_invoice().bill.paid_at.replace(microsecond=0)


@pytest.mark.parametrize(
    "title",
    [
        "Ação: São João à noite — “ótimo”",
        "Привет, мир",
        "Γειά Κόσμε Ωραία",
        "Đừng đốt",
        "Příliš žluťoučký kůň",
        "ქართული",
    ],
)
def test_titles_of_many_languages_can_be_read(title: str) -> None:
    assert title in text_of(an_invoice(movie_title=title))


def test_a_letter_that_the_font_lacks_is_a_box_and_the_rest_can_be_read() -> None:
    assert "□□ Zwei 🎬".replace("🎬", "□") in text_of(an_invoice(movie_title="千と Zwei 🎬".replace("と", "尋")))


@pytest.mark.parametrize("title", ["{nb}", "{pages}", "**bold** __x__", "\\(a)", "<b>", "\U000f0000"])
def test_what_has_a_meaning_elsewhere_is_only_text_here(title: str, caplog: pytest.LogCaptureFixture) -> None:
    text = text_of(an_invoice(movie_title=f"A {title} Z"))

    assert f"A {title} Z".replace("\U000f0000", "□") in text
    assert "Page 1 of 1" in text
    assert not caplog.records


def test_hebrew_is_written_from_right_to_left() -> None:
    """As the letters lie on the page: pypdf, too, reads them from right to left."""
    assert "שלום עולם" in text_of(an_invoice(movie_title="שלום עולם"))


THIRTEEN_WORDS = "אחת שתיים שלוש ארבע חמש שש שבע שמונה תשע עשר ואחת ושתיים ושלוש סוף"


def test_a_long_hebrew_title_is_broken_first_and_ordered_line_by_line() -> None:
    lines = text_of(an_invoice(movie_title=THIRTEEN_WORDS * 2)).split("\n")
    title = [line.strip() for line in lines if "שלוש" in line or "שבע" in line or "אחת" in line]

    assert len(title) > 1
    assert title[0].startswith("אחת שתיים")
    assert " ".join(title).split() == (THIRTEEN_WORDS * 2).split()


def test_a_line_of_both_directions_keeps_the_direction_of_its_title() -> None:
    """Lines are read with their letters from left to right, by where they are drawn."""
    title = "סרט על Brazil 1985 ועוד מילים רבות מאוד כדי למלא שורה שלמה אחת Gilliam"

    lines = drawn_lines(an_invoice(movie_title=title))
    [first, *_] = [line for line in lines if "Brazil" in line]

    assert first.index("Brazil") < first.index("סרט"[::-1])  # what is read later lies further to the left
    assert "Brazil" in first
    assert "1985" in first


def test_arabic_letters_are_joined() -> None:
    """Forms of letters: initial, medial, final, and lam with alef in one."""
    assert join_arabic_letters("سلام") == "\ufeb3\ufefc\ufee1"
    assert join_arabic_letters("قاعة") == "\ufed7\ufe8e\ufecb\ufe94"
    assert join_arabic_letters("سِينما") == "\ufeb3\u0650\ufef4\ufee8\ufee4\ufe8e"  # a vowel sign parts nobody
    assert join_arabic_letters("چای") == "\ufb7c\ufe8e\ufbfc"  # Persian
    assert join_arabic_letters("Brazil שלום") == "Brazil שלום"
    assert join_arabic_letters("الجمال")[-1] == "\ufedd"  # lam at the end
    assert join_arabic_letters("لِ") == "\ufedd\u0650"


def test_an_arabic_title_is_on_paper_with_its_letters_joined() -> None:
    [line] = [line for line in drawn_lines(an_invoice(movie_title="سينما باراديسو")) if "\ufeb3" in line]

    assert line == join_arabic_letters("سينما باراديسو")[::-1]


def test_an_invoice_has_the_booking_code_of_the_letter_and_the_ticket() -> None:
    invoice = an_invoice()

    assert booking_code(invoice.bill.sale_id) in text_of(invoice)


def drawn_lines(invoice: Invoice) -> list[str]:
    """Gives the drawn lines, letters from left to right, by the codes that are drawn and the font's table of codes."""
    sheet = Recorded(invoice)
    sheet.add_screening()
    return sheet.drawn


class Recorded(_Sheet):
    """A page that records the lines which are drawn."""

    def __init__(self, invoice: Invoice) -> None:
        self.drawn: list[str] = []
        super().__init__(invoice)

    def lines_in_drawing_order(self, text: str, pen: Pen, width: float) -> list[str]:
        lines = super().lines_in_drawing_order(text, pen, width)
        self.drawn += lines
        return lines


@settings(max_examples=effort(8, 25), deadline=None)
@given(
    title=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=200),
    user=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=128),
)
@example(title="0", user="\n")
@example(title="\u200f", user="\u2029")
def test_no_text_is_too_strange_to_be_printed(title: str, user: str) -> None:
    assert len(read(print_invoice(an_invoice(movie_title=title, user_id=user))).pages) >= 1


def test_the_longest_of_everything_goes_on_other_pages_with_the_captions_again() -> None:
    seats = tuple(f"AAA{number}" for number in range(1, 51))
    invoice = an_invoice(
        seats=seats, movie_title="M" * 200, user_id="u" * 128, transaction_id="W" * 100, payment_method="W" * 50
    )
    pages = [page.extract_text() for page in read(print_invoice(invoice)).pages]

    assert [f"Page {number} of {len(pages)}" in page for number, page in enumerate(pages, 1)] == [True] * len(pages)
    assert all("2044-000041" in page for page in pages)
    assert all("Seat" in page for page in pages if "AAA" in page)
    words = " ".join(pages).split()
    assert [word for word in words if word in seats] == list(seats)


def test_only_the_letters_in_use_are_embedded() -> None:
    pdf = print_invoice(an_invoice())

    assert len(pdf) < 40_000
    fonts: Any = read(pdf).pages[0]["/Resources"]
    names = [font.get_object()["/BaseFont"] for font in fonts["/Font"].values()]
    assert len(names) == 2
    assert all("+DejaVu" in name for name in names), names
    assert FONT.startswith("DejaVu")


def test_the_same_invoice_is_the_same_bytes_in_another_process_at_another_time() -> None:
    script = (
        "import sys, datetime; from tests.unit.infrastructure.test_invoice_pdf import same_invoice, print_invoice;"
        "sys.stdout.buffer.write(print_invoice(same_invoice()))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    other = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=True).stdout

    assert other == print_invoice(same_invoice()) == print_invoice(same_invoice())


def same_invoice() -> Invoice:
    return an_invoice(reservation_id="res-1", sale_id="sale-1", user_id="ana")
