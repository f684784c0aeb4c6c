"""Pages of text in any script that the font has, for every document that we print.

reportlab writes the file, python-bidi orders lines of both directions. The font is DejaVu Sans Condensed, of which only
the letters in use are embedded: it has Latin, Greek, Cyrillic, Arabic, Hebrew, Armenian and Georgian. Letters that it
lacks (Chinese, emoji) are empty boxes.

Lengths are in millimetres, from the left and from the top; sizes of letters are in points.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Literal, NamedTuple
from unicodedata import normalize

from bidi import get_base_level, get_display
from reportlab import rl_config
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import registerFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from .arabic import join_arabic_letters

Align = Literal["left", "right"]
Color = tuple[int, int, int]
"""Red, green and blue, each from 0 to 255."""

FONTS = Path(__file__).parent / "fonts"
FONT, BOLD_FONT = "DejaVuSansCondensed", "DejaVuSansCondensed-Bold"
MISSING = "□"
UNSEEN = frozenset("\u061c\u200e\u200f\u2066\u2067\u2068\u2069")
"""Characters that set the direction of a text, and are not drawn."""

INK, FAINT, ACCENT = (32, 33, 36), (104, 107, 114), (158, 27, 50)
SHADE, LINE, BLACK = (245, 245, 247), (218, 220, 224), (0, 0, 0)

WIDTH, HEIGHT = float(A4[0] / mm), float(A4[1] / mm)
MARGIN, GAP = 20, 8
"""The page's margin, and the gap between its parts."""
TEXT_WIDTH = WIDTH - 2 * MARGIN
LEADING = 1.45

rl_config.useA85 = 0  # text stays compressed bytes: as letters it is a quarter larger
_READING, _WRITING = Lock(), Lock()
"""Locks: one thread at a time reads a font, or embeds a part of it."""


class Pen(NamedTuple):
    """The look of a text. `size` is the size of its letters in points."""

    size: float
    color: Color = INK
    is_bold: bool = False

    @property
    def font(self) -> TTFont:
        return _font(BOLD_FONT if self.is_bold else FONT)

    @property
    def line_height_mm(self) -> float:
        return self.size_mm * LEADING

    @property
    def size_mm(self) -> float:
        return self.size * 25.4 / 72

    def width_mm_of(self, text: str) -> float:
        return float(self.font.stringWidth(text, self.size) / mm)

    def can_draw(self, letters: str) -> bool:
        """Tells whether the font has all of these letters."""
        known = self.font.face.charToGlyph
        return all(ord(letter) in known for letter in letters)


def _font(name: str) -> TTFont:
    with _READING:
        return _read_font(name)


@cache
def _read_font(name: str) -> TTFont:
    font = TTFont(name, FONTS / f"{name}.ttf", asciiReadable=False)
    registerFont(font)
    return font


class A4Document:
    """An A4 document. Each text is written below the one before it, at `y`, on the last page."""

    def __init__(self, title: str, author: str, language: str, created_at: datetime) -> None:
        """Makes a document of one empty page. The same arguments and texts make the same bytes."""
        self._title, self._author, self._language, self._created_at = title, author, language, created_at
        self._pages: list[list[Callable[[Canvas], None]]] = []
        self.add_page()

    def add_page(self) -> None:
        self._page: list[Callable[[Canvas], None]] = []
        self._pages.append(self._page)
        self.y: float = MARGIN

    def draw_footer_if_any(self, page: int, pages: int) -> None:
        """Draws what stands at the end of a page. Pages are counted from 1."""

    def has_room(self, height_mm: float) -> bool:
        """Tells whether something of this height has room on the page, below what is written."""
        return self.y + height_mm <= HEIGHT - MARGIN - GAP

    def write(
        self,
        text: str,
        pen: Pen,
        *,
        left_mm: float = MARGIN,
        width_mm: float = TEXT_WIDTH,
        align: Align = "left",
        drop_lines_after: int | None = None,
    ) -> None:
        """Writes a text in lines, on as many pages as it needs. `drop_lines_after` is the largest number of lines;
        further lines are left out."""
        for line in self.lines_in_drawing_order(text, pen, width_mm)[:drop_lines_after]:
            if not self.has_room(pen.line_height_mm):
                self.add_page()
            self.draw_ordered_line(line, pen, left_mm, self.y, width_mm, align)
            self.y += pen.line_height_mm

    def lines_in_drawing_order(self, text: str, pen: Pen, width_mm: float) -> list[str]:
        """Breaks a text into lines. Puts the letters of right-to-left words into visual order, so that each line can
        be drawn from left to right."""
        return [line for paragraph in text.split("\n") for line in _lines_of_paragraph(paragraph, pen, width_mm)]

    def draw_ordered_line(
        self, line: str, pen: Pen, left_mm: float, top_mm: float, width_mm: float = TEXT_WIDTH, align: Align = "left"
    ) -> None:
        """Draws letters that are already in visual order, from left to right. They are vertically in the middle of a
        line of text whose upper edge is `top_mm`."""
        baseline = HEIGHT - top_mm - pen.line_height_mm / 2 - 0.3 * pen.size_mm

        def draw(canvas: Canvas) -> None:
            canvas.setFont(pen.font.fontName, pen.size)
            canvas.setFillColorRGB(*_shares(pen.color))
            if align == "right":
                canvas.drawRightString((left_mm + width_mm) * mm, baseline * mm, line)
            else:
                canvas.drawString(left_mm * mm, baseline * mm, line)

        self._page.append(draw)

    def draw_rectangle(self, left_mm: float, top_mm: float, width_mm: float, height_mm: float, color: Color) -> None:
        def draw(canvas: Canvas) -> None:
            canvas.setFillColorRGB(*_shares(color))
            canvas.rect(
                left_mm * mm, (HEIGHT - top_mm - height_mm) * mm, width_mm * mm, height_mm * mm, stroke=0, fill=1
            )

        self._page.append(draw)

    def draw_rule(self, dash_mm: float | None = None) -> None:
        """Draws a line from margin to margin at `y`. If `dash_mm` is given, the line has dashes of this length."""
        at = (HEIGHT - self.y) * mm

        def draw(canvas: Canvas) -> None:
            canvas.setStrokeColorRGB(*_shares(LINE))
            canvas.setLineWidth(0.2 * mm)
            canvas.setDash([dash_mm * mm] if dash_mm else [])
            canvas.line(MARGIN * mm, at, (WIDTH - MARGIN) * mm, at)

        self._page.append(draw)

    def finish_as_pdf(self) -> bytes:
        """Gives the document's file. Nothing can be added afterwards."""
        for number, page in enumerate(self._pages, 1):
            self._page = page
            self.draw_footer_if_any(number, len(self._pages))
        file = BytesIO()
        with _WRITING:
            canvas = Canvas(
                file, A4, pageCompression=1, invariant=1, initialFontName=_font(FONT).fontName, lang=self._language
            )
            self._describe(canvas)
            for page in self._pages:
                for draw in page:
                    draw(canvas)
                canvas.showPage()
            canvas.save()
        return file.getvalue()

    def _describe(self, canvas: Canvas) -> None:
        created_at = self._created_at.astimezone(UTC).strftime("D:%Y%m%d%H%M%S+00'00'")
        canvas.setTitle(self._title)
        canvas.setAuthor(self._author)
        canvas.setCreator(self._author)
        canvas.setSubject(self._title)
        canvas.setDateFormatter(lambda *_: created_at)


def _lines_of_paragraph(paragraph: str, pen: Pen, width_mm: float) -> Iterator[str]:
    direction = "R" if paragraph and get_base_level(paragraph) else "L"  # it refuses to tell it of an empty text
    for line in _broken(_drawable(paragraph, pen), pen, width_mm):
        yield str(get_display(line, base_dir=direction))


def _broken(text: str, pen: Pen, width_mm: float) -> Iterator[str]:
    """Breaks a text at spaces, and within words that are wider than a line."""
    line = ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if pen.width_mm_of(longer) > width_mm:
            if line:
                yield line
            *full, longer = _broken_word(word, pen, width_mm)
            yield from full
        line = longer
    yield line


def _broken_word(word: str, pen: Pen, width_mm: float) -> Iterator[str]:
    part = ""
    for letter in word:
        if part and pen.width_mm_of(part + letter) > width_mm:
            yield part
            part = ""
        part += letter
    yield part


def _drawable(text: str, pen: Pen) -> str:
    """Joins Arabic letters. Puts a box in the place of each letter that the font lacks."""
    shaped = (letter for letter in join_arabic_letters(text) if letter not in UNSEEN)
    return "".join(letter if pen.can_draw(letter) else _plain_letters(letter, pen) for letter in shaped)


def _plain_letters(letter: str, pen: Pen) -> str:
    """Splits a ligature, such as ﬁ, into its plain letters. Gives one box instead if the font lacks any of these
    letters."""
    plain = normalize("NFKC", letter)
    return plain if pen.can_draw(plain) else MISSING


def _shares(color: Color) -> tuple[float, float, float]:
    red, green, blue = color
    return red / 255, green / 255, blue / 255
