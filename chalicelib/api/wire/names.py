"""Names: which texts may name a film, a room, a buyer, a payment. People must see a name as it was written.

Names may be of any script, and emoji. The joiners within them can't be seen alone (Persian's ZWNJ, the ZWJ of a family)
and belong to them. Characters that turn the text around them, or end the line, belong to no name.
"""

import re
import unicodedata

LINES_AND_DIRECTIONS = r"\u2028-\u202e\u2066-\u2069"
"""Line and paragraph separators; embeddings, overrides and isolates of direction, with what ends them."""

BLANK = (
    r"\s\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u2065\u206a-\u206f"
    r"\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
)
"""Characters below 65,536 that show nothing, whatever their category: fillers, blank Braille."""

CONTROLS = r"\x00-\x1f\x7f-\x9f\ufffd"
"""Control characters. The last one is API Gateway's for bytes that were no UTF-8: the text is not as it was sent."""

_CONTROL = re.compile(f"[{CONTROLS}\ud800-\udfff]")
_TURNING = re.compile(f"[{LINES_AND_DIRECTIONS}]")
_BLANK = re.compile(f"[{BLANK}\U000e0000-\U000e0fff]")

UNSEEN = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Mn", "Me"})
"""Unicode's categories: spaces, controls, formats, surrogates; and marks, which show only on a letter."""


def fault_of(name: str) -> str | None:
    """Says why a text can't be a name, in words that http/messages.py translates; None when it can."""
    if name.isascii() and name.isprintable() and not name.isspace():
        return None
    if _CONTROL.search(name):
        return "Control characters are not allowed"
    if _TURNING.search(name):
        return "Line separators and changes of direction are not allowed"
    if name and not any(map(_can_be_seen, name)):
        return "Expected characters that can be seen"
    return None


def _can_be_seen(character: str) -> bool:
    return unicodedata.category(character) not in UNSEEN and not _BLANK.match(character)
