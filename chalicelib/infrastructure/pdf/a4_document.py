"""Pages of text in any script that the font has, for every document that we print.

fpdf2 lays them out. The font is DejaVu Sans Condensed, of which only the letters in use are embedded: it has Latin,
Greek, Cyrillic, Arabic, Hebrew, Armenian and Georgian. Letters that it lacks (Chinese, emoji) are empty boxes.
"""

from datetime import datetime
from pathlib import Path
from typing import Any
from unicodedata import normalize

from . import FPDF, BidiParagraph, MethodReturnValue, XPos, YPos
from .arabic import join_arabic_letters

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


class A4Document(FPDF):
    """An A4 document. Each text is written below the one before it."""

    def __init__(self, title: str, author: str, language: str, created_at: datetime) -> None:
        """Makes a document without pages. The same arguments and texts make the same bytes."""
        super().__init__(format="A4")
        self.set_margin(MARGIN)
        self.c_margin = 0
        self.alias_nb_pages(PAGES)
        self.set_auto_page_break(True, margin=MARGIN + GAP)
        self.add_font(FONT, "", FONTS / "DejaVuSansCondensed.ttf")
        self.add_font(FONT, "B", FONTS / "DejaVuSansCondensed-Bold.ttf")
        self.set_title(title)
        self.set_author(author)
        self.set_lang(language)
        self.set_creation_date(created_at)

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
        """Writes a text in lines of `width` millimetres. A `width` of 0 means the page's width without its margins.

        The next text begins below this one, at the left margin.
        """
        self._set_pen(size, color, style)
        lines = "\n".join(self._lines(text, width))
        self.multi_cell(width, line_height_mm(size), lines, align=align, new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def _lines(self, text: str, width: float) -> list[str]:
        """Breaks a text into lines for the current font. The letters of each line are in drawing order."""
        return [line for paragraph in text.split("\n") for line in self._lines_of_paragraph(paragraph, width)]

    def _lines_of_paragraph(self, paragraph: str, width: float) -> list[str]:
        direction = BidiParagraph(paragraph).base_direction
        measured: Any = self.multi_cell(
            (width or self.epw) - A_HAIR, text=self._drawable(paragraph), dry_run=True, output=MethodReturnValue.LINES
        )
        return [BidiParagraph(line, direction).get_reordered_string() for line in measured] or [""]

    def _drawable(self, text: str) -> str:
        """Joins Arabic letters, and replaces each letter that the font lacks by a box."""
        font: Any = self.current_font
        shaped = [letter for letter in join_arabic_letters(text) if letter not in UNSEEN]
        return "".join(letter if ord(letter) in font.cmap else self._plain_letters(letter, font) for letter in shaped)

    @staticmethod
    def _plain_letters(letter: str, font: Any) -> str:
        """Splits a ligature, as ﬁ, into its plain letters. Gives a box if the font lacks one of them."""
        plain = normalize("NFKC", letter)
        return plain if all(ord(each) in font.cmap for each in plain) else MISSING

    def _set_pen(self, size: float, color: tuple[int, int, int] = INK, style: str = "") -> None:
        self.set_font(FONT, style, size)
        self.set_text_color(*color)


def line_height_mm(size: float) -> float:
    """Gives the height of a line in millimetres. `size` is the size of its letters in points."""
    return size * MM_PER_POINT * LEADING
