"""The rule for names of films, rooms, buyers and payments: a name must be visible, and look as it was written.

A name may have letters of any script, and emoji, with the invisible joiners within them (Persian's ZWNJ, the
ZWJ of a family). Characters that change the direction of a text, or end a line, are refused.
"""

import re
import unicodedata

LINES_AND_DIRECTIONS = r"\u2028-\u202e\u2066-\u2069"
"""Ranges, for a regular expression: separators of lines and paragraphs, and characters that change the direction of a
text."""

BLANK = (
    r"\s\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u2065\u206a-\u206f"
    r"\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
)
"""Ranges, for a regular expression: characters below U+10000 that show nothing, such as fillers and blank Braille.

They are listed, because some of them are in a Unicode category that has visible characters, too.
"""

CONTROLS = r"\x00-\x1f\x7f-\x9f\ufffd"
"""Ranges, for a regular expression: control characters, and U+FFFD. API Gateway replaces bytes that are not UTF-8 with
U+FFFD, so a text with U+FFFD is not the text that was written."""

_CONTROL = re.compile(f"[{CONTROLS}\ud800-\udfff]")
_TURNING = re.compile(f"[{LINES_AND_DIRECTIONS}]")
_BLANK = re.compile(f"[{BLANK}\U000e0000-\U000e0fff]")

UNSEEN = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Mn", "Me"})
"""The Unicode categories of characters that show nothing by themselves: spaces, controls, formats, surrogates, and
marks on letters."""


def reason_against_name_or_none(name: str) -> str | None:
    """Gives the reason why a text can't be a name, or None if it can be one. http/messages.py translates the reason."""
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
