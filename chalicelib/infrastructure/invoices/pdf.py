"""An invoice as PDF: A4, in English or Brazilian Portuguese, the same bytes for the same invoice."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from chalicelib.domain.booking_codes import booking_code
from chalicelib.domain.invoices import ENGLISH, PORTUGUESE, Invoice
from chalicelib.domain.money import Money
from chalicelib.infrastructure.pdf.a4_document import (
    ACCENT,
    FAINT,
    GAP,
    HEIGHT,
    MARGIN,
    SHADE,
    TEXT_WIDTH,
    WIDTH,
    A4Document,
    Pen,
)
from chalicelib.infrastructure.pdf.document_locale import DocumentLocale

CAPTION, BODY, TOTAL = Pen(8, FAINT), Pen(10), Pen(11.5, is_bold=True)
ABOVE_A_ROW, BESIDE_A_ROW = 1.2, 2
"""The empty space above and below the text of a row of the table of seats, and at its sides, in millimetres."""


@dataclass(frozen=True, kw_only=True)
class InvoiceLocale(DocumentLocale):
    """The words of an invoice in one language, and the formats of money and dates."""

    invoice: str
    from_: str
    to: str
    issued: str
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

    def money(self, amount: Decimal) -> str:
        money = Money.from_exact_amount(amount)
        return f"{money.symbol} {money.format(self.thousands, self.decimals)}"


LOCALES = {
    ENGLISH: InvoiceLocale(
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
        day_format="{year:04}-{month:02}-{day:02}",
    ),
    PORTUGUESE: InvoiceLocale(
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
        day_format="{day:02}/{month:02}/{year:04}",
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
    return sheet.finish_as_pdf()


class _Sheet(A4Document):
    """The pages of an invoice. Each `add_` method draws one part, below the part before it."""

    def __init__(self, invoice: Invoice) -> None:
        self.invoice, self.bill = invoice, invoice.bill
        self.words = LOCALES.get(invoice.bill.language, LOCALES[ENGLISH])
        title = f"{self.words.invoice} {invoice.number}"
        super().__init__(title, self.bill.seller[0], self.bill.language, self.bill.paid_at)

    def draw_footer_if_any(self, page: int, pages: int) -> None:
        top = HEIGHT - MARGIN
        self.draw_ordered_line(self.words.page.format(page=page, pages=pages), CAPTION, MARGIN, top)
        self.draw_ordered_line(self.invoice.number, CAPTION, MARGIN, top, align="right")

    def add_head(self) -> None:
        self.draw_rectangle(0, 0, WIDTH, 3, ACCENT)
        half, top = TEXT_WIDTH / 2, self.y
        self.write(self.bill.seller[0], Pen(15, is_bold=True), width_mm=half)
        left_end, self.y = self.y, top
        self.write(
            self.words.invoice, Pen(15, ACCENT, is_bold=True), left_mm=MARGIN + half, width_mm=half, align="right"
        )
        self.write(self.invoice.number, Pen(11), left_mm=MARGIN + half, width_mm=half, align="right")
        self.y = max(left_end, self.y) + GAP

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
        self.y += 2
        self.draw_rule()
        self.y += GAP
        self.write(bill.movie_title, Pen(17, is_bold=True))
        self.write(words.room_and_start(bill.room, starts_at), Pen(10, FAINT))
        self.y += GAP

    def add_seats(self) -> None:
        words, bill = self.words, self.bill
        self._add_row(words.seat, words.price, CAPTION)
        for seat in bill.seats:
            self._add_row(seat, words.money(bill.unit_price), BODY)
        self._add_row(words.total, words.money(bill.amount), TOTAL)
        self.y += GAP

    def _add_row(self, left: str, right: str, pen: Pen) -> None:
        """Draws a row of the table of seats. If there is no room, first begins a page, and draws the table's captions
        on it."""
        height = BODY.line_height_mm + 2 * ABOVE_A_ROW
        if not self.has_room(height):
            self.add_page()
            if pen is not CAPTION:
                self._add_row(self.words.seat, self.words.price, CAPTION)
        if pen is TOTAL:
            self.draw_rectangle(MARGIN, self.y, TEXT_WIDTH, height, SHADE)
        if pen is not CAPTION:
            self.draw_rule()
        top, width = self.y + (height - pen.line_height_mm) / 2, TEXT_WIDTH - 2 * BESIDE_A_ROW
        self.draw_ordered_line(left, pen, MARGIN + BESIDE_A_ROW, top, width)
        self.draw_ordered_line(right, pen, MARGIN + BESIDE_A_ROW, top, width, align="right")
        self.y += height

    def add_payment(self) -> None:
        bill, words = self.bill, self.words
        self._write_columns(
            [
                (words.payment, bill.payment_method.replace("_", " ")),
                (words.transaction, bill.transaction_id),
                (words.paid, words.date_time_and_utc_offset(bill.paid_at)),
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
        widths = [share * TEXT_WIDTH for share in shares]
        tallest = max(
            len(self.lines_in_drawing_order(text, BODY, width - 3))
            for (_, text), width in zip(columns, widths, strict=True)
        )
        if not self.has_room(CAPTION.line_height_mm + tallest * BODY.line_height_mm):
            self.add_page()
        top, left, lowest = self.y, float(MARGIN), 0.0
        for (caption, text), width in zip(columns, widths, strict=True):
            self.y = top
            self.write(caption, CAPTION, left_mm=left, width_mm=width - 3)
            self.write(text, BODY, left_mm=left, width_mm=width - 3)
            left, lowest = left + width, max(lowest, self.y)
        self.y = lowest + GAP / 2
