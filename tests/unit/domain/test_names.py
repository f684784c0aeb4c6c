"""What may be a name: what people can see, and see as it was written."""

import re
import unicodedata

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from chalicelib.api.http.messages import error_message
from chalicelib.api.openapi.schemas import PRINTABLE
from chalicelib.api.wire.bodies import MalformedRequest, parsed
from chalicelib.api.wire.languages import PORTUGUESE
from chalicelib.api.wire.names import reason_against_name_or_none

GOOD = {
    "English": "Oppenheimer",
    "one character": "M",
    "a number": "1917",
    "punctuation": "?",
    "Portuguese": "Cidade de Deus — O Retorno",
    "decomposed": "Ame\u0301lie",
    "Arabic": "قصر",
    "Hebrew with points": "שָׁלוֹם",
    "Hebrew with a mark of direction": "א\u200e 1",
    "Persian with a joiner": "نی\u200cی",
    "Hindi": "तीन मूर्ख",
    "Tamil": "பொன்னியின் செல்வன்",
    "Thai": "ที่รัก",
    "Chinese": "卧虎藏龙",
    "Korean": "기생충",
    "an emoji": "🎬",
    "a family": "👨\u200d👩\u200d👧",
    "a heart with its variation": "❤\ufe0f",
    "a flag": "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "spaces around it": " A1 ",
    "a no-break space in it": "A\u00a01",
    "a soft hyphen in it": "Donau\u00addampf",
}

UNSEEN = {
    "a space": " ",
    "spaces": "\u00a0\u2003\u3000",
    "zero width": "\u200b",
    "zero width, twice": "\u200b\u200b",
    "joiners": "\u200c\u200d",
    "a word joiner": "\u2060",
    "a byte order mark": "\ufeff",
    "a soft hyphen": "\u00ad",
    "marks of direction": "\u200e\u200f\u061c",
    "a grapheme joiner": "\u034f",
    "Hangul fillers": "\u115f\u1160\u3164\uffa0",
    "Khmer vowels that show nothing": "\u17b4\u17b5",
    "a Mongolian separator": "\u180e",
    "blank Braille": "\u2800",
    "variation selectors": "\ufe0f\U000e0100",
    "tags": "\U000e0041\U000e007f",
    "an accent on nothing": "\u0301",
    "a circle around nothing": "\u20dd",
    "invisible times": "\u2062",
    "shorthand format": "\U0001bca0",
    "musical format": "\U0001d173",
}

TURNING = ("\u2028", "\u2029", *map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A)))
CONTROLS = (*map(chr, range(0x20)), "\x7f", *map(chr, range(0x80, 0xA0)), "\ud800", "\udfff")


@pytest.mark.parametrize("name", GOOD.values(), ids=GOOD)
def test_a_name_of_any_language_is_one(name: str) -> None:
    assert reason_against_name_or_none(name) is None
    assert re.search(PRINTABLE, name)


@pytest.mark.parametrize("name", UNSEEN.values(), ids=UNSEEN)
def test_what_cannot_be_seen_is_no_name(name: str) -> None:
    assert reason_against_name_or_none(name) == "Expected characters that can be seen"


@pytest.mark.parametrize("character", TURNING, ids=ascii)
def test_what_turns_the_text_or_ends_the_line_belongs_to_no_name(character: str) -> None:
    for name in (f"a{character}b", character, f"{character}قاعة"):
        assert reason_against_name_or_none(name) == "Line separators and changes of direction are not allowed"
        assert not re.search(PRINTABLE, name)


@pytest.mark.parametrize("character", CONTROLS, ids=ascii)
def test_controls_and_halves_of_a_pair_belong_to_no_name(character: str) -> None:
    assert reason_against_name_or_none(f"a{character}b") == "Control characters are not allowed"


@given(some.text(min_size=1, max_size=4))
def test_what_is_documented_as_no_name_is_none(name: str) -> None:
    if not re.search(PRINTABLE, name):
        assert reason_against_name_or_none(name)


@given(some.characters(categories=("L", "N", "P", "S")))
def test_a_letter_a_digit_or_a_sign_is_a_name_unless_it_is_a_filler(character: str) -> None:
    if "FILLER" not in unicodedata.name(character, "") and character != "\u2800":
        assert reason_against_name_or_none(character) is None


class Deep(msgspec.Struct, rename="camel"):
    halls: list[dict[str, str]]


def test_names_are_looked_at_wherever_they_stand_in_a_body() -> None:
    good = '{"halls": [{"kind": "a"}, {"kind": "b"}]}'
    assert parsed(good, Deep).halls[1] == {"kind": "b"}

    with pytest.raises(MalformedRequest) as refused:
        parsed(good.replace('"b"', '"\\u200b"'), Deep)
    assert refused.value.field == "$.halls[1].kind"
    with pytest.raises(MalformedRequest):
        parsed(good.replace('"kind": "b"', '"\\u202e": "b"'), Deep)


@pytest.mark.parametrize("name", ["\u200b", "\u202e", "\x00"])
def test_what_is_wrong_is_said_in_portuguese(name: str) -> None:
    english = reason_against_name_or_none(name)
    said = error_message("VALIDATION_ERROR", {"detail": english}, PORTUGUESE)

    assert english
    assert english not in said
