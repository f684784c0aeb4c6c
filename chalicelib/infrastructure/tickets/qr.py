"""QR codes of tickets: as SVG for pages, as PNG for emails, as rectangles for PDFs."""

import io
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

import segno

ERROR_CORRECTION = "m"
"""15 % of the code may be unreadable: a scratch, a thumb, a reflection."""
QUIET_DOTS = 4
"""The white margin that a reader needs on each side (ISO/IEC 18004)."""
PIXELS_A_DOT = 6


def to_qr(token: str) -> segno.QRCode:
    """Makes the QR code of a token, in alphanumeric mode and in the smallest version that fits."""
    return segno.make(token, error=ERROR_CORRECTION, mode="alphanumeric", micro=False, boost_error=False)


def to_svg_without_size(token: str) -> str:
    """Writes the QR code of a token as SVG without width and height, for embedding in a page."""
    out = io.BytesIO()
    to_qr(token).save(out, kind="svg", xmldecl=False, svgns=True, omitsize=True, border=QUIET_DOTS)
    return out.getvalue().decode()


def to_png(token: str) -> bytes:
    """Draws the QR code of a token as PNG, for emails, where SVG is not shown."""
    out = io.BytesIO()
    to_qr(token).save(out, kind="png", scale=PIXELS_A_DOT, border=QUIET_DOTS)
    return out.getvalue()


class Rectangle(NamedTuple):
    """A dark rectangle of a QR code, one dot high. All numbers are in dots."""

    column: int
    row: int
    width: int


class QrRectangles(NamedTuple):
    width_with_margin: int
    """The width of the whole code with its margin, in dots."""
    dark: list[Rectangle]


def qr_rectangles(token: str) -> QrRectangles:
    """Gives the dark parts of a token's QR code as rectangles, for drawing in a PDF."""
    rows = list(to_qr(token).matrix_iter(border=QUIET_DOTS))
    dark = [Rectangle(column, row, width) for row, dots in enumerate(rows) for column, width in _dark_runs(dots)]
    return QrRectangles(len(rows), dark)


def _dark_runs(dots: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Gives the column and the width of each run of dark dots in a row."""
    place = 0
    for is_dark, run in groupby(dots):
        width = len(list(run))
        if is_dark:
            yield place, width
        place += width
