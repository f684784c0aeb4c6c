"""The rule for names of films, rooms, buyers and payments: people must see a name as it was written.

A name may have letters of any script, and emoji, with the invisible joiners within them (Persian's ZWNJ, the
ZWJ of a family). Characters that change the direction of a text, or end a line, are refused.
"""

import re
import unicodedata

LINES_AND_DIRECTIONS = r"\u2028-\u202e\u2066-\u2069"
"""Line and paragraph separators; characters that begin or end a change of the text's direction. For patterns."""

BLANK = (
    r"\s\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u2065\u206a-\u206f"
    r"\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
)
"""Characters below 65,536 that show nothing, whatever their category: fillers, blank Braille."""

CONTROLS = r"\x00-\x1f\x7f-\x9f\ufffd"
"""Control characters. The last one replaces bytes that are no UTF-8: API Gateway has changed the text."""

_CONTROL = re.compile(f"[{CONTROLS}\ud800-\udfff]")
_TURNING = re.compile(f"[{LINES_AND_DIRECTIONS}]")
_BLANK = re.compile(f"[{BLANK}\U000e0000-\U000e0fff]")

UNSEEN = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Mn", "Me"})
"""Unicode's categories that show nothing alone: spaces, controls, formats, surrogates, and marks on letters."""


def fault_of(name: str) -> str | None:
    """Gives the reason why a text can't be a name, or None if it can. http/messages.py translates the reason."""
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
