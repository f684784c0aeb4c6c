"""QR codes of tickets, as SVG."""

import io

import segno

ERROR_CORRECTION = "m"
"""15 % of the code may be unreadable: a scratch, a thumb, a reflection."""


def to_qr(token: str) -> segno.QRCode:
    """Makes the QR code of a token: in alphanumeric mode, and of the smallest version that holds it."""
    return segno.make(token, error=ERROR_CORRECTION, mode="alphanumeric", micro=False, boost_error=False)


def to_svg(token: str) -> str:
    """Writes the QR code as SVG without a size of its own, to be put into a page."""
    out = io.BytesIO()
    to_qr(token).save(out, kind="svg", xmldecl=False, svgns=True, omitsize=True, border=4)
    return out.getvalue().decode()
