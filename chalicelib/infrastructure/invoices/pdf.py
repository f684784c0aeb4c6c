"""An invoice as PDF: A4, in English or Brazilian Portuguese, the same bytes for the same invoice.

fpdf2 lays it out. The font is DejaVu Sans Condensed, of which only the letters in use are embedded: it has Latin,
Greek, Cyrillic, Arabic, Hebrew, Armenian and Georgian. Letters that it lacks (Chinese, emoji) are empty boxes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from unicodedata import normalize
from zoneinfo import ZoneInfo

from fpdf import FPDF, FontFace
from fpdf.bidi import BidiParagraph
from fpdf.enums import MethodReturnValue, TableBordersLayout, XPos, YPos

from chalicelib.domain.booking_codes import booking_code
from chalicelib.domain.invoices import ENGLISH, PORTUGUESE, Bill, Invoice
from chalicelib.domain.money import Money

from .arabic import joined

FONTS = Path(__file__).parent / "fonts"
FONT = "DejaVu"
MISSING = "□"
UNSEEN = frozenset("\u061c\u200e\u200f\u2066\u2067\u2068\u2069")
"""Characters that set the direction of a text, and are not drawn."""
A_HAIR = 0.01
"""How many millimetres wider a line may become when its letters are reordered: a sum of floats depends on their
order."""
PAGES = "\U000f0000"
"""A placeholder for the number of pages, until the number is known. No text can contain this character: the font lacks
it."""

INK, FAINT, ACCENT = (32, 33, 36), (104, 107, 114), (158, 27, 50)
PAPER, SHADE, LINE = (255, 255, 255), (245, 245, 247), (218, 220, 224)
"""Colours, as red, green and blue."""

MARGIN, GAP = 20, 8
"""The page's margin and the gap between its parts, in millimetres as all lengths here. Sizes of letters are in
points."""
LEADING = 1.45
MM_PER_POINT = 25.4 / 72


@dataclass(frozen=True)
class Words:
    """The words of an invoice in one language, and how it writes money and dates."""

    invoice: str
    from_: str
    to: str
    issued: str
    room: str
    starts: str
    seat: str
    price: str
    total: str
    payment: str
    transaction: str
    paid: str
    reservation: str
    code: str
    page: str
    thousands: str
    decimals: str
    day: str

    def money(self, amount: Decimal) -> str:
        money = Money.of(amount)
        return f"{money.symbol} {money.format(self.thousands, self.decimals)}"

    def date(self, moment: datetime) -> str:
        return self.day.format(year=moment.year, month=moment.month, day=moment.day)

    def moment(self, moment: datetime) -> str:
        """Writes date, time and distance from UTC: 2024-02-15, 16:00 UTC-03:00."""
        distance = moment.isoformat()[-6:] if moment.utcoffset() else ""
        return f"{self.date(moment)}, {moment:%H:%M} UTC{distance}"


WORDS = {
    ENGLISH: Words(
        invoice="Invoice",
        from_="From",
        to="To",
        issued="Date",
        room="Room",
        starts="Starts",
        seat="Seat",
        price="Price",
        total="Total",
        payment="Paid by",
        transaction="Transaction",
        paid="Paid at",
        reservation="Reservation",
        code="Booking code",
        page="Page {page} of {pages}",
        thousands=",",
        decimals=".",
        day="{year:04}-{month:02}-{day:02}",
    ),
    PORTUGUESE: Words(
        invoice="Fatura",
        from_="De",
        to="Para",
        issued="Data",
        room="Sala",
        starts="Início",
        seat="Assento",
        price="Preço",
        total="Total",
        payment="Pago com",
        transaction="Transação",
        paid="Pago em",
        reservation="Reserva",
        code="Código da compra",
        page="Página {page} de {pages}",
        thousands=".",
        decimals=",",
        day="{day:02}/{month:02}/{year:04}",
    ),
}


def printed(invoice: Invoice) -> bytes:
    """Gives the invoice as PDF: the same bytes whenever it is made, because the file's dates are the sale's.

    The payment's time is in UTC, as is the year of the invoice's number. The screening's time is the cinema's own.
    """
    sheet = _Sheet(invoice)
    sheet.add_head()
    sheet.add_parties()
    sheet.add_screening()
    sheet.add_seats()
    sheet.add_payment()
    return bytes(sheet.output())


class _Sheet(FPDF):
    """The pages of an invoice. Each `add_` method draws one part, below the part before it."""

    def __init__(self, invoice: Invoice) -> None:
        super().__init__(format="A4")
        self.invoice, self.bill = invoice, invoice.bill
        self.words = WORDS.get(invoice.bill.language, WORDS[ENGLISH])
        self.set_margin(MARGIN)
        self.c_margin = 0
        self.alias_nb_pages(PAGES)
        self.set_auto_page_break(True, margin=MARGIN + GAP)
        self.add_font(FONT, "", FONTS / "DejaVuSansCondensed.ttf")
        self.add_font(FONT, "B", FONTS / "DejaVuSansCondensed-Bold.ttf")
        self._set_metadata(self.bill)
        self.add_page()

    def _set_metadata(self, bill: Bill) -> None:
        self.set_title(f"{self.words.invoice} {self.invoice.number}")
        self.set_author(bill.seller[0])
        self.set_lang(bill.language)
        self.set_creation_date(bill.paid_at)

    def footer(self) -> None:
        self.set_y(-MARGIN)
        self._set_pen(8, FAINT)
        self.cell(self.epw / 2, text=self.words.page.format(page=self.page_no(), pages=PAGES))
        self.cell(self.epw / 2, text=self.invoice.number, align="R")

    def add_head(self) -> None:
        self.set_fill_color(*ACCENT)
        self.rect(0, 0, self.w, 3, style="F")
        self.set_y(MARGIN)
        half = self.epw / 2
        top = self.get_y()
        self._write(self.bill.seller[0], 15, width=half, style="B")
        left_end = self.get_y()
        self.set_xy(MARGIN + half, top)
        self._write(self.words.invoice, 15, ACCENT, width=half, style="B", align="R")
        self.set_xy(MARGIN + half, self.get_y())
        self._write(self.invoice.number, 11, width=half, align="R")
        self.set_y(max(left_end, self.get_y()) + GAP)

    def add_parties(self) -> None:
        bill, words = self.bill, self.words
        self._write_columns(
            [
                (words.from_, "\n".join(bill.seller)),
                (words.to, bill.user_id),
                (words.issued, words.date(bill.paid_at)),
            ],
            (0.42, 0.36, 0.22),
        )

    def add_screening(self) -> None:
        bill, words = self.bill, self.words
        starts_at = bill.starts_at.astimezone(ZoneInfo(bill.time_zone))
        self._draw_rule()
        self._write(bill.movie_title, 17, style="B")
        self._write(f"{words.room} {bill.room}  ·  {words.starts} {words.moment(starts_at)}", 10, FAINT)
        self.ln(GAP)

    def add_seats(self) -> None:
        words, money = self.words, self.words.money
        self._set_pen(10)
        self.set_draw_color(*LINE)
        self.set_fill_color(*PAPER)
        with self.table(
            align="LEFT",
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            col_widths=(3, 1),
            headings_style=FontFace(emphasis="", color=FAINT, size_pt=8),
            line_height=_line_height(10),
            padding=(1.2, 2),
            text_align=("LEFT", "RIGHT"),
            width=self.epw,
        ) as table:
            table.row((words.seat, words.price))
            for seat in self.bill.seats:
                table.row((seat, money(self.bill.unit_price)))
            total = FontFace(emphasis="BOLD", color=INK, fill_color=SHADE, size_pt=11.5)
            table.row((words.total, money(self.bill.amount)), style=total)
        self.ln(GAP)

    def add_payment(self) -> None:
        bill, words = self.bill, self.words
        method = bill.payment_method.replace("_", " ")
        self._write_columns(
            [
                (words.payment, method),
                (words.transaction, bill.transaction_id),
                (words.paid, words.moment(bill.paid_at)),
            ],
            (0.28, 0.36, 0.36),
        )
        self._write_columns(
            [(words.code, booking_code(bill.sale_id)), (words.reservation, bill.reservation_id)],
            (0.28, 0.72),
        )

    def _write_columns(self, columns: Sequence[tuple[str, str]], shares: Sequence[float]) -> None:
        """Writes captions side by side, each with its text below; all on one page. `shares` are parts of the width."""
        tallest = max(self._text_height(text, share) for (_, text), share in zip(columns, shares, strict=True))
        if self.will_page_break(_line_height(8) + tallest):
            self.add_page()
        top, left, lowest = self.get_y(), float(MARGIN), 0.0
        for (caption, text), share in zip(columns, shares, strict=True):
            width = share * self.epw - 3
            self.set_xy(left, top)
            self._write(caption, 8, FAINT, width=width)
            self.set_x(left)
            self._write(text, 10, width=width)
            left, lowest = left + share * self.epw, max(lowest, self.get_y())
        self.set_xy(MARGIN, lowest + GAP / 2)

    def _text_height(self, text: str, share: float) -> float:
        self._set_pen(10)
        return len(self._lines(text, share * self.epw - 3)) * _line_height(10)

    def _draw_rule(self) -> None:
        self.ln(2)
        self.set_draw_color(*LINE)
        self.line(MARGIN, self.get_y(), self.w - MARGIN, self.get_y())
        self.ln(GAP)

    def _write(
        self,
        text: str,
        size: float,
        color: tuple[int, int, int] = INK,
        *,
        width: float = 0,
        style: str = "",
        align: str = "L",
    ) -> None:
        """Writes a text in lines of `width`, in mm; 0 is the page's. The next text begins below, at the left margin."""
        self._set_pen(size, color, style)
        lines = "\n".join(self._lines(text, width))
        self.multi_cell(width, _line_height(size), lines, align=align, new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def _lines(self, text: str, width: float) -> list[str]:
        """Breaks a text into lines for the present font, each with its letters in the order in which they are drawn."""
        return [line for paragraph in text.split("\n") for line in self._lines_of_paragraph(paragraph, width)]

    def _lines_of_paragraph(self, paragraph: str, width: float) -> list[str]:
        direction = BidiParagraph(paragraph).base_direction
        measured: Any = self.multi_cell(
            (width or self.epw) - A_HAIR, text=self._drawable(paragraph), dry_run=True, output=MethodReturnValue.LINES
        )
        return [BidiParagraph(line, direction).get_reordered_string() for line in measured] or [""]

    def _drawable(self, text: str) -> str:
        """Gives the text with Arabic joined, and a box for each letter that the font lacks."""
        font: Any = self.current_font
        shaped = [letter for letter in joined(text) if letter not in UNSEEN]
        return "".join(letter if ord(letter) in font.cmap else self._plain_letters(letter, font) for letter in shaped)

    @staticmethod
    def _plain_letters(letter: str, font: Any) -> str:
        """Splits a ligature, as ﬁ, into its plain letters. Gives a box if the font lacks one of them."""
        plain = normalize("NFKC", letter)
        return plain if all(ord(each) in font.cmap for each in plain) else MISSING

    def _set_pen(self, size: float, color: tuple[int, int, int] = INK, style: str = "") -> None:
        self.set_font(FONT, style, size)
        self.set_text_color(*color)


def _line_height(size: float) -> float:
    """Gives the height of a line in millimetres, by the size of its letters in points."""
    return size * MM_PER_POINT * LEADING
