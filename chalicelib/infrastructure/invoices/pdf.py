"""An invoice as PDF: A4, in English or Brazilian Portuguese, the same bytes for the same invoice."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from chalicelib.domain.booking_codes import booking_code
from chalicelib.domain.invoices import ENGLISH, PORTUGUESE, Invoice
from chalicelib.domain.money import Money
from chalicelib.infrastructure.pdf import FontFace, TableBordersLayout
from chalicelib.infrastructure.pdf.a4_document import (
    ACCENT,
    FAINT,
    GAP,
    INK,
    LINE,
    MARGIN,
    PAGES,
    PAPER,
    SHADE,
    A4Document,
    line_height_mm,
)


@dataclass(frozen=True)
class Words:
    """The words of an invoice in one language, and the formats of money and dates."""

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
        money = Money.from_exact_amount(amount)
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


def print_invoice(invoice: Invoice) -> bytes:
    """Prints the invoice as PDF. The same invoice always gives the same bytes, because the file's date is the sale's.

    The screening's time is in the cinema's time zone. The payment's time and the year in the invoice's number are in
    UTC.
    """
    sheet = _Sheet(invoice)
    sheet.add_head()
    sheet.add_parties()
    sheet.add_screening()
    sheet.add_seats()
    sheet.add_payment()
    return bytes(sheet.output())


class _Sheet(A4Document):
    """The pages of an invoice. Each `add_` method draws one part, below the part before it."""

    def __init__(self, invoice: Invoice) -> None:
        self.invoice, self.bill = invoice, invoice.bill
        self.words = WORDS.get(invoice.bill.language, WORDS[ENGLISH])
        title = f"{self.words.invoice} {invoice.number}"
        super().__init__(title, self.bill.seller[0], self.bill.language, self.bill.paid_at)
        self.add_page()

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
            line_height=line_height_mm(10),
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
        """Writes columns side by side on one page, each with a caption and a text below.

        `shares` are the columns' parts of the width.
        """
        tallest = max(self._text_height(text, share) for (_, text), share in zip(columns, shares, strict=True))
        if self.will_page_break(line_height_mm(8) + tallest):
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
        return len(self._lines(text, share * self.epw - 3)) * line_height_mm(10)
