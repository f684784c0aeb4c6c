"""Printing: pages of text as PDF, by fpdf2.

It is imported here, before anything else may: it warns at its first import that Pillow is missing, which does not ship.
Our documents have no images.
"""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from fpdf import FPDF, FontFace
    from fpdf.bidi import BidiParagraph
    from fpdf.enums import MethodReturnValue, TableBordersLayout, XPos, YPos

__all__ = ["FPDF", "BidiParagraph", "FontFace", "MethodReturnValue", "TableBordersLayout", "XPos", "YPos"]
