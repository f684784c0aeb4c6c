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
    """Makes the QR code of a token: in alphanumeric mode, and of the smallest version that holds it."""
    return segno.make(token, error=ERROR_CORRECTION, mode="alphanumeric", micro=False, boost_error=False)


def to_svg(token: str) -> str:
    """Writes the QR code as SVG without a size of its own, to be put into a page."""
    out = io.BytesIO()
    to_qr(token).save(out, kind="svg", xmldecl=False, svgns=True, omitsize=True, border=QUIET_DOTS)
    return out.getvalue().decode()


def to_png(token: str) -> bytes:
    """Draws the QR code as PNG: mail programs show no SVG."""
    out = io.BytesIO()
    to_qr(token).save(out, kind="png", scale=PIXELS_A_DOT, border=QUIET_DOTS)
    return out.getvalue()


class Rectangle(NamedTuple):
    """A dark part of a QR code, one dot high; all in dots."""

    column: int
    row: int
    width: int


class Rectangles(NamedTuple):
    width: int
    """Of the whole code with its margin, in dots."""
    dark: list[Rectangle]


def to_rectangles(token: str) -> Rectangles:
    """Draws the QR code as rectangles."""
    rows = list(to_qr(token).matrix_iter(border=QUIET_DOTS))
    dark = [Rectangle(column, row, width) for row, dots in enumerate(rows) for column, width in _dark_runs(dots)]
    return Rectangles(len(rows), dark)


def _dark_runs(dots: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Gives the column and the width of each run of dark dots in a row."""
    place = 0
    for is_dark, run in groupby(dots):
        width = len(list(run))
        if is_dark:
            yield place, width
        place += width
