"""A sale's name for people."""

import re

from chalicelib.domain.booking_codes import ALPHABET, booking_code


def test_a_sale_has_the_same_code_for_ever() -> None:
    """It stands on paper and in letters: whoever changes the rule breaks them."""
    assert booking_code("sale-1") == booking_code("sale-1")
    assert booking_code("sale-1") == "VW3V-T97B"


def test_a_code_can_be_read_out_and_typed() -> None:
    codes = [booking_code(f"sale-{number}") for number in range(2000)]

    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(rf"[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}", code) for code in codes)
    assert not set("AEIOU01") & set(ALPHABET)
