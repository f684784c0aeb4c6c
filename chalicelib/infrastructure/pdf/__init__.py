"""Printing: pages of text as PDF.

fpdf warns, at its first import, that Pillow is missing, which does not ship: our documents have no images.
"""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import fpdf  # noqa: F401 - imported here once, without the warning
