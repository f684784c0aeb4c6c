"""Joins Arabic letters, for a PDF library that draws each by itself: a letter's form depends on its neighbours.

The forms are Unicode's presentation forms A and B, found by Unicode's decompositions. So we need neither a table of our
own nor a shaping engine: uharfbuzz would add 15 MB to a package that prints a page.
"""

import unicodedata
from collections.abc import Mapping
from functools import cache

LAM, TATWEEL, JOINER = "\u0644", "\u0640", "\u200d"
_FORMS_A, _FORMS_B = range(0xFB50, 0xFBFF + 1), range(0xFE70, 0xFEFC + 1)
_SHAPES = {(False, False): "<isolated>", (True, False): "<final>", (False, True): "<initial>", (True, True): "<medial>"}
"""The shape of a letter, by two facts: whether it joins the letter before it, and whether it joins the letter after
it."""


def join_arabic_letters(text: str) -> str:
    """Replaces Arabic letters with their joined forms. The pair lam and alef becomes one letter.

    Keeps the logical order: the text is not reversed for drawing.
    """
    letters = list(text)
    for place, letter in enumerate(letters):
        following = _place_after_marks(letters, place)
        if letter == LAM and following < len(letters) and LAM + letters[following] in _forms():
            letters[place], letters[following] = LAM + letters[following], ""
    return "".join(_letter_in_shape(letters, place) for place in range(len(letters)))


def _letter_in_shape(letters: list[str], place: int) -> str:
    forms = _forms().get(letters[place])
    if not forms:
        return letters[place]
    before = _joins_onward(_letter_before(letters, place)) and "<final>" in forms
    after = _joins_back(_letter_after(letters, place)) and "<initial>" in forms
    return forms.get(_SHAPES[before, after], letters[place])


def _joins_onward(letter: str) -> bool:
    """Tells whether the letter joins the one after it."""
    return letter in (TATWEEL, JOINER) or "<initial>" in _forms().get(letter, {})


def _joins_back(letter: str) -> bool:
    """Tells whether the letter joins the one before it."""
    return letter in (TATWEEL, JOINER) or "<final>" in _forms().get(letter, {})


def _letter_before(letters: list[str], place: int) -> str:
    return next((letter for letter in reversed(letters[:place]) if not _is_mark(letter)), "")


def _letter_after(letters: list[str], place: int) -> str:
    following = _place_after_marks(letters, place)
    return letters[following] if following < len(letters) else ""


def _place_after_marks(letters: list[str], place: int) -> int:
    return next((later for later in range(place + 1, len(letters)) if not _is_mark(letters[later])), len(letters))


def _is_mark(letter: str) -> bool:
    """Tells whether this element of the text is skipped when letters are joined. Vowel signs are skipped. When an alef
    is joined to a lam, an empty text takes its place; this empty text is skipped, too."""
    return letter == "" or (len(letter) == 1 and unicodedata.category(letter) == "Mn")


@cache
def _forms() -> Mapping[str, Mapping[str, str]]:
    """Gives, for each letter and for lam with alef, the character of each shape."""
    forms: dict[str, dict[str, str]] = {}
    for code in (*_FORMS_A, *_FORMS_B):
        shape, *letters = unicodedata.decomposition(chr(code)).split() or [""]
        base = "".join(chr(int(letter, 16)) for letter in letters)
        if len(base) == 1 or (len(base) == 2 and base[0] == LAM and base[1] in "\u0622\u0623\u0625\u0627"):
            forms.setdefault(base, {})[shape] = chr(code)
    return forms
