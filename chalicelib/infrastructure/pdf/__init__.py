"""Printing: pages of text as PDF, by fpdf2.

It is imported here, before anything else may: it warns at its first import that Pillow is missing, which does not ship.
Our documents have no images. Nor are they signed or encrypted by fpdf2: it is not to load cryptography for that.
"""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _hidden(package: str) -> Iterator[None]:
    """Makes the package one that can't be imported, in the block."""
    before = {package: sys.modules[package]} if package in sys.modules else {}
    sys.modules[package] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[package]
        sys.modules.update(before)


with warnings.catch_warnings(), _hidden("cryptography"):
    warnings.simplefilter("ignore")
    from fpdf import FPDF, FontFace
    from fpdf.bidi import BidiParagraph
    from fpdf.enums import MethodReturnValue, TableBordersLayout, XPos, YPos

__all__ = ["FPDF", "BidiParagraph", "FontFace", "MethodReturnValue", "TableBordersLayout", "XPos", "YPos"]
